/**
 * Reads the whole corpus of hostile files in this process, and prints a JSON line for each: what it gave, how long it took, and
 * by how much the process grew meanwhile. `--keep FOLDER` writes the files that were read to FOLDER, for Python to read them too.
 */
import fs from 'node:fs';
import path from 'node:path';
import { IoError, load, loadSafetensors } from '../../../lib/io/index.js';
import { memory, scope, setNumThreads, TorchError } from '../../../lib/tensor/index.js';
import { bothWays } from './both-ways.js';
import { hostileFiles, wholeFiles, type HostileFile } from './hostile-files.js';
import { valueDigest } from './value-digest.js';

/** What became of a file. */
export interface HostileOutcome {
  readonly name: string;
  readonly form: string;
  /** Bytes of the file. */
  readonly size: number;
  /** The hash of what was read. */
  readonly digest?: string;
  readonly error?: { readonly kind: string; readonly message: string };
  /** Time of the processor and of the clock, in milliseconds. */
  readonly cpu: number;
  readonly wall: number;
  /** How much larger the process was at its largest than before, in bytes. */
  readonly growth: number;
  /** Tensors and bytes that were left behind. */
  readonly left: number;
  /** What the short way makes of it that the long one does not (lib/io/plain-file.ts). */
  readonly differs?: string;
  /** Where the file is kept. */
  readonly file?: string;
}

/** A field of /proc/self/status in bytes: VmRSS is what the process takes, VmHWM the most since it was reset. */
function status(field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(fs.readFileSync('/proc/self/status', 'utf8'));
  return Number(line?.[1]) * 1024;
}

function read({ form, bytes }: Pick<HostileFile, 'form' | 'bytes'>): unknown {
  return form === 'safetensors' ? loadSafetensors(bytes) : load(bytes);
}

function outcome(hostile: HostileFile, keep: string | undefined, number: number): HostileOutcome {
  const { name, form, bytes } = hostile;
  if (bytes.length > 50_000 || number % 25 === 0) gc?.();
  fs.writeFileSync('/proc/self/clear_refs', '5');
  const [rss, held, cpu, start] = [status('VmRSS'), memory(), process.cpuUsage(), performance.now()];
  const taken = { cpu: 0, wall: 0, growth: 0 };
  const measure = (): void => {
    const { user, system } = process.cpuUsage(cpu);
    Object.assign(taken, {
      cpu: (user + system) / 1000,
      wall: performance.now() - start,
      growth: status('VmHWM') - rss,
    });
  };
  let result: Pick<HostileOutcome, 'digest' | 'error' | 'file'>;
  try {
    result = scope(() => {
      const value = read(hostile);
      measure();
      const digest = valueDigest(value);
      if (keep === undefined) return { digest };
      const file = path.join(keep, `${number}.${form}`);
      fs.writeFileSync(file, bytes);
      return { digest, file };
    });
  } catch (error) {
    measure();
    const known = error instanceof IoError || error instanceof TorchError;
    const kind = known ? error.name : `unexpected ${error instanceof Error ? error.name : typeof error}`;
    const text = error instanceof Error ? (known ? error.message : (error.stack ?? '')) : String(error);
    result = { error: { kind, message: text } };
  }
  const differs = form === 'zip' ? differenceOfWays(bytes) : {};
  const now = memory();
  const left = Math.abs(now.tensors - held.tensors) + Math.abs(now.bytes - held.bytes);
  return { name, form, size: bytes.length, ...result, ...differs, ...taken, left };
}

function differenceOfWays(bytes: Buffer): Pick<HostileOutcome, 'differs'> {
  try {
    bothWays(bytes);
    return {};
  } catch (error) {
    return { differs: String(error) };
  }
}

setNumThreads(1);
// what is compiled and set up once is no part of any file
for (const [form, bytes] of Object.entries(wholeFiles()) as [HostileFile['form'], Buffer][])
  for (let i = 0; i < 3; i++) scope(() => valueDigest(read({ form, bytes })));
const at = process.argv.indexOf('--keep');
const keep = at < 0 ? undefined : process.argv[at + 1];
let number = 0;
for (const file of hostileFiles()) {
  let result = outcome(file, keep, number);
  // What the collector had not come to of earlier files is no part of this one: a large one is measured once more.
  if (result.growth > 32 << 20) {
    gc?.();
    result = { ...result, growth: Math.min(result.growth, outcome(file, keep, number).growth) };
  }
  fs.writeSync(1, `${JSON.stringify(result)}\n`);
  number++;
}
