/** The numbers of a MATLAB array, by its class. */
export type MatNumbers =
  | Float64Array
  | Float32Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A value in a MATLAB file. Elements are in MATLAB's order: the first index runs fastest. */
export type MatValue =
  | { readonly kind: 'numbers'; readonly shape: readonly number[]; readonly data: MatNumbers }
  | { readonly kind: 'text'; readonly shape: readonly number[]; readonly lines: readonly string[] }
  | { readonly kind: 'cells'; readonly shape: readonly number[]; readonly cells: readonly MatValue[] }
  | {
      readonly kind: 'structs';
      readonly shape: readonly number[];
      /** One map of values by field for each element. */
      readonly structs: readonly ReadonlyMap<string, MatValue>[];
    };

/** Classes of arrays (`mxUINT8_CLASS` and so on) that hold numbers. */
export const NUMBER_CLASSES: Readonly<Record<number, (count: number) => MatNumbers>> = {
  6: (count) => new Float64Array(count),
  7: (count) => new Float32Array(count),
  8: (count) => new Int8Array(count),
  9: (count) => new Uint8Array(count),
  10: (count) => new Int16Array(count),
  11: (count) => new Uint16Array(count),
  12: (count) => new Int32Array(count),
  13: (count) => new Uint32Array(count),
  14: (count) => new BigInt64Array(count),
  15: (count) => new BigUint64Array(count),
};

/** How numbers are stored (`miUINT8` and so on), which may be smaller than their class. */
export const STORED_TYPES: Readonly<Record<number, { size: number; view: (buffer: ArrayBuffer) => MatNumbers }>> = {
  1: { size: 1, view: (buffer) => new Int8Array(buffer) },
  2: { size: 1, view: (buffer) => new Uint8Array(buffer) },
  3: { size: 2, view: (buffer) => new Int16Array(buffer) },
  4: { size: 2, view: (buffer) => new Uint16Array(buffer) },
  5: { size: 4, view: (buffer) => new Int32Array(buffer) },
  6: { size: 4, view: (buffer) => new Uint32Array(buffer) },
  7: { size: 4, view: (buffer) => new Float32Array(buffer) },
  9: { size: 8, view: (buffer) => new Float64Array(buffer) },
  12: { size: 8, view: (buffer) => new BigInt64Array(buffer) },
  13: { size: 8, view: (buffer) => new BigUint64Array(buffer) },
};

/** Texts: UTF-8, UTF-16 and UTF-32 beside the integers above. */
export const UTF8 = 16;
export const UTF16 = 17;
export const UTF32 = 18;

export const MATRIX = 14;
export const COMPRESSED = 15;

export const CELL_CLASS = 1;
export const STRUCT_CLASS = 2;
export const CHAR_CLASS = 4;
