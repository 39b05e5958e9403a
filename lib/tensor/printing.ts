import { isComplex, isFloatingPoint } from './dtype.js';
import type { NestedArray } from './elements.js';
import { Complex } from './tape.js';
import type { Tensor } from './tensor.js';

const mostElements = 64;

function number(value: NestedArray): string {
  if (Array.isArray(value)) return `[${value.map(number).join(', ')}]`;
  if (value instanceof Complex) return `${number(value.re)}${value.im < 0 ? '-' : '+'}${number(Math.abs(value.im))}j`;
  if (typeof value === 'number' && !Number.isInteger(value) && Number.isFinite(value))
    return String(Number(value.toPrecision(5)));
  return String(value);
}

/** `tensor([1, 2], float32)`, or the shape alone for one with many elements. */
export function formatTensor(tensor: Tensor): string {
  try {
    return format(tensor);
  } catch (error) {
    // Printing must not hide what is being looked for: a nested tensor, say, has no shape to tell.
    return `tensor(${error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unreadable'})`;
  }
}

function format(tensor: Tensor): string {
  const parts: string[] = [];
  const readable = isFloatingPoint(tensor.dtype) || isComplex(tensor.dtype) || !tensor.dtype.startsWith('q');
  if (readable && tensor.device !== 'meta' && tensor.layout === 'strided' && tensor.numel() <= mostElements)
    parts.push(number(tensor.toArray()));
  else parts.push(`shape=[${tensor.shape.join(', ')}]`);
  parts.push(tensor.dtype);
  if (tensor.device !== 'cpu') parts.push(tensor.device);
  const made = tensor.gradFn;
  if (made !== null) parts.push(`gradFn=${made}`);
  else if (tensor.requiresGrad) parts.push('requiresGrad=true');
  return `tensor(${parts.join(', ')})`;
}
