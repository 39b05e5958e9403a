/** What stands around graphs: checkpoints, hooks for saved tensors, backward off the thread, autocast. */
import * as nn from '../../../lib/nn/index.js';
import {
  autocast,
  autograd,
  checkpoint,
  type CheckpointPolicyFunction,
  createSelectiveCheckpointContexts,
  disableSavedTensorsHooks,
  ops,
  savedTensorsHooks,
  saveOnCpu,
  setCheckpointDebugEnabled,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { type ApiEntry, later, onGraph, ready, step, through } from './api-entry.js';


/** checkpoint with whatever a list holds, in one type. */
const checkpointed = checkpoint as (fn: (...given: never[]) => Tensor, ...given: readonly unknown[]) => Tensor;

/** Does something else when it runs again. */
function changing(n: number, m: number): (x: Tensor) => Tensor {
  let runs = 0;
  return (x) => step(runs++ === 0 ? n : m)(x.exp());
}

const options = 'useReentrant=bool preserveRngState=bool? determinismCheck=word? earlyStop=bool? debug=bool?';

export const graphApi: Readonly<Record<string, ApiEntry>> = {
  checkpoint: onGraph(`int tensor ${options}`, (n: number, x: Tensor, given) =>
    through(
      checkpointed((a: Tensor) => step(n)(a.sin()), x, given),
      x,
    ),
  ),
  checkpointOfMany: onGraph(`int tensor list:tensor value ${options}`, (n: number, x: Tensor, list, value, given) =>
    through(
      checkpointed(
        (a: Tensor, others: readonly Tensor[]) => others.reduce((sum, each) => sum.add(each), step(n)(a)),
        x,
        list,
        value,
        given,
      ),
      x,
    ),
  ),
  checkpointChanging: onGraph(`int int tensor ${options}`, (n: number, m: number, x: Tensor, given) =>
    through(checkpointed(changing(n, m), x, given), x),
  ),
  checkpointNested: onGraph(`int int tensor retainGraph=bool? ${options}`, (n: number, m: number, x: Tensor, given: object) => {
    const { retainGraph, ...own } = given as { retainGraph?: boolean };
    const inner = (a: Tensor): Tensor => checkpoint(step(m), a.tanh(), own);
    const y = setCheckpointDebugEnabled(null, () => checkpointed((a: Tensor) => step(n)(inner(a.exp())), x, own));
    return [through(y, x, { retainGraph }), through(y, x)];
  }),
  checkpointGrad: onGraph(`int tensor createGraph=bool? ${options}`, (n: number, x: Tensor, given: object) => {
    const { createGraph, ...own } = given as { createGraph?: boolean };
    const y = checkpointed((a: Tensor) => step(n)(a.sin()), x, own);
    const [first] = autograd.grad(y.sum(), [x], { createGraph });
    return [first, createGraph === true && first !== undefined ? through(first, x) : null];
  }),
  checkpointSequential: onGraph('int int int tensor useReentrant=bool? preserveRngState=bool?', (n, m, segments, x: Tensor, given) =>
    through(nn.checkpointSequential([step(n), step(m), step(n)], segments, x, given), x),
  ),
  selectiveCheckpoint: onGraph('int int tensor allowCacheEntryMutation=bool?', (n: number, m: number, x: Tensor, given) => {
    let asked = 0;
    const policy: CheckpointPolicyFunction = () => ((m + asked++) % 5) as 0;
    const contextFn = () => createSelectiveCheckpointContexts(policy, given);
    const run = (a: Tensor): Tensor => step(n)(step(m)(a.exp()).sin()).cos();
    return through(checkpoint(run, x, { useReentrant: false, contextFn }), x);
  }),
  savedTensorsHooks: onGraph('int int tensor value', (n: number, m: number, x: Tensor, value: unknown) => {
    const unpack = (packed: Tensor): Tensor => (m % 3 === 0 ? (value as Tensor) : step(m)(packed));
    return through(
      savedTensorsHooks(step(n), unpack, () => x.exp().mul(x).sin()),
      x,
    );
  }),
  savedOtherwise: onGraph('tensor value', (x: Tensor, value: unknown) =>
    through(
      savedTensorsHooks(
        (saved) => ({ value, list: [saved, saved.mul(2)], saved }),
        (packed) => packed.list[0]!.add(packed.saved),
        () => x.exp().mul(x).sin(),
      ),
      x,
    ),
  ),
  saveOnCpu: onGraph('int tensor pinMemory=bool?', (n: number, x: Tensor, given) =>
    through(
      saveOnCpu(() => step(n)(x.exp().sin()), given),
      x,
    ),
  ),
  disableSavedTensorsHooks: onGraph('int tensor word', (n: number, x: Tensor, message) =>
    disableSavedTensorsHooks(message, () =>
      through(
        saveOnCpu(() => step(n)(x)),
        x,
      ),
    ),
  ),
  backwardAsync: later('list:tensor list:tensor? retainGraph=bool? createGraph=bool?', async (given: Tensor[], gradients, options: object) => {
    const outputs = given.map((each) => ready(each).mul(2));
    await autograd.backwardAsync(outputs, { gradTensors: gradients, ...options });
    return outputs.map((each) => each.grad);
  }),
  backwardAsyncWithHooks: later('int int tensor value useReentrant=bool', async (n: number, m: number, given: Tensor, value: never, mode) => {
    const x = ready(given);
    x.registerHook(() => value);
    const y = savedTensorsHooks(
      (saved) => [saved],
      ([saved]) => saved!,
      () => checkpointed(changing(n, m), x.sin(), mode),
    );
    const go = async (retainGraph: boolean): Promise<void> => y.sum().backwardAsync({ retainGraph });
    return [await Promise.allSettled([go(true), go(false)]), x.grad];
  }),
  autocast: onGraph('int tensor tensor device dtype=dtype? enabled=bool? cacheEnabled=bool?', (n: number, x: Tensor, y: Tensor, device, given) => {
    const results = autocast(device, given, () => [step(n)(x), ops.matmul(x, y), nn.functional.conv2d(x, y)]);
    return results.map((each) => through(each, x));
  }),
  autocastCheckpoint: onGraph('int tensor tensor useReentrant=bool', (n: number, x: Tensor, y: Tensor, given) =>
    through(
      autocast('cpu', () => checkpointed((a: Tensor, b: Tensor) => step(n)(a.matmul(b)), x, y, given)),
      x,
    ),
  ),
};
