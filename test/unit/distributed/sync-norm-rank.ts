/**
 * One rank of sync-norm.test.ts: norms of every form, and networks, over two processes, as on the CPU and as on CUDA (with stand-ins for the
 * operators that only GPUs have); prints the errors against the whole batch.
 */
import { deviceBatchNorm } from '../../../lib/distributed/device-batch-norm.js';
import { batchSettings } from '../../../lib/nn/batch-norm.js';
import { calls, standIns } from './device-norm-operators.js';
import {
  distributed,
  type DType,
  type MemoryFormat,
  manualSeed,
  models,
  nn,
  noGrad,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  zerosLike,
} from '../../../lib/index.js';

setNumThreads(1);
const world = await distributed.initProcessGroup({ host: '127.0.0.1', timeout: 120_000 });
const { rank } = world;
/** Pictures of each rank. */
let counts = [3, 2];
const own = (all: Tensor): Tensor => all.narrow(0, rank === 0 ? 0 : counts[0]!, counts[rank]!);
const far = (a: Tensor, b: Tensor): number =>
  a.numel() === 0 ? 0 : a.to('float64').sub(b.to('float64')).abs().max().item();

/** Whoever has a class of their own. */
class OwnNorm extends nn.BatchNorm2d {}

/** Does on the CPU what the norm does on CUDA. */
class DeviceNorm extends distributed.SyncBatchNorm {
  override forward(x: Tensor): Tensor {
    if (!this.training) return super.forward(x);
    const { weight, bias, eps } = this;
    const { mean: runningMean, variance: runningVar, momentum } = batchSettings(this);
    const call = { weight, bias, runningMean, runningVar, eps, momentum, group: world };
    return deviceBatchNorm(x, call, standIns);
  }
}

function onDevice(model: nn.Module): nn.Module {
  for (const each of model.modules()) {
    if (each instanceof distributed.SyncBatchNorm) Object.setPrototypeOf(each, DeviceNorm.prototype);
  }
  return model;
}

/** The largest difference between what the two leave: outputs, gradients, buffers, outputs in evaluation. */
function compare(
  make: () => nn.Module,
  shape: number[],
  dtype: DType,
  convert = distributed.convertSyncBatchNorm,
  memoryFormat: MemoryFormat = 'contiguous_format',
): number {
  return scope(() => {
    const [whole, synced] = [make(), convert(make())];
    let worst = 0;
    const note = (a: Tensor, b: Tensor): void => {
      worst = Math.max(worst, far(a, b));
    };
    for (let step = 0; step < 2; step++) {
      manualSeed(7 + step);
      const [x, gradient] = [randn(shape).add(2).to(dtype), randn(shape).to(dtype)];
      const run = (model: nn.Module, input: Tensor, by: Tensor): [Tensor, Tensor] => {
        const leaf = input.detach().contiguous({ memoryFormat }).requiresGrad_();
        const output = model.call(leaf) as Tensor;
        output.backward({ gradient: by });
        return [output.detach(), leaf.grad ?? zerosLike(leaf)];
      };
      const [all, part] = [run(whole, x, gradient), run(synced, own(x), own(gradient))];
      note(part[0], own(all[0]));
      note(part[1], own(all[1]));
    }
    for (const [index, parameter] of whole.parameters().entries()) {
      const grad = synced.parameters()[index]!.grad ?? zerosLike(parameter); // none of a process without pictures
      distributed.allReduce(grad).wait();
      note(grad, parameter.grad!);
    }
    for (const [index, buffer] of whole.buffers().entries()) note(synced.buffers()[index]!, buffer);
    whole.eval();
    synced.eval();
    // Without running statistics a norm takes those of its own batch in evaluation, alone.
    const x = own(randn(shape).to(dtype));
    noGrad(() => note(synced.call(x) as Tensor, whole.call(x) as Tensor));
    return worst;
  });
}

const results: Record<string, number> = {};
const shapes = { BatchNorm1d: [5, 4], BatchNorm2d: [5, 4, 3, 2], BatchNorm3d: [5, 4, 2, 1, 3] };
const forms: nn.BatchNormOptions[] = [
  {},
  { affine: false },
  { bias: false },
  { momentum: null },
  { trackRunningStats: false },
  { affine: false, trackRunningStats: false, eps: 0.1 },
];
for (const [name, shape] of Object.entries(shapes)) {
  for (const form of forms) {
    const Norm = nn[name as keyof typeof shapes];
    results[`${name} ${JSON.stringify(form)}`] = compare(() => new Norm(4, form), shape, 'float32');
  }
}
results['float64'] = compare(() => new nn.BatchNorm2d(4, { dtype: 'float64' }), [5, 4, 3, 2], 'float64');
results['bfloat16'] = compare(() => new nn.BatchNorm2d(4), [5, 4, 3, 2], 'bfloat16');
results['bfloat16 alone'] = compare(
  () => new nn.BatchNorm2d(4, { affine: false, trackRunningStats: false }),
  [5, 4, 3, 2],
  'bfloat16',
);
results['a class of its own'] = compare(() => new OwnNorm(4), [5, 4, 3, 2], 'float32');

const device = (model: nn.Module): nn.Module => onDevice(distributed.convertSyncBatchNorm(model));
const shape = [5, 4, 3, 2];
for (const form of forms) {
  results[`device ${JSON.stringify(form)}`] = compare(() => new nn.BatchNorm2d(4, form), shape, 'float32', device);
}
const plain = (): nn.Module => new nn.BatchNorm2d(4);
const alone = (): nn.Module => new nn.BatchNorm2d(4, { affine: false, trackRunningStats: false });
const wide = (): nn.Module => new nn.BatchNorm2d(4, { dtype: 'float64' });
results['device float64'] = compare(wide, shape, 'float64', device, 'channels_last');
results['device bfloat16'] = compare(plain, shape, 'bfloat16', device);
results['device bfloat16 alone'] = compare(alone, shape, 'bfloat16', device, 'channels_last');
results['channels_last'] = compare(plain, shape, 'float32', distributed.convertSyncBatchNorm, 'channels_last');
results['device channels_last'] = compare(plain, shape, 'float32', device, 'channels_last');
counts = [5, 0];
results['empty'] = compare(plain, shape, 'float32');
results['device empty'] = compare(plain, shape, 'float32', device);
results['device empty float64'] = compare(wide, shape, 'float64', device);
results['device empty bfloat16'] = compare(plain, shape, 'bfloat16', device);
counts = [3, 2];
// 13 forms of two forwards and backwards, of which a process without pictures leaves out some.
const [most, least] = [26, 20];
for (const [name, count] of Object.entries(calls)) {
  const expected = name === 'gather' || rank === 0 ? most : least;
  if (count !== expected) throw new Error(`${name} was called ${count} times instead of ${expected}`);
}

/** A network of each mode: the mean gradient of two processes is that of the whole batch. */
for (const name of ['none', 'checkpoint', 'shared', 'fused', 'device none', 'device checkpoint'] as const) {
  results[name] = scope(() => {
    const convert = name.startsWith('device') ? device : distributed.convertSyncBatchNorm;
    const efficient = name.replace('device ', '') as 'none' | 'checkpoint' | 'shared' | 'fused';
    const make = (): nn.Module => {
      manualSeed(1);
      return models.cifarDenseNet({ depth: 10, growthRate: 4, efficient });
    };
    manualSeed(9);
    const x = randn([4, 3, 8, 8]);
    const whole = make();
    (whole.call(x) as Tensor).square().mean().backward();
    const synced = new distributed.DistributedDataParallel(convert(make()));
    (synced.call(x.narrow(0, 2 * rank, 2)) as Tensor).square().mean().backward();
    const others = synced.parameters();
    const worst = Math.max(...whole.parameters().map((each, index) => far(each.grad!, others[index]!.grad!)));
    synced.dispose();
    return worst;
  });
}
process.stdout.write(`${JSON.stringify(results)}\n`);
await distributed.barrier();
distributed.destroyProcessGroup();
