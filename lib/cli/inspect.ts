import { inspect, IoError, type Inspection, type InspectedTensor } from '../io/index.js';
import { coloursFor, type Output } from './output.js';

/** `torchbridge inspect`. @returns the exit code. */
export function runInspect(file: string, { json }: { json: boolean }, stdout: Output): number {
  const found = namingWhatIsExpected(file, () => inspect(file));
  stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : inspectionText(found, coloursFor(stdout)));
  return 0;
}

/** Adds to what is wrong with a file what it should be. */
export function namingWhatIsExpected<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof IoError) || error.path !== file || !['missing', 'kind', 'format'].includes(error.code))
      throw error;
    const message = `${error.message}; expected a file of torch.save or of safetensors`;
    throw new IoError(error.code, message, file, { cause: error });
  }
}

type Colours = ReturnType<typeof coloursFor>;

const MAX_LINES = 40;

function inspectionText(found: Inspection, { bold, dim, red }: Colours): string {
  const form = found.form === 'safetensors' ? 'safetensors' : `torch.save, ${found.form} form`;
  const lines = [`${bold(printable(found.file))}  ${form}, ${bytes(found.fileBytes)}, ${article(found.kind)}`];
  if (found.tensors.length > 0) {
    const rows = [['name', 'dtype', 'shape', 'bytes'], ...found.tensors.map(tensorRow)];
    const [head = '', ...rest] = columns(rows);
    lines.push('', dim(head), ...rest);
    const shared = sharing(found.tensors);
    const total = `${counted(found.tensors.length, 'tensor')}, ${counted(found.elements, 'element')}`;
    lines.push(
      '',
      `${total}, ${bytes(found.storageBytes)} of storage${shared > 0 ? `; ${shared} of them over the storage of another` : ''}`,
    );
  }
  if (found.valueCount > 0) {
    const shown = found.values.slice(0, MAX_LINES);
    lines.push('', dim('other values'), ...columns(shown.map(({ path, value }) => [label(path), printable(value)])));
    if (found.valueCount > shown.length)
      lines.push(`and ${(found.valueCount - shown.length).toLocaleString('en')} more`);
  }
  const metadata = Object.entries(found.metadata);
  if (metadata.length > 0)
    lines.push(
      '',
      dim('metadata'),
      ...columns(metadata.map(([key, text]) => [printable(key), printable(clipped(text))])),
    );
  if (found.unsafe.length > 0)
    lines.push(
      '',
      red('classes and functions that are not read, so that the file is refused; nothing was executed'),
      ...found.unsafe.map((name) => `  ${printable(clipped(name))}`),
    );
  return `${lines.join('\n')}\n`;
}

function article(kind: Inspection['kind']): string {
  return kind === 'data' ? 'no tensors' : `a ${kind}`;
}

function tensorRow({ path, dtype, shape, bytes: size, layout }: InspectedTensor): string[] {
  const form = layout === 'strided' ? '' : ` ${layout}`;
  return [label(path), `${dtype}${form}`, `[${shape.join(', ')}]`, bytes(size)];
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}

/** Tensors beyond the first of each storage. */
function sharing(tensors: readonly InspectedTensor[]): number {
  const keys = tensors.map(({ storage }) => storage).filter((storage) => storage !== null);
  return keys.length - new Set(keys).size;
}

function label(path: readonly string[]): string {
  return path.length === 0 ? '(the file itself)' : path.map((step) => printable(clipped(step))).join(' / ');
}

const MAX_WIDTH = 120;

function clipped(text: string): string {
  return text.length > MAX_WIDTH ? `${text.slice(0, MAX_WIDTH)}...` : text;
}

/** Left-aligned columns, the last one as long as it is. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map(
    (row) => `  ${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')}`,
  );
}

/** Names come from the file: what a terminal would act on is shown as an escape. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu,
    (each) => `\\u${each.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}

/** Bytes as people read them: `512 B`, `37.6 kB`, `32.3 MB`. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(units.length, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(1)} ${units[power - 1]!}`;
}
