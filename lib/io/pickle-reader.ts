import { PickleMachine, type PickleReadOptions } from './pickle-machine.js';
import { decodeLong, parseDecimal, parseFloatText, parseQuoted, parseRawUnicode } from './pickle-text.js';
import { Tuple } from './pickle-values.js';

export type { PickleGlobal, PickleReadOptions, Py2Encoding } from './pickle-machine.js';

const STOP = 0x2e;

/**
 * Reads one pickle of protocol 0 to 5. Nothing is ever executed: a pickle may only name what `options.globals` allows.
 * Python dict -> Map, list -> Array, tuple -> {@link Tuple}, set -> Set, None -> null, int -> number (bigint when
 * unsafe), float -> number, str -> string, bytes -> Uint8Array (a copy).
 * @returns the value, and `end`: the bytes that the pickle took (files may hold several).
 * @throws IoError `format`, for damaged, truncated or refused contents, with the position.
 */
export function readPickle(bytes: Uint8Array, options: PickleReadOptions): { value: unknown; end: number } {
  const machine = new PickleMachine(bytes, options);
  try {
    return run(machine);
  } catch (error) {
    // integers, strings and containers beyond what JavaScript can hold
    if (error instanceof RangeError) throw machine.in.error(error.message);
    throw error;
  }
}

function run(machine: PickleMachine): { value: unknown; end: number } {
  for (;;) {
    const at = machine.in.position;
    const opcode = machine.in.u8();
    if (opcode === STOP) return { value: machine.finish(), end: machine.in.position };
    const step = STEPS[opcode];
    if (step === undefined) throw machine.in.error(`unknown opcode 0x${opcode.toString(16).padStart(2, '0')}`, at);
    step(machine);
  }
}

type Step = (m: PickleMachine) => void;

/** Opcodes by their byte, in the order of Python's pickle.py. */
const STEPS: readonly (Step | undefined)[] = (() => {
  const steps = new Array<Step | undefined>(256).fill(undefined);
  const on = (opcode: string | number, step: Step): void => {
    steps[typeof opcode === 'string' ? opcode.charCodeAt(0) : opcode] = step;
  };
  on('(', (m) => m.mark());
  on('0', (m) => m.pop());
  on('1', (m) => m.popMark());
  on('2', (m) => m.dup());
  on('F', (m) => m.push(m.parsed(parseFloatText(m.in.line()), 'float')));
  on('I', (m) => {
    const text = m.in.line();
    m.push(text === '00' ? false : text === '01' ? true : m.parsed(parseDecimal(text), 'int'));
  });
  on('J', (m) => m.push(m.in.i32()));
  on('K', (m) => m.push(m.in.u8()));
  on('L', (m) => m.push(m.parsed(parseDecimal(m.in.line()), 'int')));
  on('M', (m) => m.push(m.in.u16()));
  on('N', (m) => m.push(null));
  on('P', (m) => m.persistent(m.in.line()));
  on('Q', (m) => m.persistentFromStack());
  on('R', (m) => m.reduce());
  on('S', (m) => m.py2Bytes(Buffer.from(m.parsed(parseQuoted(m.in.line()), 'str'), 'latin1')));
  on('T', (m) => m.py2(m.in.i32()));
  on('U', (m) => m.py2(m.in.u8()));
  on('V', (m) => m.push(m.parsed(parseRawUnicode(m.in.line()), 'str')));
  on('X', (m) => m.push(m.utf8(m.in.slice(m.in.u32()))));
  on('a', (m) => m.appendOne());
  on('b', (m) => m.build());
  on('c', (m) => m.global(m.in.line(), m.in.line()));
  on('d', (m) => m.collect((items) => m.dictOf(items)));
  on('}', (m) => m.push(new Map()));
  on('e', (m) => m.appendMarked());
  on('g', (m) => m.get(parseDecimal(m.in.line())));
  on('h', (m) => m.get(m.in.u8()));
  on('i', (m) => m.inst());
  on('j', (m) => m.get(m.in.u32()));
  on('l', (m) => m.collect((items) => items));
  on(']', (m) => m.push([]));
  on('o', (m) => m.obj());
  on('p', (m) => m.put(parseDecimal(m.in.line())));
  on('q', (m) => m.put(m.in.u8()));
  on('r', (m) => m.put(m.in.u32()));
  on('s', (m) => m.setItem());
  on('t', (m) => m.collect((items) => Tuple.make(items)));
  on(')', (m) => m.push(new Tuple()));
  on('u', (m) => m.setItems());
  on('G', (m) => m.push(m.in.f64be()));
  on(0x80, (m) => m.protocol(m.in.u8()));
  on(0x81, (m) => m.reduce()); // NEWOBJ: cls.__new__(cls, *args), the same for every class on the allow list
  for (const extension of [0x82, 0x83, 0x84]) on(extension, (m) => m.refuse('extension codes'));
  on(0x85, (m) => m.tuple(1));
  on(0x86, (m) => m.tuple(2));
  on(0x87, (m) => m.tuple(3));
  on(0x88, (m) => m.push(true));
  on(0x89, (m) => m.push(false));
  on(0x8a, (m) => m.push(decodeLong(m.in.slice(m.in.u8()))));
  on(0x8b, (m) => m.push(decodeLong(m.in.slice(m.in.u32()))));
  on('B', (m) => m.bytes(m.in.u32()));
  on('C', (m) => m.bytes(m.in.u8()));
  on(0x8c, (m) => m.push(m.utf8(m.in.slice(m.in.u8()))));
  on(0x8d, (m) => m.push(m.utf8(m.in.slice(m.in.u64()))));
  on(0x8e, (m) => m.bytes(m.in.u64()));
  on(0x8f, (m) => m.push(new Set()));
  on(0x90, (m) => m.addItems());
  on(0x91, (m) => m.collect((items) => m.setOf(items)));
  on(0x92, (m) => m.newObjectEx());
  on(0x93, (m) => m.stackGlobal());
  on(0x94, (m) => m.memoize());
  on(0x95, (m) => m.frame(m.in.u64()));
  on(0x96, (m) => m.bytes(m.in.u64()));
  on(0x97, (m) => m.refuse('out-of-band buffers'));
  on(0x98, () => undefined); // READONLY_BUFFER: only changes what may be written to
  return steps;
})();
