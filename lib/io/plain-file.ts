import { OrderedDict } from '../tensor/index.js';
import { type PlainFile, readPlainFile } from '../tensor/file-storages.js';
import type { ByteSource } from './byte-source.js';
import { Tuple } from './pickle-values.js';

// As native/plain_steps.h counts them.
const [FALSE, TRUE, NUMBER, TEXT, TENSOR, OBJECT] = [1, 2, 3, 4, 5, 6];
const [MAKE, SET, APPEND] = [0, 1, 2];
const [DICT, ORDERED_DICT, LIST] = [0, 1, 2];

/**
 * The short way through a file of torch.save: one call of the addon reads what state dicts and checkpoints consist of
 * (native/plain_pickle.h), and what it made is put into containers here.
 * @returns the value; undefined where there is anything else in the file, or anything wrong with it. The long way
 *   (`openTorchFile`, `readTorchFile`) then reads it, or says what is wrong: it gives the same values for every file.
 */
export function readPlain(source: ByteSource, mapped: boolean): { readonly value: unknown } | undefined {
  const file = source.fd ?? source.bytes;
  const found = file === undefined ? undefined : readPlainFile(file, source.size, mapped);
  return found === undefined ? undefined : { value: build(found) };
}

function build({ texts, steps, tensors }: PlainFile): unknown {
  const objects: object[] = [];
  const valueAt = (at: number): unknown => {
    const what = steps[at + 1]!;
    switch (steps[at]) {
      case TEXT:
        return texts[what];
      case TENSOR:
        return tensors[what];
      case OBJECT:
        return objects[what];
      case NUMBER:
        return what;
      case TRUE:
        return true;
      case FALSE:
        return false;
      default:
        return null;
    }
  };
  for (let at = 2; at < steps.length;) {
    const action = steps[at]!;
    const which = steps[at + 1]!;
    const end = at + 3 + 2 * steps[at + 2]!;
    at += 3;
    if (action === MAKE) {
      const made = newObject(which);
      objects.push(made);
      for (; at < end; at += 2) (made as unknown[]).push(valueAt(at));
    } else if (action === SET) {
      const dict = objects[which] as Map<unknown, unknown>;
      for (; at < end; at += 4) dict.set(valueAt(at), valueAt(at + 2));
    } else if (action === APPEND) {
      const list = objects[which] as unknown[];
      for (; at < end; at += 2) list.push(valueAt(at));
    } else {
      const dict = objects[which] as OrderedDict<unknown>;
      dict.metadata = valueAt(at) as Map<string, Map<string, unknown>>;
      at = end;
    }
  }
  return valueAt(0);
}

function newObject(type: number): Map<unknown, unknown> | unknown[] {
  if (type === DICT) return new Map();
  if (type === ORDERED_DICT) return new OrderedDict();
  return type === LIST ? [] : new Tuple();
}
