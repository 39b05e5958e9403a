/**
 * How long a step takes on many GPUs: arithmetic, and what of the communication does not hide behind backward. All times are seconds,
 * all sizes bytes.
 */

/**
 * Assumptions from data sheets, none of them measured here.
 * - GPUs: dense bfloat16 operations of the tensor cores and bytes of memory, a second; NVLink's bytes a second in one direction.
 * - networks: bytes a second of a machine's connection, in one direction, and the latency of a step across it.
 */
export const GPUS = {
  v100: { name: 'V100 SXM2 (float16)', flops: 125e12, memory: 0.9e12, nvlink: 150e9 },
  a100: { name: 'A100 SXM 80 GB', flops: 312e12, memory: 2.039e12, nvlink: 300e9 },
  h100: { name: 'H100 SXM', flops: 989e12, memory: 3.35e12, nvlink: 450e9 },
};
export const NETWORKS = {
  '25gbe': { name: '25 Gb Ethernet', bandwidth: 25e9 / 8, latency: 30e-6 },
  '100gbe': { name: '100 Gb Ethernet', bandwidth: 100e9 / 8, latency: 30e-6 },
  hdr: { name: 'InfiniBand HDR, one for each GPU', bandwidth: (8 * 200e9) / 8, latency: 14e-6 },
  ndr: { name: 'InfiniBand NDR, one for each GPU', bandwidth: (8 * 400e9) / 8, latency: 14e-6 },
};

/** What may be given on the command line; the latencies of rings and trees are those that NCCL's own tuner reckons with. */
export const DEFAULTS = {
  gpusPerMachine: 8,
  /** Of a link's nominal bandwidth that a collective reaches. */
  linkEfficiency: 0.8,
  /** Of an all-reduce, before anything travels. */
  base: 8.4e-6,
  nvlinkLatency: 3.4e-6,
  /** Of the arithmetic and the memory at once; see {@link EFFICIENCY}. */
  efficiency: undefined,
  /** Bytes of an element of what layers exchange: 2 under autocast. */
  activation: 2,
  /** Between two kernels that a program launches one after the other. */
  launch: 5e-6,
  /** Kernels of a step for each operator of forward: one there, two in backward, one to add gradients up or to step. */
  kernels: 4,
};

/**
 * The only time of a DenseNet on a GPU that is used here, published with the efficient_densenet_pytorch script: DenseNet-BC-100 (k = 12) with 64
 * pictures takes 0.165 s on a Titan X Pascal (10.97 TFLOP/s in float32, 480 GB/s). It says how much of arithmetic and traffic, one after
 * the other at their peaks, a program gets: every GPU is reckoned to get as much.
 */
export const PUBLISHED = { network: 'densenet-bc-100-12', seconds: 0.165, flops: 10.97e12, memory: 480e9 };

/** The part of its peaks that a GPU reaches, from {@link PUBLISHED}. */
export const efficiencyFrom = ({ flops, bytes }) =>
  (flops / PUBLISHED.flops + bytes / PUBLISHED.memory) / PUBLISHED.seconds;

/** All-reduce by a ring of `ranks`: each sends 2 (ranks - 1) / ranks of the bytes, in 2 (ranks - 1) steps. */
export function ringAllReduce(bytes, ranks, { alpha, beta, base = 0 }) {
  if (ranks === 1) return 0;
  return base + 2 * (ranks - 1) * alpha + ((2 * (ranks - 1)) / ranks) * bytes * beta;
}

/**
 * All-reduce on machines with several GPUs, the fastest of three ways: one ring over all, as wide as the narrower of NVLink and the
 * machine's connections; trees between machines, with a chain in each (NCCL's); and reduce-scatter within machines, rings between
 * them, all-gather within.
 */
export function allReduce(bytes, ranks, cluster) {
  const { inside, outside, base, size } = layout(ranks, cluster);
  if (ranks === 1) return { seconds: 0, way: 'none' };
  if (size === 1) return { seconds: ringAllReduce(bytes, ranks, { ...inside, base }), way: 'ring' };
  const own = ranks / size;
  const beta = Math.max(inside.beta, outside.beta);
  const crossing = 2 * (size - 1);
  const part = (2 * (ranks - 1)) / ranks;
  const ways = {
    ring: base + (2 * (ranks - 1) - crossing) * inside.alpha + crossing * outside.alpha + part * bytes * beta,
    // Latencies of a tree are shorter, as NCCL sends small pieces then, at 0.92 of the bandwidth.
    tree: base + 2 * ((own - 1) * inside.alpha + Math.log2(size) * outside.alpha) + (2 * bytes * beta) / 0.92,
    levels:
      3 * base +
      2 * ((own - 1) * inside.alpha + (size - 1) * outside.alpha) +
      ((2 * (own - 1)) / own) * bytes * inside.beta +
      ((2 * (size - 1)) / size) * bytes * outside.beta,
  };
  const [way, seconds] = Object.entries(ways).sort(([, a], [, b]) => a - b)[0];
  return { seconds, way };
}

/** Broadcast from one process along a chain that is cut into pieces, as NCCL does. */
export function broadcast(bytes, ranks, cluster) {
  if (ranks === 1) return 0;
  const { inside, outside, base, size } = layout(ranks, cluster);
  const beta = size === 1 ? inside.beta : Math.max(inside.beta, outside.beta);
  return base + (ranks - size) * inside.alpha + (size - 1) * outside.alpha + bytes * beta;
}

/** Machines, and the links in them and between them. */
function layout(ranks, { gpu, network, gpusPerMachine, linkEfficiency, base, nvlinkLatency }) {
  const size = Math.ceil(ranks / gpusPerMachine);
  return {
    size,
    base,
    inside: { alpha: nvlinkLatency, beta: 1 / (gpu.nvlink * linkEfficiency) },
    // The rings or trees of a machine share its connections.
    outside: { alpha: network.latency, beta: 1 / (network.bandwidth * linkEfficiency) },
  };
}

/**
 * What is left of communication when backward has ended: buckets are reduced one after the other, each when backward has filled it.
 * @param ready the part of backward at which each bucket is full.
 */
export function exposed(buckets, ready, backward, timeOf) {
  let end = 0;
  for (const [index, bytes] of buckets.entries()) end = Math.max(end, ready[index] * backward) + timeOf(bytes);
  return Math.max(0, end - backward);
}

/** Forward and backward of `pictures` on one GPU: arithmetic and traffic, or the launches of their kernels if these take longer. */
export function computation({ flops, bytes, operators, backward }, pictures, batch, cluster) {
  const { gpu, efficiency, activation, launch, kernels } = cluster;
  const peaks = flops / gpu.flops + (bytes * activation) / 4 / gpu.memory;
  const work = ((peaks / efficiency) * pictures) / batch;
  const launches = operators * kernels * launch;
  const seconds = Math.max(work, launches);
  return { seconds, backward: (seconds * backward) / flops, launches: launches >= work };
}

/** A step of `pictures` on each of `ranks` GPUs, and what it is made of. */
export function step(costs, pictures, ranks, batch, cluster) {
  const compute = computation(costs, pictures, batch, cluster);
  const reduced = costs.buckets.map((bytes) => allReduce(bytes, ranks, cluster));
  const total = reduced.reduce((sum, { seconds }) => sum + seconds, 0);
  const left = exposed(
    costs.buckets,
    costs.ready,
    compute.backward,
    (bytes) => allReduce(bytes, ranks, cluster).seconds,
  );
  const buffers = costs.bufferBytes.reduce((sum, bytes) => sum + broadcast(bytes, ranks, cluster), 0);
  return {
    compute: compute.seconds,
    launches: compute.launches,
    total,
    exposed: left,
    buffers,
    seconds: compute.seconds + left + buffers,
    ways: [...new Set(reduced.map(({ way }) => way))],
  };
}
