/**
 * One job of gpu-check in a process of its own: trains a network for some steps and prints what came out as JSON. reference.py does the
 * same job with Python's PyTorch.
 *
 *     node scripts/gpu/job.mjs '{"net": "bc", "depth": 100, ...}'
 *
 * It imports nothing that needs a package: only dist/lib and the addon are there.
 */
import { createHash } from 'node:crypto';

const at = (name) => new URL(`../../dist/lib/${name}.js`, import.meta.url).href;
const {
  autocast,
  backends,
  cuda,
  manualSeed,
  memory,
  randint,
  randn,
  resetPeakMemory,
  scope,
  setNumThreads,
  tensor,
  useDeterministicAlgorithms,
} = await import(at('tensor/index'));
const { functional } = await import(at('nn/index'));
const { SGD } = await import(at('optim/index'));
const { cifarDenseNet } = await import(at('models/cifar-densenet'));
const { DenseNet } = await import(at('models/densenet'));

const job = JSON.parse(process.argv[2]);
const onCuda = job.device.startsWith('cuda');
setNumThreads(job.threads);
if (job.deterministic) useDeterministicAlgorithms(true);
backends.cudnn.deterministic = job.deterministic;
backends.cudnn.benchmark = job.benchmark;
backends.cudnn.allowTf32 = job.tf32;
backends.cuda.matmul.allowTf32 = job.tf32;

manualSeed(job.seed);
const net =
  job.net === 'bc'
    ? cifarDenseNet({ depth: job.depth, growthRate: job.growth, efficient: job.mode })
    : new DenseNet({ growthRate: 32, blockConfig: [6, 12, 24, 16], numInitFeatures: 64, efficient: job.mode });
const input = randn([job.batch, 3, job.side, job.side]);
const target = randint(0, 10, [job.batch], { dtype: 'int64' });
net.to({ device: job.device, ...(job.channelsLast ? { memoryFormat: 'channels_last' } : {}) });
const images = input.to({ device: job.device, ...(job.channelsLast ? { memoryFormat: 'channels_last' } : {}) });
const labels = target.to(job.device);
const sgd = { momentum: 0.9, nesterov: true, weightDecay: 1e-4 };
const optimizer = job.graph
  ? new SGD(net.parameters(), { ...sgd, lr: tensor(0.1, { device: job.device }), fused: true })
  : new SGD(net.parameters(), { ...sgd, lr: 0.1 });

const lossOf = (x, y) => functional.crossEntropy(net.call(x), y);
const forward = (x, y) =>
  job.amp === 'bf16' ? autocast(job.device, { dtype: 'bfloat16' }, () => lossOf(x, y)) : lossOf(x, y);
const whole = (x, y) => {
  const loss = forward(x, y);
  loss.backward();
  optimizer.step();
  return [loss];
};
const eager = () =>
  scope(() => {
    optimizer.zeroGrad();
    return whole(images, labels)[0].item();
  });

const wait = () => (onCuda ? cuda.synchronize(job.device) : undefined);
const held = () => (onCuda ? cuda.memoryAllocated(job.device) : memory().bytes);
const peak = () => (onCuda ? cuda.maxMemoryAllocated(job.device) : memory().peakBytes);

const losses = [];
for (let i = 0; i < job.warmup; i++) losses.push(eager());
let step = eager;
let graphed;
if (job.graph) {
  graphed = cuda.makeGraphedStep(whole, [images, labels], { beforeCapture: () => optimizer.zeroGrad() });
  step = () => graphed(images, labels)[0].item();
}
wait();
if (onCuda) cuda.resetPeakMemoryStats(job.device);
else resetPeakMemory();
const times = [];
const bytes = [];
const tensors = [];
for (let i = 0; i < job.steps; i++) {
  const began = performance.now();
  const loss = step();
  wait();
  times.push(performance.now() - began);
  if (losses.length < 100) losses.push(loss);
  bytes.push(held());
  tensors.push(memory().tensors);
}
const hash = createHash('sha256');
for (const [name, value] of net.stateDict()) {
  hash.update(name);
  hash.update(value.to('cpu').contiguous().bytes());
}
const sorted = [...times].sort((a, b) => a - b);
console.log(
  JSON.stringify({
    losses,
    digest: hash.digest('hex'),
    medianMs: sorted[Math.floor(sorted.length / 2)],
    peakBytes: peak(),
    heldFirst: bytes[Math.min(10, bytes.length - 1)],
    heldLast: bytes.at(-1),
    tensorsFirst: tensors[Math.min(10, tensors.length - 1)],
    tensorsLast: tensors.at(-1),
  }),
);
