/** A rank that uses DistributedDataParallel and ZeroRedundancyOptimizer as awkward.py does: `awkward-rank.ts OUT`. */
import {
  distributed,
  Generator,
  io,
  manualSeed,
  nn,
  noGrad,
  optim,
  randint,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  TorchError,
  zeros,
} from '../../../lib/index.js';

setNumThreads(1);
const [out = ''] = process.argv.slice(2);
const { rank } = await distributed.initProcessGroup({ host: '127.0.0.1', timeout: 60_000 });
const results = new Map<string, unknown>();
type Log = unknown[];

/** Three layers; `use` says which are used. */
class Parts extends nn.Module {
  readonly a = new nn.Linear(3, 3);
  readonly b = new nn.Linear(3, 3);
  readonly c = new nn.Linear(3, 3);
  declare readonly count: Tensor;
  declare readonly flag: Tensor;
  declare readonly halves: Tensor;
  constructor() {
    super();
    this.registerBuffer('count', zeros([2], { dtype: 'int64' }));
    this.registerBuffer('flag', zeros([3], { dtype: 'bool' }));
    this.registerBuffer('halves', zeros([2], { dtype: 'float16' }));
    this.registerBuffer('nothing', zeros([0]));
  }
  forward(x: Tensor, use: string): { all: Tensor[]; more: Map<string, Tensor> } {
    this.count.add_(rank + 1);
    this.flag.set([rank], true);
    this.halves.add_(0.5 * (rank + 1));
    const outputs = Array.from(use, (name) => (this as unknown as Record<string, nn.Linear>)[name]!.call(x));
    return { all: outputs, more: new Map([['first', outputs[0]!]]) };
  }
}

class Mixed extends nn.Module {
  constructor() {
    super();
    for (const [name, dtype] of Object.entries({ f: 'float32', d: 'float64', h: 'float16', b: 'bfloat16' } as const)) {
      this.registerParameter(name, new nn.Parameter(randn([5]).to(dtype)));
    }
  }
  forward(x: Tensor): Tensor {
    return this.parameters()
      .map((each) => each.mul(x.to(each.dtype)).to('float64'))
      .reduce((sum, each) => sum.add(each));
  }
}

class Tied extends nn.Module {
  readonly first = new nn.Linear(4, 4);
  readonly second = new nn.Linear(4, 4);
  readonly conv: nn.Conv2d;
  constructor() {
    super();
    Reflect.set(this.second, 'weight', this.first.weight);
    this.first.bias!.requiresGrad = false;
    this.conv = new nn.Conv2d(4, 4, { kernelSize: 3 });
    this.conv.to({ memoryFormat: 'channels_last' });
  }
  forward(x: Tensor): Tensor {
    const wide = x.reshape([-1, 4, 1, 1]).expand([-1, 4, 3, 3]);
    return this.second.call(this.first.call(x)).mean().add(this.conv.call(wide).mean());
  }
}

class Words extends nn.Module {
  readonly table = new nn.Embedding(7, 3, { sparse: true });
  readonly out = new nn.Linear(3, 2);
  forward(x: Tensor): Tensor {
    return this.out.call(this.table.call(x));
  }
}

const { DistributedDataParallel } = distributed;
const sum = ({ all }: { all: readonly Tensor[] }): Tensor => all.reduce((total, each) => total.add(each));

async function run(name: string, body: (log: Log, g: Generator) => void | Promise<void>): Promise<void> {
  manualSeed(5 + rank);
  const log: Log = [];
  let error = '';
  try {
    const g = new Generator();
    g.manualSeed(50 + rank);
    await body(log, g);
  } catch (e) {
    if (!(e instanceof TorchError)) throw e;
    error = e.message.split('\n')[0]!.split('. ')[0]!;
  }
  results.set(name, [log, error]);
  await distributed.barrier();
}

function gradients(log: Log, model: nn.Module): void {
  for (const [name, { grad }] of model.namedParameters()) {
    log.push([name, grad === null ? 'none' : (grad.layout === 'sparse_coo' ? grad.toDense() : grad).detach().clone()]);
  }
  for (const [name, buffer] of model.namedBuffers()) log.push([name, buffer.clone()]);
}

const unused = (view: boolean) => (log: Log, generator: Generator) => {
  const model = new DistributedDataParallel(new Parts(), { findUnusedParameters: true, gradientAsBucketView: view });
  for (const [step, use] of ['a', rank === 0 ? 'ab' : 'bc', 'abc', 'c'].entries()) {
    const x = randn([2, 3], { generator });
    if (step % 2 === 0) {
      model.noSync(() => {
        sum(model.call(x, use)).square().sum().backward();
        gradients(log, model);
      });
    }
    model.call(x, use).all[0]!.square().sum().backward();
    gradients(log, model);
    if (step === 1) model.zeroGrad();
  }
  log.push([...model.stateDict().keys()]);
  model.dispose();
};

await run('unused', unused(false));
await run('unused, views', unused(true));

await run('missing', (log, generator) => {
  const model = new DistributedDataParallel(new Parts());
  for (let step = 0; step < 2; step++) {
    sum(model.call(randn([2, 3], { generator }), 'ab'))
      .sum()
      .backward();
    gradients(log, model);
  }
});

await run('frozen_later', (log, generator) => {
  const model = new DistributedDataParallel(new Parts());
  sum(model.call(randn([2, 3], { generator }), 'abc'))
    .sum()
    .backward();
  model.module.b.weight.requiresGrad = false;
  for (let step = 0; step < 2; step++) {
    sum(model.call(randn([2, 3], { generator }), 'abc'))
      .sum()
      .backward();
    gradients(log, model);
  }
});

await run('evaluates', (log, generator) => {
  const model = new DistributedDataParallel(new Parts());
  const x = randn([2, 3], { generator });
  for (let step = 0; step < 2; step++) {
    log.push(['no grad', noGrad(() => sum(model.call(x, 'abc')))]);
    model.eval();
    log.push(['eval', sum(model.call(x, 'a')).detach()]);
    model.train();
    sum(model.call(x, 'abc')).sum().backward();
    gradients(log, model);
  }
});

await run('twice', (log, generator) => {
  const model = new DistributedDataParallel(new Parts());
  for (let step = 0; step < 2; step++) {
    const x = randn([2, 3], { generator });
    const first = sum(model.call(x, 'abc')).sum();
    first
      .add(
        sum(model.call(x.mul(2), 'abc'))
          .square()
          .sum(),
      )
      .backward();
    gradients(log, model);
  }
});

await run('mixed', (log, generator) => {
  const model = new DistributedDataParallel(new Mixed());
  for (let step = 0; step < 3; step++) {
    model
      .call(randn([5], { generator }))
      .sum()
      .backward();
    gradients(log, model);
  }
});

await run('tied', (log, generator) => {
  const model = new DistributedDataParallel(new Tied(), { bucketCapMb: 0.0001 });
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad({ setToNull: false });
    model.call(randn([3, 4], { generator })).backward();
    gradients(log, model);
    optimizer.step();
  }
  log.push([...model.stateDict().keys()]);
});

await run('words', (log, generator) => {
  const model = new DistributedDataParallel(new Words());
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  for (let step = 0; step < 2; step++) {
    optimizer.zeroGrad();
    model
      .call(randint(0, 7, [4], { generator }))
      .square()
      .sum()
      .backward();
    gradients(log, model);
    optimizer.step();
  }
  gradients(log, model);
});

await run('nothing', () => {
  new DistributedDataParallel(new nn.ReLU());
});

await run('all_frozen', () => {
  const linear = new nn.Linear(2, 2);
  for (const each of linear.parameters()) each.requiresGrad = false;
  new DistributedDataParallel(linear);
});

await run('zero', async (log) => {
  manualSeed(3);
  const sizes = [
    [4, 3],
    [3, 5],
    [5, 1],
  ] as const;
  const layers = new nn.ModuleList(sizes.map(([from, to]) => new nn.Linear(from, to)));
  layers.append(new nn.Linear(1, 2, { bias: false }));
  const [first, second, third, fourth] = [...layers] as nn.Linear[];
  const groups = [
    { params: first!.parameters(), lr: 0.1 },
    { params: second!.parameters(), momentum: 0 },
  ];
  const optimizer = new distributed.ZeroRedundancyOptimizer(groups, {
    optimizer: optim.SGD,
    options: { lr: 0.3, momentum: 0.9 },
  });
  const generator = new Generator();
  generator.manualSeed(1);
  const step = (): void => {
    for (const each of layers.parameters()) each.grad = randn(each.shape, { generator });
    optimizer.step();
    for (const [name, each] of layers.namedParameters()) log.push([name, each.detach().clone()]);
  };
  const schedule = new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
  step();
  schedule.step();
  optimizer.addParamGroup({ params: [...third!.parameters(), ...fourth!.parameters()], weightDecay: 0.1 });
  step();
  step();
  await optimizer.consolidateStateDict({ to: 1 });
  const state = optimizer.stateDict();
  for (const [number, values] of state.state) {
    const fields = Object.entries(values).map(([k, v]) => [k, v === null ? 'none' : (v as Tensor).clone()]);
    log.push([String(number), fields]);
  }
  for (const { lr, momentum, weight_decay: decay, params } of state.param_groups as Record<string, number>[]) {
    log.push(['group', [Number(lr), Number(momentum), Number(decay), params]]);
  }
});

scope(() => {
  io.save(results, `${out}.${rank}`);
});
distributed.destroyProcessGroup();
