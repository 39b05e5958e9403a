import assert from 'node:assert/strict';
import { Complex, defaultGenerator, float, ops, tensor, TorchError } from '../../lib/index.js';
import { native } from '../../lib/native/load.js';
import type { OperatorArgument } from '../../lib/tensor/index.js';

interface Argument {
  name: string;
  kind: number;
  optional: boolean;
  out: boolean;
  broadcast: number;
}

interface Described {
  name: string;
  overload: string;
  schema: string;
  unsupported: string;
  arguments: Argument[];
}

/** The overloads that cannot be called, and why: JavaScript has no value for one of their arguments. */
const notCallable: Record<string, string> = {
  'aten::quantized_gru.data': 'packed cells of quantized networks, objects that only other languages’ modules make',
  'aten::quantized_gru.input': 'packed cells',
  'aten::quantized_lstm.data': 'packed cells',
  'aten::quantized_lstm.input': 'packed cells',
  'aten::record_stream': 'a stream of an accelerator',
};

const x = tensor([[1, 2]]);

/** Values of the kinds of native/operators.h, in its order: each must be taken, converted, and reach the stack. */
const values: OperatorArgument[][] = [
  [x],
  [2, 2n, -0, tensor(3n)],
  [0.5, 2, 2n, float(1), tensor(0.5)],
  [true, false],
  [2, 0.5, 2n, true, float(1), new Complex(1, 2), tensor(2)],
  ['text'],
  ['float32', 'int64', 'bool', 'bfloat16'],
  ['strided', 'sparse_coo'],
  ['channels_last', 'preserve_format'],
  ['cpu', 'meta', 'cuda:0'],
  [defaultGenerator()],
  [[x, x], []],
  [[x, null], [null]],
  [[1, 2n], new Int32Array([1, 2]), [], [tensor(1n)]],
  [[0.5, 1], new Float64Array([1, 2])],
  [[true, false]],
  [[1, 0.5, true, new Complex(0, 1)]],
  [['a', 'b']],
  [x],
];

const fullName = (each: Described): string => (each.overload === '' ? each.name : `${each.name}.${each.overload}`);

describe('every overload of libtorch', function () {
  this.timeout(300_000);
  const all = JSON.parse(native.describeOperators('aten')) as Described[];

  it('can be called by its raw name, or is listed with the reason', () => {
    assert.ok(all.length > 3000, String(all.length));
    const refused = all.filter((each) => each.unsupported !== '').map(fullName);
    assert.deepEqual(refused.sort(), Object.keys(notCallable).sort());
    for (const name of refused) {
      assert.throws(() => ops.overloadOf(name), { code: 'type', message: /not from JavaScript: argument/ });
    }
  });

  it('takes values of every kind that its schema names, by position and by name', () => {
    let taken = 0;
    for (const each of all) {
      if (each.unsupported !== '') continue;
      const wanted = fullName(each);
      const raw = each.overload === '' ? `${each.name}.default` : wanted;
      const rounds = Math.max(1, ...each.arguments.map((argument) => values[argument.kind]?.length ?? 0));
      for (let round = 0; round < rounds; ++round) {
        const named: Record<string, OperatorArgument> = {};
        for (const argument of each.arguments) {
          const fitting = values[argument.kind];
          if (fitting === undefined) {
            assert.ok(argument.optional, `${wanted}: ${argument.name}`);
            named[argument.name] = null;
            continue;
          }
          // Plain int takes no 0-dimensional tensor that has another dtype, and so on: kinds have values that all of them take.
          named[argument.name] = fitting[round % fitting.length];
          if (argument.optional && round === rounds - 1) named[argument.name] = null;
          if (argument.broadcast > 0 && argument.kind === 13 && round === 1) named[argument.name] = 3;
        }
        assert.equal(ops.overloadOf(raw, named), wanted);
        ++taken;
      }
    }
    assert.ok(taken > 10_000, String(taken));
  });

  it('refuses values of another kind, never converts them', () => {
    const wrong: OperatorArgument[][] = values.map((_, kind) =>
      kind === 0 || kind === 18 ? ['text', [x], true] : [1, 2, 4, 13, 14].includes(kind) ? ['text', x] : [x],
    );
    let refused = 0;
    for (const each of all.filter((_, i) => i % 5 === 0)) {
      if (each.unsupported !== '') continue;
      const raw = each.overload === '' ? `${each.name}.default` : fullName(each);
      for (const argument of each.arguments) {
        for (const value of wrong[argument.kind] ?? []) {
          // Numbers and booleans are tensors to add, mul and the like.
          if (argument.kind === 0 && value === true) continue;
          const named: Record<string, OperatorArgument> = {};
          for (const other of each.arguments) named[other.name] = values[other.kind]?.[0] ?? null;
          named[argument.name] = value;
          assert.throws(
            () => ops.overloadOf(raw, named),
            (error: unknown) => error instanceof TorchError && error.code === 'type',
            `${raw} ${argument.name}`,
          );
          ++refused;
        }
      }
    }
    assert.ok(refused > 2_000, String(refused));
  });
});
