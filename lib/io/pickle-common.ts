import type { PickleMachine } from './pickle-machine.js';
import { ABSENT } from './pickle-memo.js';
import { Global, MAX_MARKS } from './pickle-stack.js';
import { Tuple } from './pickle-values.js';

/** The longest argument of an opcode that is run here, without text. */
const ARGUMENT = 4;

/**
 * Runs the opcodes that files of tensors consist of, up to the first that is another one, or is not as it should be: what
 * that one does, or is refused for, say the steps of the table. Here is nothing that is not there too, only sooner: a process that
 * loads its first file runs code which has not been compiled yet, where a call costs more than what most opcodes do. So this is
 * one loop over local variables, with the most frequent opcodes first.
 */
export function runCommon(m: PickleMachine): void {
  const { in: input, values, outer, memo } = m;
  const { bytes, buffer } = input;
  const { dense } = memo;
  const last = bytes.length - 1 - ARGUMENT;
  let at = input.position;
  let { height, base } = m;
  loop: while (at < last) {
    const next = bytes[at + 1]!;
    switch (bytes[at]) {
      case 0x72: {
        // LONG_BINPUT
        const index = (next | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 24)) >>> 0;
        if (height === base) break loop;
        if (index === dense.length && memo.sparse === undefined) dense.push(values[height - 1]);
        else memo.put(index, values[height - 1]);
        at += 5;
        continue;
      }
      case 0x68: // BINGET
        if (next >= dense.length || dense[next] === ABSENT) break loop;
        values[height++] = dense[next];
        at += 2;
        continue;
      case 0x4b: // BININT1
        values[height++] = next;
        at += 2;
        continue;
      case 0x28: // MARK
        if (outer.length >= MAX_MARKS) break loop;
        outer.push(base);
        base = height;
        at += 1;
        continue;
      case 0x74: {
        // TUPLE
        const tuple = outer.length === 0 ? undefined : tupleOf(values, base, height);
        if (tuple === undefined) break loop;
        height = base;
        base = outer.pop()!;
        values[height++] = tuple;
        at += 1;
        continue;
      }
      case 0x58: {
        // BINUNICODE
        const length = next | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 24);
        if (length < 0 || length > last - at) break loop;
        const text = buffer.toString('utf8', at + 5, at + 5 + length);
        if (text.includes('\ufffd')) break loop;
        values[height++] = text;
        at += 5 + length;
        continue;
      }
      case 0x52: // REDUCE
        if (height - base < 2) break loop;
        at += 1;
        input.position = at;
        height -= 1;
        values[height - 1] = m.call(values[height - 1], values[height]);
        continue;
      case 0x4d: // BININT2
        values[height++] = next | (bytes[at + 2]! << 8);
        at += 3;
        continue;
      case 0x29: // EMPTY_TUPLE
        values[height++] = new Tuple();
        at += 1;
        continue;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: {
        // TUPLE3
        const from = height + 0x84 - bytes[at]!;
        const tuple = from < base ? undefined : tupleOf(values, from, height);
        if (tuple === undefined) break loop;
        values[from] = tuple;
        height = from + 1;
        at += 1;
        continue;
      }
      case 0x51: // BINPERSID
        if (height === base) break loop;
        at += 1;
        input.position = at;
        values[height - 1] = m.persistent(m.data(values[height - 1]));
        continue;
      case 0x89: // NEWFALSE
        values[height++] = false;
        at += 1;
        continue;
      case 0x71: // BINPUT
        if (height === base) break loop;
        memo.put(next, values[height - 1]);
        at += 2;
        continue;
      case 0x6a: {
        // LONG_BINGET
        const index = (next | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 24)) >>> 0;
        if (index >= dense.length || dense[index] === ABSENT) break loop;
        values[height++] = dense[index];
        at += 5;
        continue;
      }
      case 0x4a: // BININT
        values[height++] = next | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 24);
        at += 5;
        continue;
      default:
        break loop;
    }
  }
  input.position = at;
  m.height = height;
  m.base = base;
}

/** A tuple of the values on a stack from `from` on; undefined where one of them may only be called. */
function tupleOf(values: readonly unknown[], from: number, to: number): Tuple | undefined {
  const tuple = new Tuple(to - from); // that many holes, which are filled
  for (let i = from; i < to; i++) {
    const value = values[i];
    if (typeof value !== 'object' || !(value instanceof Global)) tuple[i - from] = value;
    else if ('value' in value.known) tuple[i - from] = value.known.value;
    else return undefined;
  }
  return tuple;
}
