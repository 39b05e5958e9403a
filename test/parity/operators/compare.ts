/** What makes two outcomes of a case different, and what is excused with a reason. */
import type { Case, Outcome } from './cases.js';

export interface Difference {
  name: string;
  text: string;
}

/** Refused by Python's argument parser, of which libtorch knows nothing: ours must refuse too, in words of its own. */
const refusedByBoth = (python: Outcome, ours: Outcome): boolean =>
  python.type === 'TypeError' && ours.error !== undefined && /^Expected arguments as in/.test(ours.error);

/** The differences of one case, none or one. */
export function unlike(each: Case, python: Outcome, ours: Outcome): Difference[] {
  const parts = ['results', 'arguments', 'gradients', 'error', 'gradientError'] as const;
  const different = parts.filter((part) => {
    if (part === 'error' && refusedByBoth(python, ours)) return false;
    return python[part] !== ours[part];
  });
  if (different.length === 0) return [];
  const shown = different.map((part) => `  ${part}: ${python[part] ?? 'none'}\n      ours: ${ours[part] ?? 'none'}`);
  const call = `${each.name}(${JSON.stringify(each.args)}, ${JSON.stringify(each.kwargs)})`;
  return [{ name: each.name, text: `${call} ${each.variation}\n${shown.join('\n')}` }];
}
