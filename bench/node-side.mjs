/** One side of the benchmarks: reads `case iterations` lines, answers nanoseconds an iteration. python_side.py is the other. */
import readline from 'node:readline';
import { models, noGrad, nn, ops, optim, randint, randn, scope, setNumThreads, tensor } from '../dist/lib/index.js';

const conv = (x, w) => ops.conv2d(x, w, null, [1, 1], [1, 1], [1, 1], 1);

function dispatchCases() {
  const [a, b, leaf] = [tensor([1]), tensor([2]), tensor([1], { requiresGrad: true })];
  const [x, w, weight] = [randn([1, 3, 8, 8]), randn([4, 3, 3, 3]), randn([4, 3, 3, 3], { requiresGrad: true })];
  const plain = {
    add: () => a.add(b),
    relu: () => a.relu(),
    view: () => a.view([1, 1]),
    cat: () => ops.cat([a, b]),
    conv2d: () => conv(x, w),
  };
  const grad = {
    add: () => leaf.add(b),
    relu: () => leaf.relu(),
    view: () => leaf.view([1, 1]),
    cat: () => ops.cat([leaf, b]),
    conv2d: () => conv(x, weight),
  };
  const loop = (fn) => (n) =>
    scope(() => {
      for (let i = 0; i < n; ++i) fn().dispose();
    });
  const cases = {};
  for (const [name, fn] of Object.entries(plain)) cases[`${name} noGrad`] = (n) => noGrad(() => loop(fn)(n));
  for (const [name, fn] of Object.entries(grad)) cases[`${name} grad`] = loop(fn);
  return cases;
}

/** A training step of a CIFAR DenseNet-BC, k = 12, batch 64. */
function stepCase(depth) {
  let step;
  return (n) => {
    if (step === undefined) {
      const model = models.cifarDenseNet({ depth, growthRate: 12 });
      const optimizer = new optim.SGD(model.parameters(), {
        lr: 0.1,
        momentum: 0.9,
        nesterov: true,
        weightDecay: 1e-4,
      });
      const [input, target] = [randn([64, 3, 32, 32]), randint(0, 10, [64])];
      step = () =>
        scope(() => {
          const loss = nn.functional.crossEntropy(model.call(input), target);
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();
        });
    }
    for (let i = 0; i < n; ++i) step();
  };
}

const cases = { ...dispatchCases(), 'step BC-40': stepCase(40), 'step BC-100': stepCase(100) };

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, iterations, threads] = line.split('\t');
  setNumThreads(Number(threads));
  const start = process.hrtime.bigint();
  cases[name](Number(iterations));
  console.log(Number(process.hrtime.bigint() - start) / Number(iterations));
}
