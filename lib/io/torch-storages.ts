import type { DType } from '../tensor/index.js';

/** The storage classes of torch that name a dtype in their name. */
export const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['DoubleStorage', 'float64'],
  ['FloatStorage', 'float32'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['LongStorage', 'int64'],
  ['IntStorage', 'int32'],
  ['ShortStorage', 'int16'],
  ['CharStorage', 'int8'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
  ['ComplexDoubleStorage', 'complex128'],
  ['ComplexFloatStorage', 'complex64'],
  ['QInt8Storage', 'qint8'],
  ['QUInt8Storage', 'quint8'],
  ['QInt32Storage', 'qint32'],
]);

/** The classes of tensors of PyTorch before 0.4, by the same rule. */
export const TENSOR_DTYPES: ReadonlyMap<string, DType> = new Map(
  [...STORAGE_DTYPES]
    .filter(([name]) => !/^(Complex|Q)/.test(name))
    .map(([name, dtype]) => [name.replace('Storage', 'Tensor'), dtype]),
);

/** The storage class of a dtype; dtypes without one are saved over an untyped storage. */
export const STORAGE_NAMES: ReadonlyMap<DType, string> = new Map(
  [...STORAGE_DTYPES].map(([name, dtype]) => [dtype, name]),
);

/** Bytes an element of every dtype that files may hold, and of the unit that a change of byte order swaps. */
export const ELEMENT_BYTES: ReadonlyMap<DType, { readonly size: number; readonly unit: number }> = new Map([
  ...entries(['uint8', 'int8', 'bool', 'float8_e5m2', 'float8_e4m3fn', 'float8_e5m2fnuz', 'float8_e4m3fnuz'], 1),
  ...entries(['qint8', 'quint8'], 1),
  ...entries(['float16', 'bfloat16', 'int16', 'uint16'], 2),
  ...entries(['float32', 'int32', 'uint32', 'qint32'], 4),
  ...entries(['float64', 'int64', 'uint64'], 8),
  ...entries(['complex32'], 4, 2),
  ...entries(['complex64'], 8, 4),
  ...entries(['complex128'], 16, 8),
]);

function entries(dtypes: DType[], size: number, unit = size): [DType, { size: number; unit: number }][] {
  return dtypes.map((dtype) => [dtype, { size, unit }]);
}

/** dtypes that PyTorch has and libtorch's operators hardly know: files may name them, tensors of them are not read. */
export const OTHER_DTYPES: readonly string[] = [
  ...['float8_e8m0fnu', 'float4_e2m1fn_x2', 'bits8', 'bits16', 'bits1x8', 'bits2x4', 'bits4x2', 'quint4x2', 'quint2x4'],
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [`int${bits}`, `uint${bits}`]),
];
