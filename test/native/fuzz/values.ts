/** Arguments as plain data, so that they can be written down, cut down and printed; and their making. */
import {
  Complex,
  type DType,
  float,
  fromBytes,
  Generator,
  isComplex,
  isFloatingPoint,
  ops,
  runAsync,
  slice,
  Tensor,
} from '../../../lib/tensor/index.js';
import { api } from './api.js';
import { Dice } from './dice.js';

/** What a tensor's elements are. */
export const fills = ['small', 'unit', 'index', 'zero', 'one', 'big', 'nan', 'least'] as const;
/** How a tensor lies in memory, or what kind of tensor it is. */
export const flavours = [
  ...['dense', 'transposed', 'strided', 'expanded', 'offset', 'channelsLast', 'leaf', 'computed', 'conj', 'neg'],
  ...[
    'zeroTensor',
    'meta',
    'coo',
    'coalesced',
    'csr',
    'csc',
    'bsr',
    'bsc',
    'perTensor',
    'perChannel',
    'nested',
    'mkldnn',
  ],
] as const;

/** Views of buffers. */
export const arrays = [
  ...['Float32Array', 'Float64Array', 'Int32Array', 'BigInt64Array', 'Uint8Array', 'Int8Array', 'Uint16Array'],
  ...['Uint8ClampedArray', 'DataView', 'Shared', 'Resizable', 'Part'],
] as const;

export interface TensorPlan {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly fill: (typeof fills)[number];
  readonly flavour: (typeof flavours)[number];
}

/** One argument. `undefined`, numbers that JSON lacks, bigints and objects are written as small objects. */
export type Plan =
  | number
  | string
  | boolean
  | null
  | { readonly tensor: TensorPlan }
  | { readonly bigint: string }
  | { readonly float: string }
  | { readonly complex: readonly [number, number] }
  | { readonly generator: number }
  | { readonly nothing: true }
  /** The first tensor that another call returns. */
  | { readonly result: Call }
  | { readonly range: readonly [Plan, Plan, Plan] }
  /** A view of a buffer: what of it, and how many elements. */
  | { readonly array: readonly [(typeof arrays)[number], number] }
  | readonly Plan[];

/** One call. */
export interface Call {
  /** Through `ops.aten`, `ops.…`, the first argument, `ops.…` inside of `runAsync`, or by hand (api.ts). */
  readonly via: 'raw' | 'function' | 'method' | 'async' | 'api';
  readonly name: string;
  readonly args: readonly Plan[];
  readonly named: Readonly<Record<string, Plan>>;
  /** Whether backward is called on what comes out. */
  readonly backward?: boolean;
}

function fillOf(plan: TensorPlan, count: number): Float64Array {
  const dice = new Dice(count, plan.fill.length, plan.shape.length);
  const values = new Float64Array(count);
  for (let i = 0; i < count; ++i) {
    switch (plan.fill) {
      case 'small':
        values[i] = isFloatingPoint(plan.dtype) || isComplex(plan.dtype) ? dice.unit() * 4 - 2 : dice.between(-2, 4);
        break;
      case 'unit':
        values[i] = dice.unit();
        break;
      case 'index':
        values[i] = i;
        break;
      case 'zero':
        break;
      case 'one':
        values[i] = 1;
        break;
      case 'big':
        values[i] = dice.pick([1e12, -1e12, 2 ** 62, -(2 ** 62), 1e30, 2 ** 31, -1, 255]);
        break;
      case 'least':
        values[i] = dice.pick([-(2 ** 63), -(2 ** 31), -1, 0, 3, 7]);
        break;
      case 'nan':
        values[i] = dice.pick([NaN, Infinity, -Infinity, 0, 1]);
        break;
    }
  }
  return values;
}

/** A contiguous tensor of the plan's elements. */
function plain(plan: TensorPlan, shape: readonly number[] = plan.shape): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  if (plan.dtype === 'int64') {
    const wide = BigInt64Array.from(fillOf(plan, count), (v) =>
      BigInt.asIntN(64, BigInt(Number.isFinite(v) ? Math.trunc(v) : 0)),
    );
    return fromBytes(wide, shape, 'int64');
  }
  return fromBytes(fillOf(plan, count), shape, 'float64').to({ dtype: plan.dtype });
}

const aten = (name: string, ...args: readonly unknown[]): Tensor => ops.aten<Tensor>(name, ...(args as never[]));

function flavoured(plan: TensorPlan): Tensor {
  const { shape } = plan;
  const rank = shape.length;
  const last = shape[rank - 1] ?? 1;
  switch (plan.flavour) {
    case 'dense':
      return plain(plan);
    case 'transposed':
      return rank < 2 ? plain(plan) : plain(plan, [...shape].reverse()).permute(shape.map((_, i) => rank - 1 - i));
    case 'strided':
      return rank < 1 ? plain(plan) : plain(plan, [...shape.slice(0, -1), last * 2]).slice(-1, 0, null, 2);
    case 'expanded':
      return rank < 1 ? plain(plan) : plain(plan, [1, ...shape.slice(1)]).expand(shape);
    case 'offset':
      return plain(plan, [2, ...shape]).select(0, 1);
    case 'channelsLast':
      return rank === 4 ? plain(plan).contiguous({ memoryFormat: 'channels_last' }) : plain(plan);
    case 'leaf':
      return plain(plan).requiresGrad_();
    case 'computed':
      return plain(plan).requiresGrad_().mul(1);
    case 'conj':
      return aten('_conj', plain(plan));
    case 'neg':
      return aten('_neg_view', plain(plan));
    case 'zeroTensor':
      return aten('_efficientzerotensor', shape, { dtype: plan.dtype });
    case 'meta':
      return plain(plan).to('meta');
    case 'coo':
      return plain(plan).toSparse();
    case 'coalesced':
      return plain(plan).toSparse().coalesce();
    case 'csr':
      return plain(plan).toSparseCsr();
    case 'csc':
      return plain(plan).toSparseCsc();
    case 'bsr':
      return plain(plan).toSparseBsr([1, 1]);
    case 'bsc':
      return plain(plan).toSparseBsc([1, 1]);
    case 'perTensor':
      return aten('quantize_per_tensor', plain(plan), 0.1, 3, plan.dtype === 'int8' ? 'qint8' : 'quint8');
    case 'perChannel': {
      const n = shape[0] ?? 1;
      const scales = fromBytes(new Float64Array(n).fill(0.1), [n], 'float64');
      return aten(
        'quantize_per_channel',
        plain(plan),
        scales,
        fromBytes(new BigInt64Array(n), [n], 'int64'),
        0,
        'qint8',
      );
    }
    case 'nested':
      return aten('_nested_tensor_from_tensor_list', [plain(plan), plain(plan)]);
    case 'mkldnn':
      return aten('to_mkldnn', plain(plan));
  }
}

function view(kind: (typeof arrays)[number], length: number): ArrayBufferView {
  switch (kind) {
    case 'Shared':
      return new Float32Array(new SharedArrayBuffer(length * 4));
    case 'Resizable': {
      const options = { maxByteLength: length * 8 } as object;
      return new Float32Array(Reflect.construct(ArrayBuffer, [length * 4, options]) as ArrayBuffer);
    }
    case 'Part':
      return new Float32Array(new ArrayBuffer(length * 4 + 24), 16, length);
    case 'DataView':
      return new DataView(new ArrayBuffer(length));
    default:
      return new globalThis[kind](length);
  }
}

function firstTensor(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return (value as unknown[]).find((each) => each instanceof Tensor);
}

/** Makes what a plan describes; a tensor that cannot be of its kind (csr of one dimension) is made dense. */
export function make(plan: Plan): unknown {
  if (plan === null || typeof plan !== 'object') return plan;
  if ('tensor' in plan) {
    try {
      return flavoured(plan.tensor);
    } catch {
      return plain(plan.tensor);
    }
  }
  if ('bigint' in plan) return BigInt(plan.bigint);
  if ('float' in plan) return plan.float.startsWith('=') ? float(Number(plan.float.slice(1))) : Number(plan.float);
  if ('complex' in plan) return new Complex(...plan.complex);
  if ('generator' in plan) return new Generator().manualSeed(plan.generator);
  if ('nothing' in plan) return undefined;
  if ('result' in plan) return firstTensor(call(plan.result, given(plan.result)));
  if ('range' in plan) return slice(...(plan.range.map(make) as [number, number, number]));
  if ('array' in plan) return view(...plan.array);
  return plan.map(make);
}

const reading = new Set(['strided', 'coo', 'csr']);

/** Reads every element of what came out, prints some of it, and sums it: a view outside its memory shows here. */
function look(value: unknown, backward: boolean): void {
  if (Array.isArray(value)) {
    for (const each of value.slice(0, 8)) look(each, backward);
    return;
  }
  if (ArrayBuffer.isView(value)) Buffer.concat([Buffer.from(value.buffer, value.byteOffset, value.byteLength)]);
  if (!(value instanceof Tensor) || value.isDisposed) return;
  try {
    if (reading.has(value.layout) && value.device === 'cpu' && value.numel() < 5000) {
      if (value.layout === 'strided') value.bytes();
      else value.toDense().bytes();
    }
  } catch {
    // that it cannot be read is an answer
  }
  if (!backward) return;
  try {
    if (value.requiresGrad && value.numel() < 5000) value.sum().backward();
  } catch {
    // not differentiable
  }
}

const functions = ops as unknown as Record<string, ((...given: unknown[]) => unknown) | undefined>;

function given({ args, named }: Call): unknown[] {
  const positional = args.map(make);
  if (Object.keys(named).length === 0) return positional;
  return [...positional, Object.fromEntries(Object.entries(named).map(([key, plan]) => [key, make(plan)]))];
}

function call({ via, name }: Call, args: readonly unknown[]): unknown {
  if (via === 'raw') return ops.aten(name, ...(args as never[]));
  if (via === 'api') return api[name]?.call(...(args as never[]));
  if (via === 'function') return functions[name]?.(...args);
  if (via === 'async') return runAsync(() => functions[name]?.(...args));
  const self = args[0] as Record<string, ((...given: unknown[]) => unknown) | undefined> | null | undefined;
  return self?.[name]?.(...args.slice(1));
}

/** Runs a call. @returns whether it was taken. Only a crash of the process is a finding. */
export function run(what: Call): boolean {
  try {
    const args = given(what);
    look(call(what, args), what.backward === true);
    look(args, false);
    return true;
  } catch {
    return false;
  }
}

/** As {@link run}, for calls that are answered later. */
export async function runLater(what: Call): Promise<boolean> {
  try {
    const args = given(what);
    look(await call(what, args), what.backward === true);
    look(args, false);
    return true;
  } catch {
    return false;
  }
}

function print(plan: Plan): string {
  if (plan === null || typeof plan !== 'object') return JSON.stringify(plan);
  if ('tensor' in plan) {
    const { dtype, shape, fill, flavour } = plan.tensor;
    return `${flavour} ${dtype}[${shape.join(', ')}] of ${fill}`;
  }
  if ('bigint' in plan) return `${plan.bigint}n`;
  if ('float' in plan) return plan.float.startsWith('=') ? `float(${plan.float.slice(1)})` : plan.float;
  if ('complex' in plan) return `${String(plan.complex[0])}+${String(plan.complex[1])}i`;
  if ('generator' in plan) return 'new Generator()';
  if ('nothing' in plan) return 'undefined';
  if ('result' in plan) return describe(plan.result);
  if ('range' in plan) return plan.range.map(print).join(':');
  if ('array' in plan) return `${plan.array[0]}(${String(plan.array[1])})`;
  return `[${plan.map(print).join(', ')}]`;
}

/** The call in one line, for people. */
export function describe(call: Call): string {
  const named = Object.entries(call.named).map(([key, plan]) => `${key}: ${print(plan)}`);
  const all = [...call.args.map(print), ...named];
  const what = {
    raw: `aten('${call.name}')`,
    function: `ops.${call.name}`,
    method: `Tensor.${call.name}`,
    async: `await ops.${call.name}`,
    api: `api.${call.name}`,
  }[call.via];
  return `${what}(${all.join(', ')})${call.backward === true ? '.sum().backward()' : ''}`;
}
