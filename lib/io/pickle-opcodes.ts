import type { PickleMachine } from './pickle-machine.js';
import { decodeLong, parseDecimal, parseFloatText, parseQuoted, parseRawUnicode } from './pickle-text.js';
import { Tuple } from './pickle-values.js';

export type Step = (m: PickleMachine) => void;

/** What opcodes do, by their byte, in the order of Python's pickle.py; `m.in` stands behind the opcode. */
export const STEPS: readonly (Step | undefined)[] = (() => {
  const steps = new Array<Step | undefined>(256).fill(undefined);
  const on = (opcode: string | number, step: Step): void => {
    steps[typeof opcode === 'string' ? opcode.charCodeAt(0) : opcode] = step;
  };
  on('(', (m) => m.mark());
  on('0', (m) => m.pop());
  on('1', (m) => (m.height = m.unmark()));
  on('2', (m) => m.push(m.top()));
  on('F', (m) => m.push(m.parsed(parseFloatText(m.in.line()), 'float')));
  on('I', (m) => m.decimalOrBool(m.in.line()));
  on('J', (m) => m.push(m.in.i32()));
  on('K', (m) => m.push(m.in.u8()));
  on('L', (m) => m.push(m.parsed(parseDecimal(m.in.line()), 'int')));
  on('M', (m) => m.push(m.in.u16()));
  on('N', (m) => m.push(null));
  on('P', (m) => m.push(m.persistent(m.in.line())));
  on('Q', (m) => m.push(m.persistent(m.data(m.take()))));
  on('R', (m) => m.reduce());
  on('S', (m) => m.py2Bytes(Buffer.from(m.parsed(parseQuoted(m.in.line()), 'str'), 'latin1')));
  on('T', (m) => m.py2(m.in.i32()));
  on('U', (m) => m.py2(m.in.u8()));
  on('V', (m) => m.push(m.parsed(parseRawUnicode(m.in.line()), 'str')));
  on('X', (m) => m.text(m.in.u32()));
  on('a', (m) => m.appendOne());
  on('b', (m) => m.build());
  on('c', (m) => m.global(m.in.line(), m.in.line()));
  on('d', (m) => m.markedDict());
  on('}', (m) => m.push(new Map()));
  on('e', (m) => m.appendMarked());
  on('g', (m) => m.get(parseDecimal(m.in.line())));
  on('h', (m) => m.get(m.in.u8()));
  on('i', (m) => m.inst());
  on('j', (m) => m.get(m.in.u32()));
  on('l', (m) => m.markedList());
  on(']', (m) => m.push([]));
  on('o', (m) => m.obj());
  on('p', (m) => m.put(parseDecimal(m.in.line())));
  on('q', (m) => m.put(m.in.u8()));
  on('r', (m) => m.put(m.in.u32()));
  on('s', (m) => m.setItem());
  on('t', (m) => m.tuple(m.unmark()));
  on(')', (m) => m.push(new Tuple()));
  on('u', (m) => m.setItems());
  on('G', (m) => m.push(m.in.f64be()));
  on(0x80, (m) => m.protocol(m.in.u8()));
  on(0x81, (m) => m.reduce()); // NEWOBJ: cls.__new__(cls, *args), the same for every class on the allow list
  for (const extension of [0x82, 0x83, 0x84]) on(extension, (m) => m.refuse('extension codes'));
  on(0x85, (m) => m.tuple(m.height - 1));
  on(0x86, (m) => m.tuple(m.height - 2));
  on(0x87, (m) => m.tuple(m.height - 3));
  on(0x88, (m) => m.push(true));
  on(0x89, (m) => m.push(false));
  on(0x8a, (m) => m.push(decodeLong(m.in.slice(m.in.u8()))));
  on(0x8b, (m) => m.push(decodeLong(m.in.slice(m.in.u32()))));
  on('B', (m) => m.bytes(m.in.u32()));
  on('C', (m) => m.bytes(m.in.u8()));
  on(0x8c, (m) => m.text(m.in.u8()));
  on(0x8d, (m) => m.text(m.in.u64()));
  on(0x8e, (m) => m.bytes(m.in.u64()));
  on(0x8f, (m) => m.push(new Set()));
  on(0x90, (m) => m.addItems());
  on(0x91, (m) => m.markedSet());
  on(0x92, (m) => m.newObjectEx());
  on(0x93, (m) => m.stackGlobal());
  on(0x94, (m) => m.put(m.memo.size));
  on(0x95, (m) => m.frame(m.in.u64()));
  on(0x96, (m) => m.bytes(m.in.u64()));
  on(0x97, (m) => m.refuse('out-of-band buffers'));
  on(0x98, () => undefined); // READONLY_BUFFER: only changes what may be written to
  return steps;
})();
