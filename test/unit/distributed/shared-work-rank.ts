/** One rank of shared-work.test.ts: batch norms over all processes, and optimizers whose state is divided. Prints what the test reads. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  distributed,
  type DType,
  io,
  manualSeed,
  models,
  nn,
  optim,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  tensor,
} from '../../../lib/index.js';

const [task = '', folder = ''] = process.argv.slice(2);
setNumThreads(1);
const group = await distributed.initProcessGroup({ host: '127.0.0.1', timeout: 120_000 });
const { rank } = group;

/** Pictures of each rank: of different numbers, none on the last. */
const COUNTS = [3, 1, 0];
const start = COUNTS.slice(0, rank).reduce((all, each) => all + each, 0);
const own = (all: Tensor): Tensor => all.narrow(0, start, COUNTS[rank]!);

interface Outcome {
  readonly output: Tensor;
  readonly byInput: Tensor;
  readonly byWeight: Tensor;
  readonly byBias: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

function run(norm: nn.Module, x: Tensor, gradient: Tensor): Outcome {
  const input = x.detach().requiresGrad_();
  const output = norm.call(input) as Tensor;
  output.backward({ gradient });
  const [byWeight, byBias] = norm.parameters().map((each) => each.grad!);
  const [mean, variance] = norm.buffers();
  return {
    output: output.detach(),
    byInput: input.grad!,
    byWeight: byWeight!,
    byBias: byBias!,
    mean: mean!,
    variance: variance!,
  };
}

/** The largest difference of each from what float64 and the whole batch give, ours and that of plain batch norm in the dtype. */
function normErrors(dtype: DType): Record<string, [number, number]> {
  return scope(() => {
    manualSeed(3);
    const [x, gradient] = [
      randn([4, 5, 6, 7], { dtype: 'float64' }).mul(3).add(20),
      randn([4, 5, 6, 7], { dtype: 'float64' }),
    ];
    const make = (type: DType, kind: 'plain' | 'synced'): nn.Module => {
      manualSeed(5);
      const norm = new nn.BatchNorm2d(5, { dtype: type });
      scope(() => {
        for (const each of norm.parameters()) each.data = randn([5], { dtype: 'float64' }).to(type);
      });
      return kind === 'plain' ? norm : distributed.convertSyncBatchNorm(norm);
    };
    const narrow = (t: Tensor): Tensor => t.to(dtype);
    const exact = run(make('float64', 'plain'), narrow(x).to('float64'), narrow(gradient).to('float64'));
    const plain = run(make(dtype, 'plain'), narrow(x), narrow(gradient));
    const synced = run(make(dtype, 'synced'), own(narrow(x)), own(narrow(gradient)));
    for (const each of [synced.byWeight, synced.byBias]) distributed.allReduce(each).wait();
    const far = (a: Tensor, b: Tensor): number => (a.numel() === 0 ? 0 : a.to('float64').sub(b).abs().max().item());
    const errors = (name: keyof Outcome, part: (t: Tensor) => Tensor): [number, number] => [
      far(synced[name], part(exact[name])),
      far(plain[name], exact[name]),
    ];
    const whole = (t: Tensor): Tensor => t;
    return {
      output: errors('output', own),
      byInput: errors('byInput', own),
      byWeight: errors('byWeight', whole),
      byBias: errors('byBias', whole),
      mean: errors('mean', whole),
      variance: errors('variance', whole),
    };
  });
}

function network(): nn.Module {
  manualSeed(1);
  return models.cifarDenseNet({ depth: 10, growthRate: 4, numClasses: 3 });
}

/** Trains with an optimizer made by `make`; ends with the parameters and the state. */
async function trained(
  make: (params: nn.Parameter[]) => optim.SGD | distributed.ZeroRedundancyOptimizer<optim.SGDOptions>,
  from?: optim.OptimizerStateLike,
): Promise<{ bytes: string[]; state: optim.OptimizerStateDict | null; held: number }> {
  const model = new distributed.DistributedDataParallel(network());
  const optimizer = make(model.parameters());
  if (from !== undefined) optimizer.loadStateDict(from);
  const schedule = new optim.StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
  manualSeed(10 + rank);
  for (let step = 0; step < 3; step++) {
    scope(() => {
      optimizer.zeroGrad();
      nn.functional
        .crossEntropy(model.call(randn([2, 3, 8, 8])) as Tensor, tensor([0, 2], { dtype: 'int64' }))
        .backward();
      optimizer.step();
      schedule.step();
    });
  }
  const held = [...optimizer.state.values()]
    .flatMap((values) => Object.values(values) as Tensor[])
    .reduce((all, each) => all + each.nbytes, 0);
  if (optimizer instanceof distributed.ZeroRedundancyOptimizer) {
    if (rank !== 0) assert.throws(() => optimizer.stateDict(), /has not been consolidated on this rank/);
    await optimizer.consolidateStateDict({ to: 0 });
  }
  const bytes = model.module
    .parameters()
    .map((each) => Buffer.from(each.toTypedArray().buffer))
    .map((each) => createHash('sha1').update(each).digest('hex').slice(0, 8));
  const state = rank === 0 || optimizer instanceof optim.SGD ? optimizer.stateDict() : null;
  model.dispose();
  return { bytes, state, held };
}

async function zero(): Promise<unknown> {
  const options = { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 };
  const divided = (params: nn.Parameter[]) =>
    new distributed.ZeroRedundancyOptimizer<optim.SGDOptions>(params, { optimizer: optim.SGD, options });
  const plain = await trained((params) => new optim.SGD(params, options));
  const sharded = await trained(divided);
  assert.deepEqual(sharded.bytes, plain.bytes, 'parameters');
  const files = [`${folder}/plain.${rank}`, `${folder}/sharded.${rank}`] as const;
  io.save(plain.state, files[0]);
  if (sharded.state !== null) io.save(sharded.state, files[1]);
  // Both ways on from the state of the plain one, each with a copy of it.
  const saved = (): optim.OptimizerStateLike => io.load(files[0]) as Map<string, unknown>;
  const first = await trained((params) => new optim.SGD(params, options), saved());
  const second = await trained(divided, saved());
  assert.deepEqual(second.bytes, first.bytes, 'parameters after a state was loaded');
  assert.notDeepEqual(first.bytes, plain.bytes);
  return { held: sharded.held, whole: plain.held };
}

const result = task === 'norm' ? { float32: normErrors('float32'), float64: normErrors('float64') } : await zero();
process.stdout.write(`${JSON.stringify(result)}\n`);
await distributed.barrier();
distributed.destroyProcessGroup();
