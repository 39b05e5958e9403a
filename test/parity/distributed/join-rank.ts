/** One rank of our side, started by join.test.ts with the arguments of join.py. */
import {
  checkpoint,
  distributed,
  Generator,
  io,
  manualSeed,
  nn,
  ones,
  optim,
  randint,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  tensor,
  TorchError,
  zeros,
} from '../../../lib/index.js';

export interface Case {
  /** Batches of each rank. */
  readonly steps: readonly number[];
  readonly count?: boolean;
  readonly norm?: boolean;
  readonly unused?: boolean;
  readonly view?: boolean;
  readonly buffers?: boolean;
  readonly bucketCapMb?: number;
  readonly accumulate?: readonly number[];
  readonly zero?: boolean;
  readonly divide?: boolean;
  readonly enable?: boolean;
  readonly throws?: boolean;
  /** Groups of the ranks of each list. */
  readonly subgroups?: readonly (readonly number[])[];
  /** A layer that no forward uses. */
  readonly spare?: boolean;
  readonly staticGraph?: boolean;
  readonly checkpoint?: 'reentrant' | 'saved';
  readonly hook?: distributed.CommHook;
}

class Net extends nn.Module {
  readonly conv: nn.Conv2d;
  readonly norm: nn.Module;
  readonly conv2: nn.Conv2d;
  readonly fc: nn.Linear;
  readonly spare: nn.Linear | null;
  constructor(
    norm: boolean,
    spare: boolean,
    readonly checkpoints: Case['checkpoint'],
  ) {
    super();
    this.conv = new nn.Conv2d(3, 6, { kernelSize: 3, padding: 1 });
    this.norm = norm ? new nn.BatchNorm2d(6) : new nn.Identity();
    this.conv2 = new nn.Conv2d(6, 4, { kernelSize: 3 });
    this.fc = new nn.Linear(4, 5);
    this.spare = spare ? new nn.Linear(3, 4) : null;
  }
  forward(x: Tensor, useSpare = false): Tensor {
    if (this.checkpoints !== undefined) {
      const again = { useReentrant: this.checkpoints === 'reentrant' };
      const layer = (of: nn.Module, input: Tensor): Tensor =>
        checkpoint((y: Tensor) => of.call(y) as Tensor, input, again);
      x = layer(this.conv2, (this.norm.call(this.conv.call(x)) as Tensor).relu()).mean([2, 3]);
      return layer(this.fc, x).add(layer(this.fc, x.mul(0.5)));
    }
    x = this.conv2.call((this.norm.call(this.conv.call(x)) as Tensor).relu()).mean([2, 3]);
    if (useSpare) x = x.add(this.spare!.call(ones([3])));
    return this.fc.call(x);
  }
}

/** PyTorch's own example of a joinable. */
class Counter implements distributed.Joinable {
  count = 0;
  last: number | null = null;
  readonly joinProcessGroup = group;
  step(): void {
    distributed.notifyJoinContext(this);
    scope(
      () =>
        (this.count += distributed
          .allReduce(ones([1]))
          .wait()
          .item()),
    );
  }
  joinHook(): distributed.JoinHook {
    return {
      mainHook: () => {
        scope(() => distributed.allReduce(zeros([1])).wait());
      },
      postHook: async (isLastJoiner) => {
        const rank = tensor([isLastJoiner ? group.rank : -1], { dtype: 'int64' });
        this.last = (await distributed.allReduce(rank, { op: 'max' })).item();
        rank.dispose();
      },
    };
  }
}

async function count(steps: number): Promise<Map<string, unknown>> {
  const counter = new Counter();
  await distributed.join([counter], () => {
    for (let step = 0; step < steps; step++) counter.step();
  });
  return new Map(Object.entries({ count: counter.count, last: counter.last }));
}

async function subgroups(lists: readonly (readonly number[])[]): Promise<Map<string, unknown>> {
  try {
    const own = await distributed.newSubgroupsByEnumeration(lists);
    if (own === null) return new Map([['ranks', null]]);
    const total = ones([1]).mul(group.rank);
    await distributed.allReduce(total, { group: own });
    return new Map<string, unknown>([
      ['ranks', [...own.ranks]],
      ['sum', total.item()],
    ]);
  } catch (thrown) {
    if (!(thrown instanceof TorchError)) throw thrown;
    return new Map([['error', thrown.message]]);
  }
}

async function train(it: Case, steps: number): Promise<Map<string, unknown>> {
  manualSeed(20 + group.rank);
  const net = new Net(it.norm ?? true, it.unused === true || it.spare === true, it.checkpoint);
  const model = new distributed.DistributedDataParallel(net, {
    ...(it.bucketCapMb === undefined ? {} : { bucketCapMb: it.bucketCapMb }),
    findUnusedParameters: it.unused ?? false,
    broadcastBuffers: it.buffers ?? true,
    gradientAsBucketView: it.view ?? false,
    staticGraph: it.staticGraph ?? false,
  });
  if (it.hook !== undefined) model.registerCommHook(it.hook);
  const options = { lr: 0.1, momentum: 0.9 };
  const divided =
    it.zero === true
      ? new distributed.ZeroRedundancyOptimizer(model.parameters(), { optimizer: optim.SGD, options })
      : null;
  const optimizer = divided ?? new optim.SGD(model.parameters(), options);
  const generator = new Generator();
  generator.manualSeed(100 + group.rank);
  const losses: number[] = [];
  const loop = (): void => {
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const x = randn([3, 3, 6, 6], { generator });
        const y = randint(0, 5, [3], { generator });
        const backward = (): void => {
          const output = it.unused === true ? model.call(x, step % 2 === 0) : model.call(x);
          const loss = nn.functional.crossEntropy(output, y);
          loss.backward();
          losses.push(loss.item());
        };
        optimizer.zeroGrad();
        if (it.accumulate?.includes(step) === true) {
          model.noSync(backward);
          return;
        }
        backward();
        optimizer.step();
      });
    }
  };
  const how = {
    divideByInitialWorldSize: it.divide ?? true,
    enable: it.enable ?? true,
    throwOnEarlyTermination: it.throws ?? false,
  };
  let error: string | null = null;
  try {
    if (divided === null) await model.join(loop, how);
    else await distributed.join([model, divided], loop, how);
  } catch (thrown) {
    if (!(thrown instanceof TorchError)) throw thrown;
    error = thrown.message;
  }
  const result = new Map(Object.entries({ state: net.stateDict(), losses, error, buckets: model.buckets() }));
  model.dispose();
  return result;
}

const [out = '', json = '[]'] = process.argv.slice(2);
setNumThreads(1);
const group = await distributed.initProcessGroup({ host: '127.0.0.1', timeout: 120_000 });
const results: unknown[] = [];
for (const each of JSON.parse(json) as Case[]) {
  const steps = each.steps[group.rank]!;
  if (each.subgroups !== undefined) results.push(await subgroups(each.subgroups));
  else results.push(each.count === true ? await count(steps) : await train(each, steps));
  await distributed.barrier();
}
io.save(results, `${out}.${group.rank}`);
await distributed.barrier();
distributed.destroyProcessGroup();
