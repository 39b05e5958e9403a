/** Our side of efficient.mjs: reads `network mode threads dtype` lines, answers the bytes and the time of a training step as JSON. */
import readline from 'node:readline';
import {
  manualSeed,
  memory,
  models,
  nn,
  optim,
  randint,
  randn,
  resetPeakMemory,
  scope,
  setNumThreads,
} from '../dist/lib/index.js';

const NETWORKS = {
  // torchvision's style, so that `checkpoint` is the mode that does not re-enter the graph, as on the other side.
  'densenet-bc-100-12': {
    make: (efficient) => models.cifarDenseNet({ depth: 100, growthRate: 12, style: 'torchvision', efficient }),
    batch: [64, 32, 10],
  },
  densenet121: { make: (efficient) => models.densenet121({ efficient }), batch: [8, 224, 1000] },
};

function stepOf(name, mode, dtype) {
  const {
    make,
    batch: [batch, size, classes],
  } = NETWORKS[name];
  manualSeed(0);
  const model = make(mode).to(dtype);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
  const [input, target] = [randn([batch, 3, size, size]).to(dtype), randint(0, classes, [batch])];
  const step = () =>
    scope(() => {
      const before = memory().bytes;
      const loss = nn.functional.crossEntropy(model.call(input), target);
      const held = memory().bytes - before;
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return held;
    });
  return { step, clear: () => optimizer.zeroGrad() };
}

const steps = new Map();
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, mode, threads, dtype] = line.split('\t');
  setNumThreads(Number(threads));
  const key = `${name} ${mode} ${dtype}`;
  if (!steps.has(key)) {
    steps.set(key, stepOf(name, mode, dtype));
    steps.get(key).step();
    steps.get(key).clear();
  }
  const { step, clear } = steps.get(key);
  resetPeakMemory();
  const outside = memory().bytes;
  const start = process.hrtime.bigint();
  const held = step();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const peak = memory().peakBytes - outside;
  clear();
  console.log(JSON.stringify({ seconds, held, peak }));
}
