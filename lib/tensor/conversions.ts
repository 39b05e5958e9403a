import type { Device, DType, MemoryFormat } from './dtype.js';
import type { NestedArray } from './elements.js';
import type { Tensor } from './tensor.js';

/** How a conversion lays out what it makes. */
export interface ConversionOptions {
  memoryFormat?: MemoryFormat | undefined;
}

/** How a move to another device is made. */
export interface MoveOptions extends ConversionOptions {
  /** Returns before the copy is done, where the device can. */
  nonBlocking?: boolean | undefined;
}

/** PyTorch's short names for {@link Tensor.to} and a few others; put on the prototype of Tensor. */
export interface Conversions {
  /** `to('bfloat16')`. @see torch.Tensor.bfloat16 */
  bfloat16(options?: ConversionOptions): Tensor;
  /** `to('bool')`. @see torch.Tensor.bool */
  bool(options?: ConversionOptions): Tensor;
  /** `to('uint8')`. @see torch.Tensor.byte */
  byte(options?: ConversionOptions): Tensor;
  /** `to('complex128')`. @see torch.Tensor.cdouble */
  cdouble(options?: ConversionOptions): Tensor;
  /** `to('complex64')`. @see torch.Tensor.cfloat */
  cfloat(options?: ConversionOptions): Tensor;
  /** `to('int8')`. @see torch.Tensor.char */
  char(options?: ConversionOptions): Tensor;
  /** `to('float64')`. @see torch.Tensor.double */
  double(options?: ConversionOptions): Tensor;
  /** `to('float32')`. @see torch.Tensor.float */
  float(options?: ConversionOptions): Tensor;
  /** `to('float16')`. @see torch.Tensor.half */
  half(options?: ConversionOptions): Tensor;
  /** `to('int32')`. @see torch.Tensor.int */
  int(options?: ConversionOptions): Tensor;
  /** `to('int64')`. @see torch.Tensor.long */
  long(options?: ConversionOptions): Tensor;
  /** `to('int16')`. @see torch.Tensor.short */
  short(options?: ConversionOptions): Tensor;
  /** `to('cpu')`. @see torch.Tensor.cpu */
  cpu(options?: ConversionOptions): Tensor;
  /** `to('cuda')`, or another CUDA device. @throws TorchError without CUDA. @see torch.Tensor.cuda */
  cuda(device?: Device, options?: MoveOptions): Tensor;
  /** {@link Tensor.toArray} under Python's name. @see torch.Tensor.tolist */
  tolist(): NestedArray;
  /** {@link Tensor.numel} under its other name. @see torch.Tensor.nelement */
  nelement(): number;
  /** {@link Tensor.dim} under its other name. @see torch.Tensor.ndimension */
  ndimension(): number;
  /** Bytes of one element. @see torch.Tensor.element_size */
  elementSize(): number;
}

const DTYPES: readonly (readonly [keyof Conversions, DType])[] = [
  ['bfloat16', 'bfloat16'],
  ['bool', 'bool'],
  ['byte', 'uint8'],
  ['cdouble', 'complex128'],
  ['cfloat', 'complex64'],
  ['char', 'int8'],
  ['double', 'float64'],
  ['float', 'float32'],
  ['half', 'float16'],
  ['int', 'int32'],
  ['long', 'int64'],
  ['short', 'int16'],
];

/** The functions behind {@link Conversions}, by name. */
export function* conversions(): Generator<[name: string, method: (this: Tensor, ...given: never[]) => unknown]> {
  for (const [name, dtype] of DTYPES) {
    yield [
      name,
      function (this: Tensor, { memoryFormat }: ConversionOptions = {}): Tensor {
        return this.to({ dtype, memoryFormat });
      },
    ];
  }
  yield [
    'cpu',
    function (this: Tensor, { memoryFormat }: ConversionOptions = {}): Tensor {
      return this.to({ device: 'cpu', memoryFormat });
    },
  ];
  yield [
    'cuda',
    function (this: Tensor, device: Device = 'cuda', { memoryFormat, nonBlocking }: MoveOptions = {}): Tensor {
      return this.to({ device, memoryFormat, nonBlocking });
    },
  ];
  const others: ThisType<Tensor> & Record<string, (this: Tensor) => unknown> = {
    tolist() {
      return this.toArray();
    },
    nelement() {
      return this.numel();
    },
    ndimension() {
      return this.ndim;
    },
    elementSize() {
      return this.itemsize;
    },
  };
  yield* Object.entries(others);
}
