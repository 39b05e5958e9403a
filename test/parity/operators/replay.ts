/** Runs one case with the addon, beside evaluate.py. */
import {
  Complex,
  grad,
  manualSeed,
  type OperatorArgument,
  ops,
  randn,
  scope,
  Tensor,
  TorchError,
} from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { type Case, type CaseFile, type Outcome, Reader } from './cases.js';
import { type Callable, publicCallable } from './public-operators.js';

/** The public method or function of a case's operator; without one, the call by its raw name. */
function callableOf(each: Case): Callable {
  const raw: Callable = (...given) => ops.aten(each.name, ...(given as OperatorArgument[]));
  return publicCallable(each.kind, each.name) ?? raw;
}

/** How many elements are stored, and all. */
const toldSparse = (sparse: Tensor): string =>
  /mkldnn/i.test(sparse.layout)
    ? ''
    : ` ${String(ops.aten('_nnz', sparse))} ${told(ops.aten<Tensor>('to_dense', sparse.detach()), true)}`;

function numberBits(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

/** A result in one line, as evaluate.py's `told`. */
export function told(value: unknown, bits: boolean): string {
  if (value === null || value === undefined) return 'none';
  if (value instanceof Tensor) {
    const head = `${value.dtype} [${value.shape.join(', ')}]`;
    if (value.layout !== 'strided') return `${head} ${value.layout}${bits ? toldSparse(value) : ''}`;
    const plain = ops.resolveNeg(ops.resolveConj(value.detach()));
    return `${head} [${plain.stride().join(', ')}] ${bits ? digest(plain) : ''}`;
  }
  if (Array.isArray(value)) return `[${value.map((each) => told(each, bits)).join(', ')}]`;
  if (value instanceof Complex) return `complex ${numberBits(value.re)} ${numberBits(value.im)}`;
  switch (typeof value) {
    case 'boolean':
      return `bool ${String(value)}`;
    case 'number':
      return `number ${numberBits(value)}`;
    case 'bigint':
      return `integer ${value.toString()}`;
    default:
      return `text ${value as string}`;
  }
}

function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  return Array.isArray(value) ? value.flatMap(tensorsOf) : [];
}

const firstLine = (error: unknown): string => {
  if (!(error instanceof TorchError)) throw error;
  const prefix = error.operator === undefined ? '' : `${error.operator}: `;
  const text = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
  return text.split('\n')[0]!.trimEnd();
};

/** What `evaluate.py` tells of the same case. */
export function runCase(each: Case, file: CaseFile): Outcome {
  return scope(() => {
    const reader = new Reader(file, !JSON.stringify(each.args).includes('{"t":'));
    const args = each.args.map((value) => reader.value(value));
    const kwargs = reader.named(each.kwargs);
    const given = [...reader.made.values()];
    if (each.inPlace) args[0] = ops.clone(args[0] as Tensor);
    const named = Object.keys(kwargs).length > 0 ? [kwargs] : [];
    const call = callableOf(each);
    manualSeed(each.seed);
    let results: unknown;
    try {
      results = call(...args, ...named);
    } catch (error) {
      return { error: firstLine(error) };
    }
    const out: Outcome = {
      results: told(results, each.bits),
      arguments: told(given, each.bits),
    };
    const differentiable = tensorsOf(results).filter((tensor) => tensor.requiresGrad && tensor.layout === 'strided');
    const leaves = reader.leaves();
    if (differentiable.length === 0 || leaves.length === 0 || !each.bits) return out;
    try {
      manualSeed(each.seed);
      const gradOutputs = differentiable.map((tensor) => randn(tensor.shape, { dtype: tensor.dtype }));
      return { ...out, gradients: told(grad(differentiable, leaves, { gradOutputs, allowUnused: true }), true) };
    } catch (error) {
      return { ...out, gradientError: firstLine(error) };
    }
  });
}
