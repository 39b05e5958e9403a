/** One rank of our side, started by sync-norm.test.ts with the arguments of sync_norm.py. */
import { deviceBatchNorm } from '../../../lib/distributed/device-batch-norm.js';
import {
  distributed,
  type DType,
  Generator,
  io,
  linspace,
  type MemoryFormat,
  ones,
  randn,
  scope,
  setNumThreads,
  type Tensor,
  zeros,
} from '../../../lib/index.js';
import { standIns } from '../../unit/distributed/device-norm-operators.js';

export interface Case {
  /** Of each rank. */
  readonly shapes: readonly (readonly number[])[];
  readonly dtype: DType;
  /** Dtype of weight, bias and running statistics. */
  readonly stored?: DType;
  readonly format?: MemoryFormat;
  /** Pictures and gradients whose strides no kernel knows. */
  readonly transposed?: boolean;
  readonly weight?: boolean;
  readonly bias?: boolean;
  readonly frozenBias?: boolean;
  readonly track?: boolean;
  readonly byInput?: boolean;
  readonly eps?: number;
  readonly momentum?: number;
}

const swapped = (x: Tensor): Tensor => x.transpose(2, 3).contiguous().transpose(2, 3);

function run(it: Case, group: distributed.ProcessGroup): Map<string, unknown> {
  return scope(() => {
    const generator = new Generator();
    generator.manualSeed(5 + group.rank);
    const shape = it.shapes[group.rank]!;
    const draw = (): Tensor => randn([...shape], { generator }).to(it.dtype);
    const channels = shape[1]!;
    const dtype = it.stored ?? (it.dtype === 'float64' ? 'float64' : 'float32');
    const { track = true } = it;
    const weight = it.weight === false ? null : linspace(0.5, 1.5, channels).to(dtype).requiresGrad_();
    const bias =
      it.bias === false
        ? null
        : linspace(-1, 1, channels)
            .to(dtype)
            .requiresGrad_(it.frozenBias !== true);
    const runningMean = track ? zeros([channels], { dtype }) : null;
    const runningVar = track ? ones([channels], { dtype }) : null;
    const result = new Map<string, unknown>();
    for (let step = 0; step < 2; step++) {
      let x = draw().mul(2).add(1);
      x = (it.format === undefined ? x : x.contiguous({ memoryFormat: it.format })).detach();
      if (it.transposed === true) x = swapped(x).detach();
      x.requiresGrad_(it.byInput !== false);
      const dy = draw();
      const { eps = 1e-5, momentum = 0.1 } = it;
      const y = deviceBatchNorm(x, { weight, bias, runningMean, runningVar, eps, momentum, group }, standIns);
      y.backward({ gradient: it.transposed === true ? swapped(dy) : dy });
      result.set(`y${step}`, y.detach()).set(`dx${step}`, x.grad).set(`strides${step}`, y.stride());
    }
    result.set('weight', weight?.grad ?? null).set('bias', bias?.grad ?? null);
    return result.set('mean', runningMean).set('var', runningVar);
  });
}

const [out = '', json = '[]'] = process.argv.slice(2);
setNumThreads(1);
const group = await distributed.initProcessGroup({ host: '127.0.0.1', timeout: 120_000 });
io.save(
  (JSON.parse(json) as Case[]).map((each) => run(each, group)),
  `${out}.${group.rank}`,
);
await distributed.barrier();
distributed.destroyProcessGroup();
