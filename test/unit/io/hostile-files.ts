/** Files that nobody means well with, in every form that is read. Each is small; what it would do is not. */
import { Tuple } from '../../../lib/io/index.js';
import { serializeSafetensors } from '../../../lib/io/safetensors.js';
import { ones, OrderedDict, randn, scope, tensor } from '../../../lib/tensor/index.js';
import { hostilePickles, pickleWith } from './hostile-pickles.js';
import { hostileSafetensors } from './hostile-safetensors.js';
import { hostileLegacies, hostileTars } from './hostile-streams.js';
import { hostileTensors, STORAGE } from './hostile-tensors.js';
import { hostileZips } from './hostile-zips.js';
import { legacyForm, partsOf, tarForm, zipForm } from './form-writers.js';

/** A file of the corpus. */
export interface HostileFile {
  readonly name: string;
  readonly form: 'zip' | 'legacy' | 'tar' | 'safetensors';
  readonly bytes: Buffer;
}

/** The whole corpus, one file after the other. */
export function* hostileFiles(): Generator<HostileFile, void, void> {
  for (const [name, pickle] of hostilePickles()) {
    yield { name, form: 'zip', bytes: zipForm({ pickle, storages: [] }) };
    yield { name, form: 'legacy', bytes: legacyForm({ pickle, storages: [] }) };
  }
  for (const form of ['zip', 'legacy'] as const) {
    for (const [name, value] of hostileTensors(form)) {
      const parts = { pickle: pickleWith(value), storages: [STORAGE] };
      yield { name, form, bytes: form === 'zip' ? zipForm(parts) : legacyForm(parts) };
    }
  }
  for (const [name, bytes] of hostileZips()) yield { name, form: 'zip', bytes };
  for (const [name, bytes] of hostileLegacies()) yield { name, form: 'legacy', bytes };
  for (const [name, bytes] of hostileTars()) yield { name, form: 'tar', bytes };
  for (const [name, bytes] of hostileSafetensors()) yield { name, form: 'safetensors', bytes };
  for (const [form, bytes] of Object.entries(wholeFiles()) as [HostileFile['form'], Buffer][]) {
    yield { name: 'whole', form, bytes };
    for (let end = 0; end < bytes.length; end += 1000)
      yield { name: `cut at ${end}`, form, bytes: bytes.subarray(0, end) };
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 150)) {
      for (const bits of [0xff, 0x01]) {
        const flipped = Buffer.from(bytes);
        flipped[at]! ^= bits;
        yield { name: `byte ${at} with ${bits} flipped`, form, bytes: flipped };
      }
    }
  }
}

/** Whole files of some tens of kilobytes. */
export function wholeFiles(): Record<HostileFile['form'], Buffer> {
  return scope(() => {
    const weight = randn([40, 50]);
    const state = new OrderedDict<unknown>(
      Object.entries({ weight, part: weight.select(0, 3), turned: weight.t(), count: tensor(7n), none: ones([0, 3]) }),
    );
    const value = new Map<string, unknown>([
      ['state', state],
      ['text', 'x'.repeat(5000)],
      ['numbers', [1, 2.5, 2n ** 70n, true, null, Tuple.of<unknown>(1, 'a')]],
      ['more', Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key ${i}`, [i]]))],
      ['half', ones([3], { dtype: 'float16' })],
    ]);
    const named = { weight: weight.clone(), bias: randn([1000]), count: tensor(7n), flags: tensor([true, false]) };
    return {
      zip: zipForm(partsOf(value, 'zip')),
      legacy: legacyForm(partsOf(value, 'legacy')),
      tar: tarForm(named),
      safetensors: Buffer.from(serializeSafetensors(named, { metadata: { format: 'pt', text: 'x'.repeat(5000) } })),
    };
  });
}
