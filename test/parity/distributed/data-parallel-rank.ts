/** One rank of our side, started by compare-ranks.ts with the arguments of data_parallel.py. */
import {
  distributed,
  Generator,
  io,
  manualSeed,
  nn,
  optim,
  randint,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  ops,
  tensor,
} from '../../../lib/index.js';

export interface Options {
  readonly unused?: boolean;
  readonly view?: boolean;
  readonly buffers?: boolean;
  readonly bucketCapMb?: number;
  readonly accumulate?: readonly number[];
  readonly batch?: number;
  readonly side?: number;
}

class Layer extends nn.Module {
  readonly norm1: nn.BatchNorm2d;
  readonly conv1: nn.Conv2d;
  readonly norm2: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  constructor(channels: number, growth: number) {
    super();
    this.norm1 = new nn.BatchNorm2d(channels);
    this.conv1 = new nn.Conv2d(channels, 4 * growth, { kernelSize: 1, bias: false });
    this.norm2 = new nn.BatchNorm2d(4 * growth);
    this.conv2 = new nn.Conv2d(4 * growth, growth, { kernelSize: 3, padding: 1, bias: false });
  }
  forward(x: Tensor): Tensor {
    const bottleneck = this.conv1.call(this.norm1.call(x).relu());
    return ops.cat([x, this.conv2.call(this.norm2.call(bottleneck).relu())], 1);
  }
}

class DenseNet extends nn.Module {
  readonly conv0: nn.Conv2d;
  readonly blocks = new nn.ModuleList();
  readonly transitions = new nn.ModuleList();
  readonly norm: nn.BatchNorm2d;
  readonly fc: nn.Linear;
  readonly spare: nn.Linear | null;
  constructor(depth: number, unused: boolean, growth = 12) {
    super();
    let channels = 2 * growth;
    this.conv0 = new nn.Conv2d(3, channels, { kernelSize: 3, padding: 1, bias: false });
    for (let block = 0; block < 3; block++) {
      const made = new nn.Sequential();
      for (let i = 0; i < (depth - 4) / 6; i++) {
        made.append(new Layer(channels, growth));
        channels += growth;
      }
      this.blocks.append(made);
      if (block === 2) continue;
      const out = channels >> 1;
      const conv = new nn.Conv2d(channels, out, { kernelSize: 1, bias: false });
      this.transitions.append(
        new nn.Sequential(new nn.BatchNorm2d(channels), new nn.ReLU(), conv, new nn.AvgPool2d({ kernelSize: 2 })),
      );
      channels = out;
    }
    this.norm = new nn.BatchNorm2d(channels);
    this.fc = new nn.Linear(channels, 10);
    this.spare = unused ? new nn.Linear(3, 5) : null;
  }
  forward(x: Tensor): Tensor {
    x = this.conv0.call(x);
    for (const [i, block] of [...this.blocks].entries()) {
      x = (block as nn.Sequential).call(x);
      if (i < 2) x = ([...this.transitions][i] as nn.Sequential).call(x);
    }
    return this.fc.call(this.norm.call(x).relu().mean([2, 3]));
  }
}

const [out = '', depth = '10', steps = '2', json = '{}'] = process.argv.slice(2);
const options = JSON.parse(json) as Options;
setNumThreads(1);
const group = await distributed.initProcessGroup({ host: '127.0.0.1', timeout: 120_000 });
const { rank, size } = group;
manualSeed(1 + rank);
const net = new DenseNet(Number(depth), options.unused ?? false);
const model = new distributed.DistributedDataParallel(net, {
  ...(options.bucketCapMb === undefined ? {} : { bucketCapMb: options.bucketCapMb }),
  findUnusedParameters: options.unused ?? false,
  gradientAsBucketView: options.view ?? false,
  broadcastBuffers: options.buffers ?? true,
});
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
const generator = new Generator();
generator.manualSeed(7);
const { batch = 4, side = 16 } = options;
const count = size * batch * Number(steps);
const pictures = randn([count, 3, side, side], { generator });
const labels = randint(0, 10, [count], { generator });
const sampler = new distributed.DistributedSampler({ length: count }, { seed: 3 });
sampler.setEpoch(2);
const order = [...sampler.indices()];
const losses: number[] = [];
const buckets: number[][][] = [];
for (let step = 0; step < Number(steps); step++) {
  scope(() => {
    const some = tensor(order.slice(step * batch, (step + 1) * batch), { dtype: 'int64' });
    const backward = (): void => {
      const output = model.call(pictures.indexSelect(0, some));
      const loss = nn.functional.crossEntropy(output, labels.indexSelect(0, some));
      loss.backward();
      losses.push(loss.item());
    };
    optimizer.zeroGrad();
    if (options.accumulate?.includes(step) === true) model.noSync(backward);
    backward();
    optimizer.step();
  });
  buckets.push(model.buckets());
}
io.save(
  new Map<string, unknown>([
    ['state', net.stateDict()],
    ['losses', losses],
    ['buckets', buckets.at(-1)],
    ['first', buckets[0]],
    ['order', order],
  ]),
  `${out}.${rank}`,
);
await distributed.barrier();
model.dispose();
distributed.destroyProcessGroup();
