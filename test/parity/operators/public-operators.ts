/** The operators of libtorch that have a typed function or method, and those functions and methods. */
import { fftTable } from '../../../lib/generated/fft.js';
import { functionTable } from '../../../lib/generated/functions.js';
import { linalgTable } from '../../../lib/generated/linalg.js';
import { methodTable } from '../../../lib/generated/methods.js';
import { specialTable } from '../../../lib/generated/special.js';
import { fft, linalg, ops, special, Tensor } from '../../../lib/tensor/index.js';
import { tableEntries } from '../../../lib/tensor/tensor.js';

export type Callable = (...given: unknown[]) => unknown;

/** By the operator's name. */
const functions = new Map<string, Callable>();
const methods = new Map<string, Callable>();

function collect(table: string, from: object): void {
  for (const [name, operator] of tableEntries(table)) {
    functions.set(operator, (from as Record<string, Callable>)[name]!);
  }
}

collect(functionTable, ops);
collect(linalgTable, linalg);
collect(fftTable, fft);
collect(specialTable, special);
for (const [name, operator] of tableEntries(methodTable)) {
  const method = (Tensor.prototype as unknown as Record<string, Callable>)[name]!;
  methods.set(operator, (self, ...rest) => method.apply(self, rest));
}

export const publicOperators: ReadonlySet<string> = new Set([...functions.keys(), ...methods.keys()]);

/** The public method or function of an operator; undefined when it has none of this kind. */
export function publicCallable(kind: string, operator: string): Callable | undefined {
  if (kind === 'method') return methods.get(operator) ?? functions.get(operator);
  return kind === 'function' ? functions.get(operator) : undefined;
}
