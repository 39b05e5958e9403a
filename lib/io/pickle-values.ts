export { Tuple } from '../tensor/tuple.js';

/** Stands for an object of a class that is not read, where a file is only looked into; also for the class itself. */
export class UnknownObject {
  /** What the file gives it as its state: mostly a Map of its attributes. */
  state: unknown;

  constructor(readonly className: string) {}
}

/** Element types of a numpy array that torchbridge reads and writes. */
export type NdType =
  | 'bool'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'complex64'
  | 'complex128';

/** Holds an array's elements in C order; float16 as its bit patterns, complex numbers as pairs. */
export type NdData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

interface NdLayout {
  /** numpy's two-character code (`'f4'`). */
  readonly code: string;
  /** Bytes an element. */
  readonly size: number;
  /** Bytes of the unit that a change of byte order swaps (half of a complex number). */
  readonly unit: number;
  readonly view: (buffer: ArrayBuffer) => NdData;
}

/** Layout of every numpy element type torchbridge knows. */
export const ND_LAYOUTS: ReadonlyMap<NdType, NdLayout> = new Map<NdType, NdLayout>([
  ['bool', { code: 'b1', size: 1, unit: 1, view: (b) => new Uint8Array(b) }],
  ['uint8', { code: 'u1', size: 1, unit: 1, view: (b) => new Uint8Array(b) }],
  ['uint16', { code: 'u2', size: 2, unit: 2, view: (b) => new Uint16Array(b) }],
  ['uint32', { code: 'u4', size: 4, unit: 4, view: (b) => new Uint32Array(b) }],
  ['uint64', { code: 'u8', size: 8, unit: 8, view: (b) => new BigUint64Array(b) }],
  ['int8', { code: 'i1', size: 1, unit: 1, view: (b) => new Int8Array(b) }],
  ['int16', { code: 'i2', size: 2, unit: 2, view: (b) => new Int16Array(b) }],
  ['int32', { code: 'i4', size: 4, unit: 4, view: (b) => new Int32Array(b) }],
  ['int64', { code: 'i8', size: 8, unit: 8, view: (b) => new BigInt64Array(b) }],
  ['float16', { code: 'f2', size: 2, unit: 2, view: (b) => new Uint16Array(b) }],
  ['float32', { code: 'f4', size: 4, unit: 4, view: (b) => new Float32Array(b) }],
  ['float64', { code: 'f8', size: 8, unit: 8, view: (b) => new Float64Array(b) }],
  ['complex64', { code: 'c8', size: 8, unit: 4, view: (b) => new Float32Array(b) }],
  ['complex128', { code: 'c16', size: 16, unit: 8, view: (b) => new Float64Array(b) }],
]);

/** The layout of a numpy element type. */
export function ndLayout(dtype: NdType): NdLayout {
  const layout = ND_LAYOUTS.get(dtype);
  if (layout === undefined) throw new TypeError(`Expected a numpy dtype but received ${dtype}`);
  return layout;
}

/** A numpy array, in C order and this machine's byte order. */
export class NdArray {
  /**
   * @param shape sizes, outermost first.
   * @param data elements in C order; its length must fit the shape (twice for complex).
   */
  constructor(
    readonly dtype: NdType,
    readonly shape: readonly number[],
    readonly data: NdData,
  ) {
    const bytes = shape.reduce((product, size) => product * size, 1) * ndLayout(dtype).size;
    if (bytes !== data.byteLength) {
      throw new RangeError(
        `Expected ${bytes} bytes for a ${dtype} array of shape [${shape.join(', ')}] but received ${data.byteLength}`,
      );
    }
  }
}
