/** Argument lists for an overload: random ones that look like what it takes, and changed copies of lists that were taken. */
import type { DType } from '../../../lib/tensor/index.js';
import { apiPlan } from './api-lists.js';
import type { Dice } from './dice.js';
import { type Call, fills, flavours, type Plan, type TensorPlan } from './values.js';

export interface Argument {
  readonly name: string;
  readonly kind: number;
  readonly optional: boolean;
  readonly keywordOnly: boolean;
  readonly out: boolean;
  readonly default: boolean;
  readonly broadcast: number;
}

export interface Schema {
  readonly name: string;
  readonly overload: string;
  readonly unsupported: string;
  readonly arguments: readonly Argument[];
}

/** Where a call goes, with the overloads it may mean. */
export interface Target {
  readonly via: Call['via'];
  readonly name: string;
  readonly schemas: readonly Schema[];
}

const dtypes: readonly DType[] = [
  ...(['float32', 'float64', 'float16', 'bfloat16', 'uint8', 'int8', 'int16', 'int32', 'int64', 'bool'] as const),
  ...(['complex64', 'complex128', 'uint16', 'uint64', 'float8_e4m3fn'] as const),
];
const words = [
  ...[
    'mean',
    'sum',
    'none',
    'max',
    'amax',
    'amin',
    'prod',
    'min',
    'floor',
    'trunc',
    'ij',
    'xy',
    'left',
    'right',
    'L',
    'U',
    'N',
    'V',
  ],
  ...[
    'fro',
    'nuc',
    'tanh',
    'valid',
    'same',
    'reflect',
    'constant',
    'circular',
    'replicate',
    'linear',
    'nearest',
    'lower',
  ],
  ...[
    'gelsd',
    'gels',
    'gelsy',
    'gelss',
    'gesvd',
    'reduced',
    'complete',
    'r',
    'default',
    'backward',
    'ortho',
    '',
    'é',
    'relu',
  ],
];
const devices = ['cpu', 'cpu', 'cpu', 'cpu', 'cpu', 'meta', 'cuda', 'cpu:7', 'mkldnn', 'xla', 'nonsense'];
const layouts = ['strided', 'strided', 'strided', 'sparse_coo', 'sparse_csr', 'sparse_csc', 'sparse_bsr', 'sparse_bsc'];
const formats = ['contiguous_format', 'preserve_format', 'channels_last', 'channels_last_3d'];
const wide = ['9223372036854775807', '-9223372036854775808', '4611686018427387904', '1000000000000', '4294967296'];
const indexLike = /ind(ex|ices)|target|label|offset|length|_idx|bag|repeats|bucket|crow|ccol|row|col|pivot|perm|seqlen/;

/** What the tensors of one list have in common. */
export interface Theme {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly odd: TensorPlan['flavour'] | undefined;
}

function size(dice: Dice): number {
  return dice.pick([0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 8, 16]);
}

function randomShape(dice: Dice): number[] {
  const rank = dice.pick([0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5]);
  return Array.from({ length: rank }, () => size(dice));
}

function theme(dice: Dice, flavour: TensorPlan['flavour'] | undefined): Theme {
  return {
    shape: dice.chance(0.3)
      ? dice.pick([[2, 3, 4, 4], [2, 4, 5, 5], [3, 3], [4, 4], [1, 3, 4, 4, 4], [2, 3, 4], [4]])
      : randomShape(dice),
    dtype: dice.chance(0.6) ? 'float32' : dice.pick(dtypes),
    odd: flavour ?? (dice.chance(0.25) ? dice.pick(flavours) : undefined),
  };
}

function related(shape: readonly number[], dice: Dice): number[] {
  const at = dice.below(Math.max(shape.length, 1));
  switch (
    dice.pick([
      'same',
      'same',
      'same',
      'same',
      'same',
      'channel',
      'channel',
      'ones',
      'fewer',
      'changed',
      'swapped',
      'random',
      'scalar',
    ])
  ) {
    case 'same':
      return [...shape];
    case 'channel':
      return [shape[dice.chance(0.6) ? 1 : at] ?? 1];
    case 'ones':
      return shape.map((each) => (dice.chance(0.4) ? 1 : each));
    case 'fewer':
      return shape.slice(dice.below(shape.length + 1));
    case 'changed':
      return shape.map((each, i) => (i === at ? size(dice) : each));
    case 'swapped':
      return [...shape].reverse();
    case 'random':
      return randomShape(dice);
    default:
      return [];
  }
}

function tensorPlan(argument: Argument, common: Theme, dice: Dice): Plan {
  const index = indexLike.test(argument.name) && dice.chance(0.9);
  const mask = /mask|condition/.test(argument.name) && dice.chance(0.7);
  let dtype = common.dtype;
  if (index) dtype = dice.pick(['int64', 'int64', 'int64', 'int32']);
  else if (mask) dtype = 'bool';
  else if (dice.chance(0.12)) dtype = dice.pick(dtypes);
  let flavour: TensorPlan['flavour'] = 'dense';
  if (common.odd !== undefined && dice.chance(0.5)) flavour = common.odd;
  else if (dice.chance(0.06)) flavour = dice.pick(flavours);
  const fill = dice.chance(0.6) ? 'small' : dice.pick(fills);
  return {
    tensor: { shape: related(common.shape, dice), dtype, fill: index && dice.chance(0.4) ? 'index' : fill, flavour },
  };
}

function intPlan(argument: Argument, common: Theme, dice: Dice): Plan {
  if (dice.chance(0.04)) return { bigint: dice.pick(wide) };
  if (dice.chance(0.03)) return dice.pick([2 ** 31, -(2 ** 31), 1000, 2 ** 31 - 1, 2 ** 53 - 1]);
  if (/^dim|axis/.test(argument.name) && dice.chance(0.85)) {
    const rank = Math.max(common.shape.length, 1);
    return dice.between(-rank, rank - 1);
  }
  if (argument.name === 'groups' && dice.chance(0.8)) return 1;
  return dice.pick([0, 1, 1, 1, 2, 2, 3, 4, 5, -1, -2, 7, 16]);
}

function intsPlan(argument: Argument, common: Theme, dice: Dice): Plan {
  if (argument.broadcast > 0 && dice.chance(0.2)) return intPlan(argument, common, dice);
  const near = (length: number, values: readonly number[]): Plan =>
    Array.from({ length: Math.max(0, length) }, () =>
      dice.chance(0.03) ? intPlan(argument, common, dice) : dice.pick(values),
    );
  const spatial =
    argument.broadcast > 0 && dice.chance(0.7)
      ? argument.broadcast
      : common.shape.length - dice.pick([2, 2, 2, 1, 0, 3]);
  if (/pad/.test(argument.name)) return near(dice.chance(0.5) ? spatial : spatial * 2, [0, 0, 1, 1, 2, -1]);
  if (/stride|dilation/.test(argument.name)) return near(spatial, [1, 1, 1, 2, 0, 3]);
  if (/kernel|output_size/.test(argument.name)) return near(spatial, [1, 2, 2, 3, 3, 0, 5]);
  if (/size|shape/.test(argument.name))
    return dice.chance(0.7) ? related(common.shape, dice) : near(dice.below(5), [0, 1, 2, 3, -1]);
  if (/dim|axes/.test(argument.name)) {
    const rank = Math.max(common.shape.length, 1);
    return Array.from({ length: dice.below(rank + 1) }, (_, i) => (dice.chance(0.8) ? i : dice.between(-rank, rank)));
  }
  return near(dice.below(5), [0, 1, 1, 2, 2, 3, -1]);
}

function floatPlan(dice: Dice): Plan {
  return dice.pick<Plan>([
    0.5,
    0.1,
    1e-5,
    1.5,
    -1.25,
    0,
    1,
    { float: '=1' },
    { float: '=0' },
    { float: 'NaN' },
    { float: 'Infinity' },
    1e300,
    -1e-300,
  ]);
}

function scalarPlan(dice: Dice): Plan {
  if (dice.chance(0.05)) return dice.chance(0.5) ? { complex: [1, -2] } : dice.chance(0.5);
  return dice.chance(0.5) ? floatPlan(dice) : dice.pick<Plan>([0, 1, 2, -1, 3, { bigint: dice.pick(wide) }]);
}

function listOf(dice: Dice, most: number, item: () => Plan): Plan {
  return Array.from({ length: dice.pick([0, 1, 2, 2, 3, most]) }, item);
}

function planFor(argument: Argument, common: Theme, dice: Dice): Plan {
  if (argument.optional && dice.chance(0.25)) return null;
  switch (argument.kind) {
    case 0:
      return tensorPlan(argument, common, dice);
    case 1:
      return intPlan(argument, common, dice);
    case 2:
      return floatPlan(dice);
    case 3:
      return dice.chance(0.5);
    case 4:
      return scalarPlan(dice);
    case 5:
      return dice.pick(words);
    case 6:
      return dice.chance(0.7) ? common.dtype : dice.pick([...dtypes, 'quint8', 'qint8', 'qint32', 'complex32']);
    case 7:
      return dice.pick(layouts);
    case 8:
      return dice.pick(formats);
    case 9:
      return dice.pick(devices);
    case 10:
      return { generator: dice.below(9) };
    case 11:
      return listOf(dice, 5, () => tensorPlan(argument, common, dice));
    case 12:
      return listOf(dice, 3, () => (dice.chance(0.3) ? null : tensorPlan(argument, common, dice)));
    case 13:
      return intsPlan(argument, common, dice);
    case 14:
      return listOf(dice, 4, () => floatPlan(dice));
    case 15:
      return listOf(dice, 3, () => dice.chance(0.5));
    case 16:
      return listOf(dice, 3, () => scalarPlan(dice));
    case 17:
      return listOf(dice, 3, () => dice.pick(words));
    default:
      return argument.kind < 100 ? null : apiPlan(argument, common, dice, planFor);
  }
}

/** A list that looks like what one of the target's overloads takes. @param flavour that of half of the tensors. */
export function randomCall(target: Target, dice: Dice, flavour?: TensorPlan['flavour']): Call {
  const schema = dice.pick(target.schemas);
  const common = theme(dice, flavour);
  const args: Plan[] = [];
  const named: Record<string, Plan> = {};
  let byName = false;
  for (const argument of schema.arguments) {
    if (argument.default && dice.chance(0.4)) {
      byName = true;
      continue;
    }
    const plan = planFor(argument, common, dice);
    if (argument.keywordOnly || byName) named[argument.name] = plan;
    else args.push(plan);
  }
  return { via: target.via, name: target.name, args, named, backward: dice.chance(0.3) };
}

function changedTensor(plan: TensorPlan, dice: Dice): TensorPlan {
  switch (dice.below(4)) {
    case 0:
      return { ...plan, shape: related(plan.shape, dice) };
    case 1:
      return { ...plan, dtype: dice.pick(dtypes) };
    case 2:
      return { ...plan, fill: dice.pick(fills) };
    default:
      return { ...plan, flavour: dice.pick(flavours) };
  }
}

const strange: readonly Plan[] = [
  ...[
    null,
    -1,
    0,
    2 ** 31,
    '',
    'x',
    true,
    [],
    [0],
    [[]],
    [null],
    { nothing: true } as const,
    { float: 'NaN' },
    { float: '-0' },
  ],
  ...[
    { bigint: '9223372036854775807' },
    { bigint: '-9223372036854775808' },
    { complex: [0, 1] as const },
    { generator: 0 },
  ],
];

function changed(plan: Plan, dice: Dice): Plan {
  if (dice.chance(0.12)) return dice.pick(strange);
  if (plan === null) return null;
  if (typeof plan === 'number') return dice.pick([plan + 1, plan - 1, -plan, 0, plan * 1000, 2 ** 40, -(2 ** 40)]);
  if (typeof plan === 'boolean') return !plan;
  if (typeof plan === 'string') return dice.pick(words);
  if ('tensor' in plan) return { tensor: changedTensor(plan.tensor, dice) };
  if ('result' in plan) return { result: mutatedCall(plan.result, dice) };
  if (!Array.isArray(plan)) return dice.pick(strange);
  const list = plan as readonly Plan[];
  const at = dice.below(list.length);
  switch (dice.below(4)) {
    case 0:
      return list.filter((_, i) => i !== at);
    case 1:
      return [...list, list[at] ?? 1];
    case 2:
      return [...list].reverse();
    default:
      return list.map((each, i) => (i === at ? changed(each, dice) : each));
  }
}

/** A copy of a list that was taken, with one to three things changed. */
export function mutatedCall(from: Call, dice: Dice): Call {
  const args = [...from.args];
  const named = { ...from.named };
  for (let k = dice.pick([1, 1, 1, 2, 3]); k > 0; --k) {
    const keys = Object.keys(named);
    const at = dice.below(args.length + keys.length);
    const key = keys[at - args.length];
    if (key !== undefined) named[key] = changed(named[key] ?? null, dice);
    else if (dice.chance(0.05)) args.splice(at, 1);
    else if (args.length > 1 && dice.chance(0.05)) args.reverse();
    else if (at < args.length) args[at] = changed(args[at] ?? null, dice);
  }
  return { ...from, args, named };
}

/** The list with a tensor in it replaced by what an earlier call returned. */
export function chainedCall(call: Call, made: readonly Call[], dice: Dice): Call {
  const places = call.args.flatMap((plan, i) =>
    typeof plan === 'object' && plan !== null && 'tensor' in plan ? [i] : [],
  );
  if (places.length === 0 || made.length === 0) return call;
  const at = dice.pick(places);
  return { ...call, args: call.args.map((plan, i) => (i === at ? { result: dice.pick(made) } : plan)) };
}
