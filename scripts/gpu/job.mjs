/**
 * Jobs of gpu-check in a process of their own: each trains a network for some steps and prints what came out as a line of JSON. reference.py
 * does the same jobs with Python's PyTorch.
 *
 *     node scripts/gpu/job.mjs '[{"net": "bc", "depth": 100, ...}, ...]'
 *
 * It imports nothing that needs a package: only dist/lib and the addon are there.
 */
import { createHash } from 'node:crypto';

const at = (name) => new URL(`../../dist/lib/${name}.js`, import.meta.url).href;
const {
  backends,
  cuda,
  keep,
  manualSeed,
  memory,
  randint,
  randn,
  resetPeakMemory,
  scope,
  setNumThreads,
  useDeterministicAlgorithms,
} = await import(at('tensor/index'));
const { SGD } = await import(at('optim/index'));
const { cifarDenseNet } = await import(at('models/cifar-densenet'));
const { DenseNet } = await import(at('models/densenet'));
const { GraphedTraining } = await import(at('train/graphed-training'));
const { lossOf } = await import(at('train/objective'));
const { Precision } = await import(at('train/precision'));
const { CudaRecorder } = await import(at('tensor/cuda/recorder'));

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

function build(job) {
  setNumThreads(job.threads);
  useDeterministicAlgorithms(job.deterministic);
  backends.cudnn.deterministic = job.deterministic;
  backends.cudnn.benchmark = job.benchmark;
  backends.cudnn.allowTf32 = job.tf32;
  backends.cuda.matmul.allowTf32 = job.tf32;
  manualSeed(job.seed);
  const form = { depth: job.depth, growthRate: job.growth };
  const imagenet = { growthRate: 32, blockConfig: [6, 12, 24, 16], numInitFeatures: 64 };
  const model =
    job.net === 'bc'
      ? cifarDenseNet({ ...form, efficient: job.mode })
      : new DenseNet({ ...imagenet, efficient: job.mode });
  const precision = new Precision({ device: job.device, amp: job.amp, channelsLast: job.channelsLast });
  const [images, labels] = scope(() => {
    const input = randn([job.batch, 3, job.side, job.side]);
    const target = randint(0, 10, [job.batch], { dtype: 'int64' });
    model.to({ device: job.device });
    precision.prepare(model);
    return [keep(precision.input(input)), keep(target.to(job.device))];
  });
  model.train();
  return { model, precision, images, labels };
}

/** What takes a step and says its loss, in a scope. */
function stepOf(job, { model, precision, images, labels }) {
  const options = { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 };
  const optimizer = new SGD(model.parameters(), job.graph ? { ...options, fused: true } : options);
  const objective = { labelSmoothing: 0, accumulate: 1, clipGradNorm: null };
  if (job.graph) {
    const recorder = new CudaRecorder(job.device);
    const given = { model, optimizer, objective, precision, recorder };
    const steps = new GraphedTraining({ ...given, scaler: null, batchSize: job.batch });
    return { optimizer, step: () => steps.step(images, labels).loss.item(), end: () => steps.dispose() };
  }
  const step = () => {
    optimizer.zeroGrad();
    const { loss } = precision.forward(() => lossOf(model.call(images), labels, objective));
    loss.backward();
    optimizer.step();
    return loss.item();
  };
  return { optimizer, step, end: () => undefined };
}

function digestOf(model) {
  const hash = createHash('sha256');
  scope(() => {
    for (const [name, value] of model.stateDict()) {
      hash.update(name);
      hash.update(value.to('cpu').contiguous().bytes());
    }
  });
  return hash.digest('hex');
}

function run(job) {
  const onCuda = job.device.startsWith('cuda');
  const wait = () => (onCuda ? cuda.synchronize(job.device) : undefined);
  const held = () => (onCuda ? cuda.memoryAllocated(job.device) : memory().bytes);
  const built = build(job);
  const { optimizer, step, end } = stepOf(job, built);
  const losses = [];
  try {
    for (let i = 0; i < job.warmup; i++) losses.push(scope(step));
    wait();
    if (onCuda) cuda.resetPeakMemoryStats(job.device);
    else resetPeakMemory();
    const [times, bytes, tensors] = [[], [], []];
    const until = performance.now() + 1000 * job.seconds;
    for (let i = 0; i < job.steps && (i < 3 || performance.now() < until); i++) {
      const began = performance.now();
      const loss = scope(step);
      wait();
      times.push(performance.now() - began);
      if (losses.length < 100) losses.push(loss);
      bytes.push(held());
      tensors.push(memory().tensors);
    }
    const early = Math.min(10, bytes.length - 1);
    return {
      losses,
      digest: digestOf(built.model),
      steps: times.length,
      medianMs: median(times),
      peakBytes: onCuda ? cuda.maxMemoryAllocated(job.device) : memory().peakBytes,
      // What a graph holds lies in a pool of its own, which counts as reserved whether it is in use or not.
      reservedBytes: onCuda ? cuda.maxMemoryReserved(job.device) : null,
      heldFirst: bytes[early],
      heldLast: bytes.at(-1),
      tensorsFirst: tensors[early],
      tensorsLast: tensors.at(-1),
    };
  } finally {
    end();
    optimizer.zeroGrad();
    for (const { momentum_buffer: buffer } of optimizer.state.values()) buffer?.dispose();
    for (const each of [...built.model.parameters(), ...built.model.buffers()]) each.dispose();
    for (const each of [built.images, built.labels]) each.dispose();
    if (onCuda) cuda.emptyCache();
  }
}

for (const job of JSON.parse(process.argv[2])) {
  let outcome;
  try {
    outcome = run(job);
  } catch (error) {
    outcome = { error: String(error?.message ?? error).split('\n')[0] };
  }
  console.log(JSON.stringify(outcome));
}
