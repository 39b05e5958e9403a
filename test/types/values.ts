/** Compiled, never run: what the types of indexing, printing and sharing allow, and what they refuse. */
import {
  asTensor,
  Complex,
  printOptions,
  receive,
  setPrintOptions,
  share,
  type SharedTensor,
  slice,
  type Tensor,
  tensor,
  unshare,
} from '../../lib/index.js';

const x: Tensor = tensor([
  [1, 2],
  [3, 4],
]);

// Right uses.
export const picked: Tensor[] = [
  x.get(0),
  x.get(0n, -1),
  x.get('1:', '::2', null, '...'),
  x.get(slice(1), slice(0, null, 2), slice(x, 2n)),
  x.get([0, 1], [[true, false]], x.gt(0), true),
  x.get(new Int32Array(2), new BigInt64Array(1)),
  x.get(),
];
export const set: Tensor = x
  .set(0, 1)
  .set([0, ':'], x)
  .set([[0, 1]], 5n)
  .set(x.eq(1), new Complex(1, 2))
  .set('...', true);
export const rows: Tensor[] = [...x];
export const parts: [Tensor, Tensor] = [x.real, x.imag];
x.real = 1;
x.imag = x;
export const numbers: [number, bigint, Complex, number] = [x.item(), x.itemBigInt(), x.itemComplex(), x.length];
export const shared: Tensor = asTensor(new Float32Array(4), { shape: [2, 2], copy: null });
export const text: string = printOptions({ precision: 2, sciMode: null }, () => String(x));
setPrintOptions({ profile: 'short', threshold: Infinity });
export const message: SharedTensor = share(x, { receivers: 2 });
export const received: Tensor = receive(message);
export const dropped: boolean = unshare(message);
tensor([[new Complex(1, 2), 3]]);

// Wrong ones.
// @ts-expect-error a text that is no slice
x.get('a');
// @ts-expect-error an object is no index
x.get({});
// @ts-expect-error undefined is no index
x.get(undefined);
// @ts-expect-error texts are no positions
x.get(['a']);
// @ts-expect-error slices have numbers
slice('a', 1);
// @ts-expect-error a slice has bounds
slice();
// @ts-expect-error a text is no value
x.set(0, 'a');
// @ts-expect-error an array is no value
x.set(0, [1, 2]);
// @ts-expect-error a value is needed
x.set(0);
// @ts-expect-error null is no value
x.set(0, null);
// @ts-expect-error the length is what it is
x.length = 3;
// @ts-expect-error options of Python's name
setPrintOptions({ sci_mode: true });
// @ts-expect-error a profile that there is not
setPrintOptions({ profile: 'long' });
// @ts-expect-error options belong to a function
printOptions({ precision: 2 });
// @ts-expect-error receivers are counted
share(x, { receivers: 'all' });
// @ts-expect-error an array is shared as a tensor
share(new Float32Array(1));
// @ts-expect-error copy is a boolean
asTensor(new Float32Array(1), { copy: 'never' });
// @ts-expect-error only what share() made
unshare({ token: '1' });
// @ts-expect-error two numbers make a complex one
new Complex(1);
