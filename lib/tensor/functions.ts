import { type Functions, functionTable } from '../generated/functions.js';
import { aten, operatorIndex } from './operators.js';
import { callOperator } from './tape.js';
import { tableEntries } from './tensor.js';

function collect(): Functions {
  const functions: Record<string, unknown> = {};
  for (const [name, operator] of tableEntries(functionTable)) {
    let index = -1;
    functions[name] = (...given: unknown[]): unknown => {
      if (index < 0) index = operatorIndex(operator);
      return callOperator(index, given);
    };
  }
  return functions as unknown as Functions;
}

/**
 * Every operator as a function: `ops.cat([a, b], 1)`. Arguments stand in PyTorch's order, or by their names in camelCase in a
 * last plain object; `ops.aten('name.overload', …)` calls any operator, public or not.
 */
export const ops: Functions & { aten: typeof aten } = Object.assign(collect(), { aten });
