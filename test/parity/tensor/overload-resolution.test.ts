import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Complex, float, ops, scope, Tensor, tensor, TorchError } from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

/** A value as both sides read it: `['int', 2]`, `['tensor', 'a']`, `['list', […]]`. */
type Value = [kind: string, ...rest: unknown[]];

interface Case {
  name: string;
  method: boolean;
  args: Value[];
  named: Record<string, Value>;
}

const tensors: Record<string, () => Tensor> = {
  a: () =>
    tensor([
      [1.5, -2, 3.25],
      [4, 5.5, -6],
    ]),
  i: () =>
    tensor([
      [1n, 2n, 3n],
      [4n, 5n, 6n],
    ]),
  b: () =>
    tensor([
      [true, false, true],
      [false, false, true],
    ]),
  v: () => tensor([2n, 0n, 1n]),
  half: () => tensor(0.5),
  one: () => tensor(1n),
  yes: () => tensor(true),
  single: () => tensor([1n]),
  grad: () => tensor(0.5, { requiresGrad: true }),
};

const t = (name: string): Value => ['tensor', name];
const int = (value: number): Value => ['int', value];
const fl = (value: number): Value => ['float', value];
const bool = (value: boolean): Value => ['bool', value];
const list = (...items: Value[]): Value => ['list', items];
const none: Value = ['none'];

/** What might be given for one more argument: most of it is refused by most operators, on both sides. */
const anything: Value[] = [
  ...[t('a'), t('i'), t('b'), t('v'), t('half'), t('one'), t('yes'), t('single'), t('grad')],
  ...[int(0), int(1), int(-1), fl(0), fl(2), fl(0.5), bool(true), bool(false), none, ['complex', [0, 1]] as Value],
  ...[list(), list(int(0)), list(int(0), int(1)), list(int(1), int(0)), list(fl(0.5)), list(bool(true))],
  ...[
    list(t('one')),
    list(t('half')),
    list(t('a'), t('a')),
    ['string', 'floor'] as Value,
    ['dtype', 'float64'] as Value,
  ],
];

// Where numbers alone decide the dtype, a Python int is a bigint.
const numbersDecide = new Set(['full', 'arange', 'result_type', 'where']);

const decodeOurs = (value: Value): unknown => {
  const [kind, rest] = value as [string, unknown];
  switch (kind) {
    case 'none':
      return null;
    case 'tensor':
      return tensors[rest as string]?.();
    case 'list':
      return (rest as Value[]).map(decodeOurs);
    case 'float':
      return Number.isInteger(rest) ? float(rest as number) : rest;
    case 'complex':
      return new Complex(...(rest as [number, number]));
    default:
      return rest;
  }
};

function encodeOurs(value: unknown): unknown {
  if (value instanceof Tensor) {
    const plain = value.detach();
    return [plain.dtype, plain.shape, Buffer.from(plain.bytes()).toString('hex')];
  }
  return Array.isArray(value) ? value.map(encodeOurs) : value;
}

function runOurs({ name, args, named }: Case): unknown {
  return scope(() => {
    const options = Object.fromEntries(Object.entries(named).map(([key, value]) => [key, decodeOurs(value)]));
    const given = args.map((each) => {
      const bigint = each[0] === 'int' && numbersDecide.has(name);
      return bigint ? BigInt(each[1] as number) : decodeOurs(each);
    }) as never[];
    try {
      const result = ops.aten(name, ...given, ...(Object.keys(options).length > 0 ? [options as never] : []));
      return encodeOurs(Array.isArray(result) ? result : [result]);
    } catch (error) {
      if (!(error instanceof TorchError)) throw error;
      return null;
    }
  });
}

function cases(): Case[] {
  const out: Case[] = [];
  const add = (name: string, method: boolean, args: Value[], named: Record<string, Value> = {}): number =>
    out.push({ name, method, args, named });
  const methods =
    'sum mean std var max min argmax all any prod amax norm squeeze unsqueeze flip roll permute view reshape expand repeat tile ' +
    'add sub mul div true_divide floor_divide pow eq lt remainder fmod bitwise_and logical_and clamp clamp_min clamp_max ' +
    'select index_select masked_fill fill_ chunk split tensor_split unbind cumsum sort topk median quantile float_power ' +
    'diagonal tril transpose unflatten flatten narrow repeat_interleave xlogy atan2 where polygamma lerp nan_to_num round';
  for (const name of methods.split(' ')) {
    add(name, true, [t('a')]);
    add(name, true, [t('i')]);
    for (const first of anything) {
      add(name, true, [t('a'), first]);
      add(name, true, [t('i'), first]);
      for (const second of [int(0), int(1), bool(true), fl(0.5), t('a'), t('half'), none, list(int(1))])
        add(name, true, [t('a'), first, second]);
    }
  }
  const functions =
    'add mul div where full arange clamp bitwise_and pow result_type remainder isin eye linspace stack cat';
  for (const name of functions.split(' ')) {
    for (const first of anything) {
      add(name, false, [first]);
      for (const second of anything) add(name, false, [first, second]);
    }
  }
  for (const first of anything) {
    for (const second of anything) {
      add('where', false, [t('b'), first, second]);
      add('add', false, [t('a'), first, second]); // the older spelling
      add('addcmul', false, [t('a'), first, t('a'), second]);
    }
    add('sum', true, [t('a')], { dim: first, keepdim: bool(true) });
    add('sum', true, [t('a')], { axis: first, keepdims: bool(true) });
    add('sum', true, [t('a')], { dtype: first });
    add('add', true, [t('a')], { other: first });
    add('add', true, [t('i'), t('i')], { alpha: first });
    add('add', true, [t('a'), t('a')], { x2: first });
    add('div', true, [t('a'), int(2)], { rounding_mode: first });
    add('std', true, [t('a')], { correction: first });
    add('clamp', true, [t('a')], { min: first });
    add('clamp', true, [t('a')], { min: first, max: int(2) });
    add('addmm', false, [first, t('a'), first, t('a'), t('a')]);
  }
  return out;
}

/** Where the two sides are meant to differ. */
function meant({ name, method, args }: Case): boolean {
  const texts = args.map(([kind]) => kind);
  // A dtype is a text in JavaScript, and so a text is refused as a dtype only when none has its name.
  if (texts.includes('string') || texts.includes('dtype')) return !method || name !== 'view';
  // Raw names take the schema's order, in which the tensor of these methods is the second argument.
  if (method && (name === 'where' || name === 'polygamma')) return true;
  // A boolean tensor as one size: the parser takes it, and the binding behind it fails.
  if (['topk', 'tril', 'eye'].includes(name) && JSON.stringify(args).includes('"yes"')) return true;
  // Of sizes in a row Python's parser looks at the first only: a boolean, or a boolean tensor, among them is refused here.
  const inARow = ['squeeze', 'flip', 'permute', 'view', 'reshape', 'repeat', 'tile', 'expand', 'split'].includes(name);
  return method && inARow && /"yes"|"bool"/.test(JSON.stringify(args));
}

parityDescribe('the overload that a call means', function () {
  this.timeout(240_000);

  it('is the one that Python chooses, to the dtype and the bits of the result', () => {
    const all = cases().filter((each) => !meant(each));
    const script = fileURLToPath(new URL('overload_resolution.py', import.meta.url));
    const theirs = runPython(script, [], { input: JSON.stringify(all) }).json() as unknown[];
    const wrong: string[] = [];
    let taken = 0;
    all.forEach((each, i) => {
      const ours = runOurs(each);
      if (ours !== null && theirs[i] !== null) ++taken;
      if (JSON.stringify(ours) !== JSON.stringify(theirs[i])) {
        wrong.push(`${JSON.stringify(each)}\n  Python: ${JSON.stringify(theirs[i])}\n  ours: ${JSON.stringify(ours)}`);
      }
    });
    assert.equal(wrong.length, 0, `${wrong.length} of ${all.length} differ:\n${wrong.slice(0, 400).join('\n')}`);
    assert.ok(taken > 1000, `${taken} of ${all.length} calls were taken`);
  });
});
