/** A data set of one's own: points on two spirals, made as they are asked for, that the loader shuffles and batches. */
import { data, manualSeed, nn, optim, scope, setNumThreads, tensor, type Tensor } from 'torchbridge';

/** Anything with a length and batches is a data set. */
class Spirals implements data.Dataset {
  constructor(readonly length: number) {}

  /** Points `[N, 2]` float32, and the spiral that each lies on, `[N]` int64. */
  batch(indices: readonly number[]): [Tensor, Tensor] {
    const points = indices.flatMap((index) => {
      const angle = (4 * Math.PI * (index >> 1)) / (this.length / 2);
      const radius = (0.1 + angle / 14) * (index % 2 === 0 ? 1 : -1);
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    });
    const labels = BigInt64Array.from(indices, (index) => BigInt(index % 2));
    return [tensor(Float32Array.from(points), { shape: [indices.length, 2] }), tensor(labels)];
  }
}

setNumThreads(1);
manualSeed(0);
const spirals = new Spirals(1000);
const model = new nn.Sequential(
  new nn.Linear(2, 64),
  new nn.Tanh(),
  new nn.Linear(64, 64),
  new nn.Tanh(),
  new nn.Linear(64, 2),
);
const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 });
const loader = new data.DataLoader(spirals, { batchSize: 50, shuffle: true });
for (let epoch = 1; epoch <= 60; epoch++) {
  let wrong = 0;
  for (const [input, target] of loader) {
    wrong += scope(() => {
      const output = model.call(input) as Tensor;
      optimizer.zeroGrad();
      nn.functional.crossEntropy(output, target).backward();
      optimizer.step();
      return output.argmax(1).ne(target).sum().item();
    });
    input.dispose();
    target.dispose();
  }
  if (epoch === 1 || epoch % 20 === 0) console.log(`epoch ${epoch}: ${wrong} of ${spirals.length} points wrong`);
}
