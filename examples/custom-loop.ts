/** A training loop of one's own: a warm-up, clipped gradients, a moving average of the weights, and a test of both. */
import { data, manualSeed, models, nn, noGrad, optim, scope, setNumThreads, type Tensor } from 'torchbridge';

setNumThreads(1);
manualSeed(0);
const { train, test } = data.digits();
const model = new models.LeNet({ padding: 2, softmax: false });
const averaged = new nn.AveragedModel(model, { multiAverageFn: nn.emaMultiAverageFn(0.95) });
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true });
const loader = new data.DataLoader(train, { batchSize: 100, shuffle: true });
const steps = 2 * loader.length;
const schedule = new optim.SequentialLR(optimizer, {
  schedulers: [
    new optim.LinearLR(optimizer, { startFactor: 0.01, totalIters: 50 }),
    new optim.CosineAnnealingLR(optimizer, { tMax: steps - 50 }),
  ],
  milestones: [50],
});

/** Everything that a step makes is freed when its scope ends. */
function step(input: Tensor, target: Tensor): number {
  return scope(() => {
    const loss = nn.functional.crossEntropy(model.call(input), target, { labelSmoothing: 0.1 });
    optimizer.zeroGrad();
    loss.backward();
    nn.clipGradNorm(model.parameters(), 1);
    optimizer.step();
    averaged.updateParameters(model);
    schedule.step();
    return loss.item();
  });
}

function accuracy(network: models.LeNet): number {
  network.eval();
  return scope(() =>
    noGrad(() => {
      const [input, target] = test.batch([...Array(test.length).keys()]);
      return network.call(input).argmax(1).eq(target).sum().item() / test.length;
    }),
  );
}

for (let epoch = 1; epoch <= 2; epoch++) {
  model.train();
  let sum = 0;
  for (const [input, target] of loader) {
    sum += step(input, target);
    input.dispose();
    target.dispose();
  }
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  console.log(
    `epoch ${epoch}: loss ${(sum / loader.length).toFixed(2)}, right ${percent(accuracy(model))}, averaged ${percent(accuracy(averaged.module))}`,
  );
}
