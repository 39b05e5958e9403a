/**
 * Damages small valid files of every form, and reads what comes out: `mutation-child.ts COUNT SEED [--keep FOLDER]`. Prints one
 * JSON object at the end; a line on stderr, with the bytes, for each file that gave anything but a value or a clear error.
 */
import fs from 'node:fs';
import path from 'node:path';
import { IoError, load, loadSafetensors, Tuple } from '../../../lib/io/index.js';
import { serializeSafetensors } from '../../../lib/io/safetensors.js';
import {
  arange,
  memory,
  ones,
  OrderedDict,
  scope,
  setNumThreads,
  tensor,
  TorchError,
} from '../../../lib/tensor/index.js';
import { Dice } from '../../native/fuzz/dice.js';
import { bothWays } from './both-ways.js';
import { legacyForm, Parameter, partsOf, tarForm, zipForm, type FormParts } from './form-writers.js';
import { valueDigest } from './value-digest.js';

/** What the mutations gave. */
export interface MutationSummary {
  readonly tried: number;
  readonly read: number;
  readonly refused: number;
  /** Of those read, how many the short way reads (lib/io/plain-file.ts); always as the long one does. */
  readonly plain: number;
  /** Bytes of files for which something went wrong, in hexadecimal, and what. */
  readonly failures: readonly string[];
  readonly slowest: number;
  /** Tensors and bytes more than before. */
  readonly left: readonly number[];
  /** Files that were kept, with the hash of what was read, and of what stands in the file that was damaged. */
  readonly kept: readonly { readonly file: string; readonly digest: string; readonly original: string }[];
}

/** What is damaged: a whole file, or a part of it that a checksum or a length would else protect. */
interface Target {
  readonly form: string;
  readonly bytes: Buffer;
  readonly wrap: (bytes: Buffer) => Buffer;
}

function targets(): Target[] {
  return scope(() => {
    const weight = arange(6).reshape([2, 3]);
    const state = new OrderedDict<unknown>(Object.entries({ w: weight, part: weight.select(0, 1), n: tensor(7n) }));
    state.metadata = new Map([['', new Map([['version', 1]])]]);
    const value = new Map<string, unknown>([
      ['state', state],
      ['list', [1, 2.5, 2n ** 70n, true, null, Tuple.of<unknown>('a', -1), new Set([1, 2])]],
      ['bytes', Uint8Array.of(1, 2, 3)],
    ]);
    const plain = new Map<string, unknown>([
      ['state', state],
      ['more', [1, 2.5, true, null, Tuple.of<unknown>('a', -1), new Map([[3, 2 ** 40]]), new Parameter(weight)]],
    ]);
    const [zip, legacy] = [partsOf(value, 'zip'), partsOf(value, 'legacy')];
    const short = partsOf(plain, 'zip');
    const tensors = { ab: weight, c: ones([0, 2]), d: tensor([true, false]) };
    const safe = Buffer.from(serializeSafetensors(tensors, { metadata: { f: 'pt' } }));
    const whole = (form: string, bytes: Buffer): Target => ({ form, bytes, wrap: (each) => each });
    const pickle = (form: string, parts: FormParts, write: (parts: FormParts) => Buffer): Target => ({
      form,
      bytes: Buffer.from(parts.pickle),
      wrap: (bytes) => write({ ...parts, pickle: bytes }),
    });
    const length = Number(safe.readBigUInt64LE(0));
    const header: Target = {
      form: 'safetensors',
      bytes: safe.subarray(8, 8 + length),
      wrap: (bytes) => {
        const size = Buffer.alloc(8);
        size.writeBigUInt64LE(BigInt(bytes.length));
        return Buffer.concat([size, bytes, safe.subarray(8 + length)]);
      },
    };
    const tar = tarForm({ ab: weight, d: tensor([1, 2]) });
    return [
      ...[whole('zip', zipForm(zip)), pickle('zip', zip, zipForm), pickle('legacy', legacy, legacyForm)],
      ...[whole('zip', zipForm(short)), pickle('zip', short, zipForm)],
      ...[whole('legacy', legacyForm(legacy)), whole('tar', tar), whole('safetensors', safe), header],
    ];
  });
}

const OPCODES = Buffer.from(
  '(.012FIJKLMNPQRSTUVXabcdeghijlopqrstu])}GBC\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x8f\x90\x93\x94',
  'latin1',
);
const NUMBERS = [0, 1, -1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, -0x80000000];

function mutate(given: Buffer, dice: Dice): Buffer {
  let bytes: Buffer = Buffer.from(given);
  for (let i = dice.below(4) === 0 ? dice.below(6) : 0; i >= 0; i--) bytes = step(bytes, dice);
  return bytes;
}

function step(bytes: Buffer, dice: Dice): Buffer {
  const at = dice.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + dice.below(16));
  const change = (write: () => void): Buffer => {
    if (at < bytes.length) write();
    return bytes;
  };
  switch (dice.below(9)) {
    case 0:
      return change(() => (bytes[at]! ^= 1 << dice.below(8)));
    case 1:
      return change(() => (bytes[at] = dice.below(256)));
    case 2:
      return change(() => (bytes[at] = OPCODES[dice.below(OPCODES.length)]!));
    case 3:
      return at + 4 > bytes.length ? bytes : change(() => bytes.writeInt32LE(dice.pick(NUMBERS), at));
    case 4:
      return at + 8 > bytes.length
        ? bytes
        : change(() => bytes.writeBigInt64LE(BigInt(dice.pick(NUMBERS)) << BigInt(dice.below(32)), at));
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 6:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 7: {
      const from = dice.below(bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + dice.below(24)), bytes.subarray(at)]);
    }
    default:
      return dice.below(8) === 0 ? bytes.subarray(0, at) : change(() => (bytes[at] = 0x30 + dice.below(10)));
  }
}

const [count, seed] = process.argv.slice(2, 4).map(Number) as [number, number];
const keepAt = process.argv.indexOf('--keep');
const folder = keepAt < 0 ? undefined : process.argv[keepAt + 1];
setNumThreads(1);
const all = targets();
const readFile = (form: string, file: Buffer): unknown => (form === 'safetensors' ? loadSafetensors(file) : load(file));
const originals = all.map(({ form, bytes, wrap }) => scope(() => valueDigest(readFile(form, wrap(bytes)))));
const held = memory();
const counts = { read: 0, refused: 0, plain: 0, slowest: 0 };
const failures: string[] = [];
const kept: { file: string; digest: string; original: string }[] = [];
for (let i = 0; i < count; i++) {
  const dice = new Dice(seed, i);
  const { form, bytes, wrap } = all[i % all.length]!;
  const file = wrap(mutate(bytes, dice));
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  try {
    scope(() => {
      const value = readFile(form, file);
      counts.read++;
      // weights_only=True refuses every tar file, and safetensors have a comparison of their own
      if (folder === undefined || (form !== 'zip' && form !== 'legacy')) return;
      const place = path.join(folder, `${i}.${form}`);
      fs.writeFileSync(place, file);
      kept.push({ file: place, digest: valueDigest(value), original: originals[i % all.length]! });
    });
  } catch (error) {
    counts.refused++;
    if (!(error instanceof IoError || error instanceof TorchError))
      failures.push(
        `${i} ${form} ${error instanceof Error ? (error.stack ?? '') : String(error)} ${file.toString('hex')}`,
      );
  }
  // The processor's time where that is less: a busy machine makes any clock run on.
  const { user, system } = process.cpuUsage(cpu);
  counts.slowest = Math.max(counts.slowest, Math.min(performance.now() - start, (user + system) / 1000));
  try {
    if (form === 'zip' && bothWays(file)) counts.plain++;
  } catch (error) {
    failures.push(`${i} ${String(error)} ${file.toString('hex')}`);
  }
  if (i % 1000 === 999) fs.writeSync(2, `${i + 1}\n`);
}
const now = memory();
const left = [now.tensors - held.tensors, now.bytes - held.bytes];
fs.writeSync(
  1,
  JSON.stringify({ tried: count, ...counts, failures: failures.slice(0, 20), left, kept } satisfies MutationSummary),
);
