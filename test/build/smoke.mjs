// One multiplication and its gradient, with the addon that TORCHBRIDGE_ADDON names. Prints what the test compares, as JSON.
import { buildInfo, memory, ops, scope, tensor } from '../../dist/lib/index.js';

const result = scope(() => {
  const a = tensor([[1, 2], [3, 4]], { requiresGrad: true }); // prettier-ignore
  const b = tensor([[5, 6], [7, 8]]); // prettier-ignore
  const product = ops.matmul(a, b);
  product.sum().backward();
  return { product: product.toArray(), gradient: a.grad?.toArray() };
});
process.stdout.write(
  JSON.stringify({ ...result, torchVersion: buildInfo().torchVersion, tensorsLeft: memory().tensors }),
);
