import { type Tensor, TorchError } from '../tensor/index.js';

const FUSED_DEVICES = ['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', 'privateuseone'];
const FOREACH_DEVICES = new Set(['cuda', 'xpu', 'mtia', 'privateuseone']);

/** The implementation of a step: one tensor after the other, all of a kind in one operator, or one kernel for everything. */
export interface StepPath {
  readonly foreach: boolean;
  readonly fused: boolean;
}

/** What a GradScaler gives to a fused step. */
export interface Scaling {
  readonly gradScale: Tensor | null;
  readonly foundInf: Tensor | null;
}

/** The same on the device of the tensors that a kernel is given. */
export function scalingOn({ gradScale, foundInf }: Scaling, device: string): Scaling {
  const here = (value: Tensor | null): Tensor | null =>
    value === null || value.device === device ? value : value.to({ device, nonBlocking: true });
  return { gradScale: here(gradScale), foundInf: here(foundInf) };
}

/** Which implementation PyTorch would take; null leaves the choice to the devices. */
export function pathOf(
  group: { readonly foreach: boolean | null; readonly fused?: boolean | null },
  params: readonly Tensor[],
): StepPath {
  const { foreach, fused = null } = group;
  if (foreach !== null || fused !== null) return { foreach: foreach ?? false, fused: fused ?? false };
  return { foreach: params.every((param) => FOREACH_DEVICES.has(deviceType(param))), fused: false };
}

/** @throws TorchError `runtime` in PyTorch's words for a tensor that no fused kernel takes. */
export function checkFusedParam(param: Tensor): void {
  const type = deviceType(param);
  if (FUSED_DEVICES.includes(type) && /^b?float/.test(param.dtype)) return;
  throw new TorchError(
    'runtime',
    '`fused=True` requires all the params to be floating point Tensors of ' +
      `supported devices: [${FUSED_DEVICES.map((name) => `'${name}'`).join(', ')}] but torch.${param.dtype} and ${type}`,
  );
}

/** `cuda` of `cuda:0`. */
export function deviceType(tensor: Tensor): string {
  return tensor.device.split(':', 1)[0] ?? tensor.device;
}

/** The items at these positions. */
export function pick<T>(list: readonly T[], indices: readonly number[]): T[] {
  return indices.map((index) => list[index]!);
}

/** Positions of the tensors of each device and dtype, which a foreach operator wants alike. */
export function groupByKind(tensors: readonly Tensor[]): number[][] {
  const groups = new Map<string, number[]>();
  tensors.forEach((tensor, index) => {
    const kind = `${tensor.device} ${tensor.dtype}`;
    const known = groups.get(kind);
    if (known) known.push(index);
    else groups.set(kind, [index]);
  });
  return [...groups.values()];
}
