/** A network of one's own: blocks that add what they compute to what they were given, learning digits. */
import { data, manualSeed, nn, noGrad, optim, scope, setNumThreads, type Tensor } from 'torchbridge';

/** A convolution beside a way around it. */
class Residual extends nn.Module {
  readonly norm: nn.BatchNorm2d;
  readonly conv: nn.Conv2d;

  constructor(channels: number) {
    super();
    this.norm = new nn.BatchNorm2d(channels);
    this.conv = new nn.Conv2d(channels, channels, { kernelSize: 3, padding: 1 });
  }

  forward(x: Tensor): Tensor {
    return x.add(this.conv.call(nn.functional.relu(this.norm.call(x))));
  }
}

setNumThreads(1);
manualSeed(0);
const model = new nn.Sequential(
  new nn.Conv2d(1, 8, { kernelSize: 5, stride: 2 }),
  new Residual(8),
  new nn.MaxPool2d({ kernelSize: 2 }),
  new Residual(8),
  new nn.Flatten(),
  new nn.Linear(8 * 6 * 6, 10),
);
console.log(String(model));

const { train, test } = data.digits();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.003 });
const loader = new data.DataLoader(new data.Subset(train, [...Array(4000).keys()]), { batchSize: 50, shuffle: true });
for (let epoch = 1; epoch <= 2; epoch++) {
  let sum = 0;
  for (const [input, target] of loader) {
    sum += scope(() => {
      const loss = nn.functional.crossEntropy(model.call(input) as Tensor, target);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    });
    input.dispose();
    target.dispose();
  }
  console.log(`epoch ${epoch}: loss ${(sum / loader.length).toFixed(2)}`);
}

model.eval();
const right = scope(() =>
  noGrad(() => {
    const [input, target] = test.batch([...Array(500).keys()]);
    return (model.call(input) as Tensor).argmax(1).eq(target).sum().item();
  }),
);
console.log(`${right > 400 ? 'more than 400' : 'only ' + String(right)} of 500 digits are right`);
