/** Argument lists for what is written by hand: api.ts says what each takes. */
import { api } from './api.js';
import type { Dice } from './dice.js';
import type { Argument, Target, Theme } from './lists.js';
import { arrays, type Plan } from './values.js';

/** The kinds of the words in api.ts; those below 100 are the addon's own. */
const kinds: Readonly<Record<string, number>> = {
  ...{ tensor: 0, int: 1, float: 2, bool: 3, scalar: 4, word: 5, dtype: 6, format: 8, device: 9, target: 0 },
  ...{ 'list:tensor': 11, ints: 13, index: 100, indices: 101, value: 102, shape: 103, nested: 104, array: 105 },
};

function argumentOf(text: string): Argument {
  const [, name, kind = '', optional] = /^(?:(\w+)=)?([\w:]+)(\?)?$/.exec(text) ?? [];
  const number = kinds[kind];
  if (number === undefined) throw new Error(`api.ts names an unknown kind: ${text}`);
  return {
    name: name ?? kind,
    kind: number,
    optional: optional === '?',
    keywordOnly: name !== undefined,
    out: false,
    default: name !== undefined && optional === '?',
    broadcast: kind === 'ints' ? 2 : 0,
  };
}

export function apiTargets(): Target[] {
  return Object.entries(api).map(([name, { takes }]) => ({
    via: 'api',
    name,
    schemas: [{ name, overload: '', unsupported: '', arguments: takes.split(' ').map(argumentOf) }],
  }));
}

type Make = (argument: Argument, common: Theme, dice: Dice) => Plan;

const plain = (kind: number, name = 'x'): Argument => ({
  ...{ name, kind, optional: false, keywordOnly: false, out: false, default: false, broadcast: 0 },
});

const bound = (dice: Dice, common: Theme, make: Make): Plan =>
  dice.pick<() => Plan>([
    () => null,
    () => dice.between(-4, 6),
    () => dice.between(-4, 6),
    () => make(plain(1), common, dice),
    () => make(plain(0, 'index'), { ...common, shape: [] }, dice),
  ])();

function indexPlan(common: Theme, dice: Dice, make: Make): Plan {
  return dice.pick<() => Plan>([
    () => dice.between(-2, 3),
    () => dice.between(-2, 3),
    () => ({ range: [bound(dice, common, make), bound(dice, common, make), dice.pick([null, 1, 1, 2, 3, 0, -1])] }),
    () => ({ range: [bound(dice, common, make), bound(dice, common, make), bound(dice, common, make)] }),
    () => dice.pick(['...', ':', '1:', '::2', ':-1', '5:1:3', '9999999999999999999:', '::-1', 'x']),
    () => null,
    () => dice.chance(0.5),
    () => make(plain(0, 'index'), common, dice),
    () => make(plain(0, dice.chance(0.5) ? 'mask' : 'x'), common, dice),
    () => dice.pick<Plan>([[0], [0, 1], [true, false], [[0, 1], [1, 0]], [], [-1, 5], [0, true]]),
    () => make(plain(1), common, dice),
    () => dice.pick<Plan>([0.5, { float: 'NaN' }, { float: '=1' }, { complex: [1, 2] }, { nothing: true }]),
  ])();
}

function nestedPlan(dice: Dice, depth: number): Plan {
  if (depth === 0) {
    return dice.pick<Plan>([
      ...[1, 0, -2.5, true, 300, 1e300, { bigint: '5' }, { bigint: '9223372036854775807' }, { complex: [1, 2] as const }],
      ...[{ float: 'NaN' }, null, 'x', { nothing: true } as const],
    ]);
  }
  const width = dice.below(4);
  const same = nestedPlan(dice, depth - 1);
  return Array.from({ length: width }, () => (dice.chance(0.8) ? same : nestedPlan(dice, dice.below(depth))));
}

/** A plan for the kinds that only what is written by hand takes. */
export function apiPlan(argument: Argument, common: Theme, dice: Dice, make: Make): Plan {
  switch (argument.kind) {
    case 100:
      return indexPlan(common, dice, make);
    case 101:
      return Array.from({ length: dice.pick([0, 1, 1, 2, 2, 3, 5]) }, () => indexPlan(common, dice, make));
    case 102:
      return make(plain(dice.pick([0, 0, 4, 1, 9])), common, dice);
    case 103:
      return make(plain(13, 'size'), common, dice);
    case 104:
      return dice.chance(0.3) ? apiPlan(plain(105), common, dice, make) : nestedPlan(dice, dice.below(4));
    case 105: {
      const count = common.shape.reduce((a, b) => a * b, 1);
      return { array: [dice.pick(arrays), Math.max(0, dice.chance(0.7) ? count : count + dice.between(-2, 9))] };
    }
    default:
      throw new Error(`no plan for kind ${String(argument.kind)}`);
  }
}
