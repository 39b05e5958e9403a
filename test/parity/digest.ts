/** Digests of tensors, to compare with the ones digest.py makes: dtype, shape and every bit count. */
import { createHash } from 'node:crypto';
import type { Tensor } from '../../lib/tensor/index.js';

export function digest(tensor: Tensor): string {
  const hash = createHash('sha256');
  hash.update(`${tensor.dtype} [${tensor.shape.join(', ')}] `);
  hash.update(tensor.bytes());
  return hash.digest('hex').slice(0, 24);
}

/** Of names and tensors; null stays null. */
export function digests(named: Iterable<readonly [string, Tensor | null]>): Record<string, string | null> {
  return Object.fromEntries([...named].map(([name, tensor]) => [name, tensor === null ? null : digest(tensor)]));
}

/** The 64 bits of a number, as text. */
export function doubleBits(number: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, number);
  return Buffer.from(view.buffer).toString('hex');
}
