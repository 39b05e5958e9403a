import { runCommon } from './pickle-common.js';
import { PickleMachine } from './pickle-machine.js';
import type { PickleReadOptions } from './pickle-options.js';
import { STEPS } from './pickle-opcodes.js';

export type { PickleGlobal, PickleReadOptions, Py2Encoding } from './pickle-options.js';

/**
 * Reads one pickle of protocol 0 to 5. Nothing is ever executed: a pickle may only name what `options.globals` allows.
 * Python dict -> Map, list -> Array, tuple -> Tuple, set -> Set, None -> null, int -> number (bigint when
 * unsafe), float -> number, str -> string, bytes -> Uint8Array (a copy).
 * @returns the value, and `end`: the bytes that the pickle took (files may hold several).
 * @throws IoError `format`, for damaged, truncated or refused contents, with the position.
 */
export function readPickle(bytes: Uint8Array, options: PickleReadOptions): { value: unknown; end: number } {
  const machine = new PickleMachine(bytes, options);
  try {
    return run(machine);
  } catch (error) {
    throw machine.explain(error);
  }
}

const STOP = 0x2e;

function run(machine: PickleMachine): { value: unknown; end: number } {
  const input = machine.in;
  for (;;) {
    runCommon(machine);
    const at = input.position;
    const opcode = input.u8();
    if (opcode === STOP) return { value: machine.finish(), end: input.position };
    const step = STEPS[opcode];
    if (step === undefined) throw input.error(`unknown opcode 0x${opcode.toString(16).padStart(2, '0')}`, at);
    step(machine);
  }
}
