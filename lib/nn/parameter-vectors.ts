import { noGrad, ops, scope, Tensor, TorchError } from '../tensor/index.js';

/**
 * All elements of `parameters` in one vector; autograd follows.
 * @param parameters contiguous, on one device.
 * @returns new `[n]`, owned by the current scope.
 * @throws TorchError `type` for parameters on different devices; `runtime` where there is none, or one cannot be viewed.
 * @see torch.nn.utils.parameters_to_vector
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return scope(() => {
    const list = [...parameters];
    checkDevices(list);
    return ops.aten<Tensor>(
      'cat',
      list.map((parameter) => parameter.view([-1])),
    );
  });
}

/**
 * Puts parts of `vector` behind `parameters`, in order: afterwards they share its elements.
 * @param vector `[n]`; elements that are left over are ignored.
 * @throws TorchError `type` for a vector that is no tensor, or parameters on different devices; `runtime` for too few elements.
 * @see torch.nn.utils.vector_to_parameters
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const given: unknown = vector;
  if (!(given instanceof Tensor)) throw new TorchError('type', `expected torch.Tensor, but got: ${typeof given}`);
  const list = [...parameters];
  checkDevices(list);
  noGrad(() =>
    scope(() => {
      let start = 0;
      for (const parameter of list) {
        const end = start + parameter.numel();
        parameter.data = ops.aten<Tensor>('slice.Tensor', vector, 0, start, end).view(parameter.shape).data;
        start = end;
      }
    }),
  );
}

function checkDevices(parameters: readonly Tensor[]): void {
  const devices = new Set(parameters.map(({ device }) => device));
  if (devices.size <= 1) return;
  throw new TorchError('type', 'Found two parameters on different devices, this is currently not supported.');
}
