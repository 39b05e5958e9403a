import { type FftFunctions, fftTable } from '../generated/fft.js';
import { type Functions, functionTable } from '../generated/functions.js';
import { type LinalgFunctions, linalgTable } from '../generated/linalg.js';
import { type SpecialFunctions, specialTable } from '../generated/special.js';
import { loadLibrary } from './library.js';
import { aten, operatorIndex, overloadOf } from './operators.js';
import { callOperator } from './tape.js';
import { tableEntries } from './tensor.js';

function collect<Functions>(table: string): Functions {
  const functions: Record<string, unknown> = {};
  for (const [name, operator] of tableEntries(table)) {
    let index = -1;
    functions[name] = (...given: unknown[]): unknown => {
      if (index < 0) index = operatorIndex(operator);
      return callOperator(index, given);
    };
  }
  return functions as Functions;
}

/** What {@link ops} has beside the generated functions. */
export interface RawOperators {
  aten: typeof aten;
  overloadOf: typeof overloadOf;
  loadLibrary: typeof loadLibrary;
}

/**
 * Every operator as a function: `ops.cat([a, b], 1)`. Arguments stand in PyTorch's order, or by their names in camelCase in a
 * last plain object; `ops.aten('name.overload', …)` calls any operator, public or not; `ops.loadLibrary(path)` brings more.
 */
export const ops: Functions & RawOperators = Object.assign(collect<Functions>(functionTable), {
  aten,
  overloadOf,
  loadLibrary,
});

/** Linear algebra: `linalg.svd(a)`. @see torch.linalg */
export const linalg = collect<LinalgFunctions>(linalgTable);
/** Discrete Fourier transforms: `fft.rfft(x)`. @see torch.fft */
export const fft = collect<FftFunctions>(fftTable);
/** Special functions: `special.erf(x)`. @see torch.special */
export const special = collect<SpecialFunctions>(specialTable);
