import { native } from '../native/load.js';
import { isComplex, isFloatingPoint } from './dtype.js';
import { elementFormat, type PrintedElement } from './element-format.js';
import { copyToArray } from './elements.js';
import { noGrad } from './grad-mode.js';
import { aten } from './operators.js';
import { getPrintOptions } from './print-options.js';
import { scope } from './scope.js';
import type { Tensor } from './tensor.js';

/** A tensor as PyTorch prints it, character for character. @see torch._tensor_str */
export function formatTensor(tensor: Tensor): string {
  try {
    return noGrad(() => scope(() => format(tensor)));
  } catch (error) {
    // Printing must not hide what is being looked for.
    return `tensor(${error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unreadable'})`;
  }
}

function tuple(sizes: readonly number[]): string {
  return sizes.length === 1 ? `(${String(sizes[0])},)` : `(${sizes.join(', ')})`;
}

/** What stands between the parentheses, and what follows it. */
interface Contents {
  text: string;
  suffixes: string[];
}

function format(tensor: Tensor): string {
  const nested = native.isNested(tensor.handle);
  const prefix = nested ? 'nested_tensor(' : 'tensor(';
  const { text, suffixes } = nested ? nestedContents(tensor) : contents(tensor, prefix.length);
  if (!nested && tensor.layout !== 'strided') suffixes.push(`layout=torch.${tensor.layout}`);
  const made = gradientFunction(tensor);
  if (made !== null) suffixes.push(`grad_fn=<${made}>`);
  else if (tensor.requiresGrad) suffixes.push('requires_grad=True');
  if (tensor.device !== 'cpu') suffixes.unshift(`device='${tensor.device}'`);
  return addSuffixes(prefix + text, suffixes, prefix.length, tensor.layout === 'sparse_coo');
}

function gradientFunction(tensor: Tensor): string | null {
  try {
    const name = native.gradFn(tensor.handle);
    return name === '' ? null : (name.split('::').at(-1) ?? name);
  } catch {
    // A view that was made, and changed in place, while nothing was recorded.
    return 'Invalid';
  }
}

function addSuffixes(text: string, suffixes: readonly string[], indent: number, newLine: boolean): string {
  let out = text;
  let length = text.length - text.lastIndexOf('\n') + 1;
  let force = newLine;
  for (const suffix of suffixes) {
    if (force || length + suffix.length + 2 > getPrintOptions().linewidth) {
      out += `,\n${' '.repeat(indent)}${suffix}`;
      length = indent + suffix.length;
      force = false;
    } else {
      out += `, ${suffix}`;
      length += suffix.length + 2;
    }
  }
  return `${out})`;
}

function contents(tensor: Tensor, indent: number): Contents {
  const { dtype, layout, shape } = tensor;
  const suffixes: string[] = [];
  const usual = ['float32', 'complex64', 'int64', 'bool'].includes(dtype);
  const meta = tensor.device.startsWith('meta');
  if (layout.startsWith('sparse')) return sparseContents(tensor, indent, usual, meta);
  if (/^qu?int/.test(dtype)) return quantizedContents(tensor, indent);
  if (meta) {
    suffixes.push(`size=${tuple(shape)}`);
    if (dtype !== 'float32') suffixes.push(`dtype=torch.${dtype}`);
    return { text: '...', suffixes };
  }
  if (tensor.numel() === 0) {
    if (shape.length !== 1) suffixes.push(`size=${tuple(shape)}`);
    if (dtype !== 'float32') suffixes.push(`dtype=torch.${dtype}`);
    return { text: '[]', suffixes };
  }
  if (getPrintOptions().edgeitems === 0) suffixes.push(`size=${tuple(shape)}`);
  if (!usual) suffixes.push(`dtype=torch.${dtype}`);
  return { text: elementsText(layout === 'strided' ? tensor : tensor.toDense(), indent), suffixes };
}

function nestedContents(tensor: Tensor): Contents {
  const parts = aten<Tensor[] | Tensor | undefined>('unbind.int', tensor, 0);
  const list = parts === undefined ? [] : Array.isArray(parts) ? parts : [parts];
  const lines = list.map((each) => `  ${formatTensor(each).replaceAll('\n', '\n  ')}`);
  return { text: `[\n${lines.join(',\n')}\n]`, suffixes: [] };
}

/** One of the tensors that a sparse one consists of. */
function part(name: string, tensor: Tensor, indent: number, meta: boolean): string {
  const prefix = `${name}=tensor(`;
  const text = meta ? '...' : elementsText(tensor, indent + prefix.length);
  return `${prefix}${text}${meta || tensor.numel() === 0 ? `, size=${tuple(tensor.shape)}` : ''})`;
}

function sparseContents(tensor: Tensor, indent: number, usual: boolean, meta: boolean): Contents {
  const suffixes = [`size=${tuple(tensor.shape)}`];
  if (!meta) suffixes.push(`nnz=${String(aten<number>('_nnz', tensor))}`);
  if (!usual) suffixes.push(`dtype=torch.${tensor.dtype}`);
  const rows = tensor.layout === 'sparse_csr' || tensor.layout === 'sparse_bsr';
  const parts: [string, Tensor][] =
    tensor.layout === 'sparse_coo'
      ? [
          ['indices', aten<Tensor>('_indices', tensor)],
          ['values', aten<Tensor>('_values', tensor)],
        ]
      : [
          [rows ? 'crow_indices' : 'ccol_indices', rows ? tensor.crowIndices() : tensor.ccolIndices()],
          [rows ? 'col_indices' : 'row_indices', rows ? tensor.colIndices() : tensor.rowIndices()],
          ['values', tensor.values()],
        ];
  const text = parts.map(([name, each]) => part(name, each, indent, meta)).join(`,\n${' '.repeat(indent)}`);
  return { text, suffixes };
}

// c10::QScheme
const schemes = [
  'per_tensor_affine',
  'per_channel_affine',
  'per_tensor_symmetric',
  'per_channel_symmetric',
  'per_channel_affine_float_qparams',
];

function pythonFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${String(value)}.0`;
  if (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e16) return String(value);
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  return `${digits}e${exponent.startsWith('-') ? '-' : '+'}${exponent.replace(/^[+-]/, '').padStart(2, '0')}`;
}

function quantizedContents(tensor: Tensor, indent: number): Contents {
  const scheme = schemes[tensor.qscheme()] ?? 'unknown';
  const suffixes = [
    `size=${tuple(tensor.shape)}`,
    `dtype=torch.${tensor.dtype}`,
    `quantization_scheme=torch.${scheme}`,
  ];
  if (scheme.startsWith('per_tensor')) {
    suffixes.push(`scale=${pythonFloat(tensor.qScale())}`, `zero_point=${String(tensor.qZeroPoint())}`);
  } else {
    suffixes.push(`scale=${formatTensor(tensor.qPerChannelScales())}`);
    suffixes.push(`zero_point=${formatTensor(tensor.qPerChannelZeroPoints())}`);
    suffixes.push(`axis=${String(tensor.qPerChannelAxis())}`);
  }
  return { text: elementsText(tensor.dequantize(), indent), suffixes };
}

/** The elements in brackets; `indent` is the column where they begin. */
function elementsText(tensor: Tensor, indent: number): string {
  if (tensor.numel() === 0) return '[]';
  const options = getPrintOptions();
  const summarised = tensor.numel() > options.threshold;
  if (summarised && options.edgeitems === 0) return '[...]';
  const edge = summarised ? options.edgeitems : Infinity;
  const shape = tensor.shape;
  const shown = readable(tensor, edge);
  const write = elementWriter(shown);
  const sizes = shown.shape;
  const perLine = Math.max(1, Math.floor((options.linewidth - indent - sizes.length + 1) / (write.width + 2)));
  let next = 0;
  const level = (dim: number, column: number): string => {
    const size = sizes[dim];
    if (size === undefined) return write.text(next++);
    const last = dim === sizes.length - 1;
    const items = Array.from({ length: size }, () => level(dim + 1, column + 1));
    if ((shape[dim] ?? 0) > 2 * edge) items.splice(edge, 0, last ? ' ...' : '...');
    const pad = ' '.repeat(column + 1);
    if (!last) return `[${items.join(`,${'\n'.repeat(sizes.length - 1 - dim)}${pad}`)}]`;
    const lines: string[] = [];
    for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(', '));
    return `[${lines.join(`,\n${pad}`)}]`;
  };
  return level(0, indent);
}

/** The elements that are shown: of a dimension longer than twice `edge`, those at its ends. */
function readable(tensor: Tensor, edge: number): Tensor {
  let shown = tensor.dtype.startsWith('float8') ? tensor.to('float32') : tensor.detach();
  tensor.shape.forEach((size, dim) => {
    if (size <= 2 * edge) return;
    shown = aten<Tensor>('cat', [shown.narrow(dim, 0, edge), shown.narrow(dim, size - edge, edge)], dim);
  });
  return shown;
}

interface ElementWriter {
  width: number;
  /** The element at an index, row by row. */
  text(index: number): string;
}

function elementWriter(tensor: Tensor): ElementWriter {
  const options = getPrintOptions();
  const flat = Array.from<PrintedElement>(copyToArray(tensor) as Iterable<PrintedElement>);
  if (tensor.dtype === 'bool') {
    const booleans = flat.map((each) => each !== 0);
    const one = elementFormat(booleans, false, options);
    return { width: one.width, text: (i) => one.format(booleans[i] ?? false) };
  }
  if (!isComplex(tensor.dtype)) {
    const one = elementFormat(flat, isFloatingPoint(tensor.dtype), options);
    return { width: one.width, text: (i) => one.format(flat[i] ?? 0) };
  }
  const real = elementFormat(everySecond(flat, 0), true, options);
  const imaginary = elementFormat(everySecond(flat, 1), true, options);
  return {
    width: real.width + imaginary.width + 1,
    text: (i) => {
      const second = `${imaginary.format(flat[2 * i + 1] ?? 0)}j`.trimStart();
      return `${real.format(flat[2 * i] ?? 0)}${/^[+-]/.test(second) ? '' : '+'}${second}`;
    },
  };
}

const everySecond = (flat: readonly PrintedElement[], from: number): PrintedElement[] =>
  flat.filter((_, i) => i % 2 === from);
