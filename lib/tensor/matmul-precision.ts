import { native } from '../native/load.js';
import { TorchError } from './errors.js';

/** How exact products of float32 matrices are: float32, TensorFloat32, or narrower yet. */
export type MatmulPrecision = 'highest' | 'high' | 'medium';

/** @see torch.get_float32_matmul_precision */
export const getFloat32MatmulPrecision = (): MatmulPrecision => native.getMatmulPrecision() as MatmulPrecision;

/** @throws TorchError `value` for another word. @see torch.set_float32_matmul_precision */
export function setFloat32MatmulPrecision(precision: MatmulPrecision): void {
  if (!['highest', 'high', 'medium'].includes(precision))
    throw new TorchError(
      'value',
      `Expected highest, high or medium for the float32 matmul precision but received ${precision}`,
    );
  native.setMatmulPrecision(precision);
}
