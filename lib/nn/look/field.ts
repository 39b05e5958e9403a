/**
 * What of the input an output can depend on, along one dimension. Outputs come in phases: output `q + m · phases` reads the places from
 * `lows[q] + m · step` to `highs[q] + m · step` of the input, both included. Where nothing was enlarged there is one phase, and `step`
 * is the stride. Places before 0 and behind the end are padding; a phase that reads nothing has its low above its high.
 */
export interface FieldAxis {
  readonly lows: readonly number[];
  readonly highs: readonly number[];
  readonly step: number;
}

/** A receptive field: an axis for each dimension of a picture; `whole` where every output depends on all of the input. */
export type Field = readonly FieldAxis[] | 'whole';

/** What of its own input an operator reads along one dimension: output `q + m · period` reads the places `taps(q) + m · step`. */
export interface Reading {
  readonly period: number;
  readonly step: number;
  taps(q: number): readonly number[];
}

/** Sizes that have no small common multiple make more phases than this. */
const MOST_PHASES = 2 ** 16;

/** The field of the input itself. */
export const startField = (dimensions: number): FieldAxis[] =>
  Array.from({ length: Math.max(0, dimensions) }, () => ({ lows: [0], highs: [0], step: 1 }));

/** The field of what an operator makes of something with such a field; a reading for each dimension. */
export function readThrough(field: Field, readings: readonly Reading[]): Field {
  if (field === 'whole') return field;
  const axes = field.map((axis, index) => readAxis(axis, readings[index]!));
  return axes.some((axis) => axis === undefined) ? 'whole' : (axes as FieldAxis[]);
}

function readAxis({ lows, highs, step }: FieldAxis, reading: Reading): FieldAxis | undefined {
  const phases = lows.length;
  const repeats = phases / divisor(phases, reading.step);
  const period = reading.period * repeats;
  if (period > MOST_PHASES) return undefined;
  const at = (values: readonly number[], place: number): number => {
    const turns = Math.floor(place / phases);
    return values[place - turns * phases]! + turns * step;
  };
  const taps = Array.from({ length: period }, (_, q) => {
    const turns = Math.floor(q / reading.period);
    return reading.taps(q - turns * reading.period).map((tap) => tap + turns * reading.step);
  });
  return {
    lows: taps.map((places) => Math.min(...places.map((place) => at(lows, place)))),
    highs: taps.map((places) => Math.max(...places.map((place) => at(highs, place)))),
    step: step * ((reading.step * repeats) / phases),
  };
}

/** What several read together. */
export function union(fields: readonly Field[]): Field {
  const [first = 'whole', ...others] = fields;
  return others.reduce<Field>((all, field) => {
    if (all === 'whole' || field === 'whole' || all.length !== field.length) return 'whole';
    const axes = all.map((axis, index) => joined(axis, field[index]!));
    return axes.some((axis) => axis === undefined) ? 'whole' : (axes as FieldAxis[]);
  }, first);
}

function joined(one: FieldAxis, other: FieldAxis): FieldAxis | undefined {
  const [a, b] = [one.lows.length, other.lows.length];
  // Places of different strides drift apart: together they read everything.
  if (one.step * b !== other.step * a) return undefined;
  const phases = (a / divisor(a, b)) * b;
  if (phases > MOST_PHASES) return undefined;
  const pick = (axis: FieldAxis, values: readonly number[], q: number): number =>
    values[q % values.length]! + Math.floor(q / values.length) * axis.step;
  const all = Array.from({ length: phases }, (_, q) => q);
  return {
    lows: all.map((q) => Math.min(pick(one, one.lows, q), pick(other, other.lows, q))),
    highs: all.map((q) => Math.max(pick(one, one.highs, q), pick(other, other.highs, q))),
    step: one.step * (phases / a),
  };
}

/** The greatest that divides both; of 0 and a number the number. */
export function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
