import { isWeightedLayer } from './counts.js';
import { kindOf } from './network-graph.js';
import type { TracedCall, TracedOperator } from './trace.js';

/** Operators that are drawn as one. */
export interface OperatorGroup {
  /** Positions in the trace, in order. */
  readonly operators: readonly number[];
  /** The call of a module that they all are, if one. */
  readonly call: TracedCall | undefined;
  /** Groups whose results it reads, each once; -1 for the input. */
  readonly sources: readonly number[];
}

/** Layers with weights that one group may have: the two of a dense layer. */
const MOST_LAYERS = 2;

/**
 * Finds what of a trace is to be drawn as one: modules that are a chain of few layers; and what only follows one operator, up to the next
 * that does more than change each element. Concatenations whose parts are read elsewhere too belong to their readers.
 */
export function groupOperators(trace: readonly TracedOperator[]): OperatorGroup[] {
  const readers: number[][] = trace.map(() => []);
  trace.forEach(({ sources }, index) => {
    for (const source of new Set(sources)) if (source >= 0) readers[source]!.push(index);
  });
  const dissolved = trace.map(({ name, sources }) => {
    if (kindOf(name) !== 'concat') return false;
    return sources.length < 2 || sources.some((source) => source < 0 || readers[source]!.length > 1);
  });
  const calls = chains(trace, readers, dissolved);
  const groups: { operators: number[]; call: TracedCall | undefined }[] = [];
  const groupOf: number[] = trace.map(() => -1);
  const byCall = new Map<TracedCall, number>();
  trace.forEach(({ name, sources }, index) => {
    if (dissolved[index] === true) return;
    const call = calls[index];
    const known = call && byCall.get(call);
    const [before = -1] = sources;
    let at = known;
    // What follows one operator alone joins it.
    if (at === undefined && call === undefined && sources.length === 1 && before >= 0 && groupOf[before]! >= 0) {
      const group = groups[groupOf[before]!]!;
      const isLast = group.operators.at(-1) === before && readers[before]!.length === 1;
      const hasMain = group.operators.some((each) => kindOf(trace[each]!.name) !== 'other');
      if (isLast && (kindOf(name) === 'other' || !hasMain)) at = groupOf[before];
    }
    if (at === undefined) {
      at = groups.length;
      groups.push({ operators: [], call });
      if (call !== undefined) byCall.set(call, at);
    }
    groups[at]!.operators.push(index);
    groupOf[index] = at;
  });
  // Through concatenations that are not drawn.
  const makers = (index: number): number[] => {
    if (index < 0) return [-1];
    return dissolved[index] === true ? trace[index]!.sources.flatMap(makers) : [groupOf[index]!];
  };
  return groups.map((group, own) => {
    const sources = group.operators.flatMap((index) => trace[index]!.sources.flatMap(makers));
    return { ...group, sources: [...new Set(sources)].filter((each) => each !== own) };
  });
}

/** For every operator the outermost call around it that is a chain of few layers. */
function chains(
  trace: readonly TracedOperator[],
  readers: readonly (readonly number[])[],
  dissolved: readonly boolean[],
): (TracedCall | undefined)[] {
  const inside = new Map<TracedCall, number[]>();
  trace.forEach(({ calls }, index) => {
    for (const call of calls) {
      const operators = inside.get(call);
      if (operators === undefined) inside.set(call, [index]);
      else operators.push(index);
    }
  });
  const isChain = (call: TracedCall): boolean => {
    const { module } = call;
    const operators = inside.get(call)!.filter((index) => dissolved[index] !== true);
    const layers = module.modules().filter(isWeightedLayer).length;
    // A list of layers is drawn layer by layer.
    if (operators.length === 0 || layers > (module.className() === 'Sequential' ? 1 : MOST_LAYERS)) return false;
    const members = new Set(operators);
    return operators.every((index, position) => {
      const { sources } = trace[index]!;
      const within = sources.filter((source) => members.has(source));
      if (position === 0 ? within.length > 0 : within.length !== 1 || sources.length !== 1) return false;
      const last = position === operators.length - 1;
      return last || (readers[index]!.length === 1 && members.has(readers[index]![0]!));
    });
  };
  const verdicts = new Map<TracedCall, boolean>();
  return trace.map(({ calls }) =>
    calls.slice(1).find((call) => {
      if (call.module.children().length === 0) return false;
      let verdict = verdicts.get(call);
      if (verdict === undefined) verdicts.set(call, (verdict = isChain(call)));
      return verdict;
    }),
  );
}
