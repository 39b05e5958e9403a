import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { native } from '../../../lib/native/load.js';
import { ops, TorchError } from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

interface Described {
  name: string;
  overload: string;
  schema: string;
  arguments: { name: string; out: boolean }[];
}

// Python puts these behind all others, whatever the schema; `out` is part of the signature that it belongs to.
const options = new Set(['dtype', 'layout', 'device', 'pin_memory', 'requires_grad', 'out']);

/** The names in our error messages stand in the order in which the overloads are tried. */
function triedNames(operator: string): string[] {
  try {
    ops.aten(operator, ...Array.from({ length: 60 }, () => 'no operator takes this'));
  } catch (error) {
    if (!(error instanceof TorchError)) throw error;
    return [...error.message.matchAll(/^ {4}(aten::[\w.]+)\(/gm)].map((match) => match[1] ?? '');
  }
  throw new Error(`${operator} took sixty texts`);
}

function typeOf(text: string): string {
  const type = text.replace(/\?$/, '');
  if (type.endsWith(']') || type.startsWith('tuple of')) return 'list';
  const same: Record<string, string> = {
    SymInt: 'int',
    Number: 'Scalar',
    ScalarType: 'torch.dtype',
    Generator: 'torch.Generator',
    MemoryFormat: 'torch.memory_format',
    Storage: 'torch.Storage',
  };
  return same[type] ?? type;
}

function parsed(list: string): { name: string; type: string }[] {
  const found = list.matchAll(
    /(?:^|, )(?:\*, )?((?:tuple of )?[^\s,]+) (\w+)(?: ?= ?(?:\([^)]*\)|\[[^\]]*\]|[^,]*))?/g,
  );
  return [...found].map((match) => ({ type: typeOf(match[1] ?? ''), name: match[2] ?? '' }));
}

const written = (list: readonly { name: string; type: string }[]): string =>
  list.map(({ name, type }) => `${name === 'input' ? 'self' : name}:${type}`).join(' ');

/** Bindings that PyTorch writes by hand: other arguments than the schema's, or several signatures for one of its overloads. */
const byHand = new Set([
  ...['method:nonzero', 'method:to', 'method:where', 'function:_test_ambiguous_defaults'],
  ...['bsc', 'bsr', 'compressed', 'coo', 'csc', 'csr'].map((layout) => `function:sparse_${layout}_tensor`),
]);

parityDescribe('the order in which overloads are tried', function () {
  this.timeout(120_000);

  it('is that of Python’s argument parser, for every operator', () => {
    const all = JSON.parse(native.describeOperators('aten')) as Described[];
    const described = new Map(all.map((each) => [each.name + (each.overload === '' ? '' : `.${each.overload}`), each]));
    const names = [...new Set(all.map((each) => each.name.replace('aten::', '')))];
    const script = fileURLToPath(new URL('overload_order.py', import.meta.url));
    const theirs = runPython(script, [], { input: JSON.stringify(names) }).json() as Record<string, string[]>;
    let compared = 0;
    const wrong: string[] = [];
    for (const [key, signatures] of Object.entries(theirs)) {
      if (byHand.has(key)) continue;
      const [kind, name = ''] = key.split(':');
      const ours = triedNames(name).map((each) => {
        const overload = described.get(each);
        assert.ok(overload !== undefined, each);
        const plain = overload.schema.replaceAll(/\(\w+!?( -> \*)?\)/g, '');
        const inner = /\((.*)\) -> /.exec(plain)?.[1] ?? '';
        const outs = new Set(overload.arguments.filter(({ out }) => out).map((argument) => argument.name));
        return written(parsed(inner).filter((argument) => !options.has(argument.name) && !outs.has(argument.name)));
      });
      let last = -1;
      for (const signature of signatures) {
        const listed = written(parsed(signature.slice(1, -1)).filter((argument) => !options.has(argument.name)));
        const method = listed === '' ? 'self:Tensor' : `self:Tensor ${listed}`;
        const wanted = kind === 'method' ? method : listed;
        // The same place again: two signatures that differ only in what their lists hold, or in an `out`.
        const next = ours.indexOf(wanted, last + 1);
        const at = next < 0 && last >= 0 && ours[last] === wanted ? last : next;
        if (at < 0) wrong.push(`${key}\n  Python: ${signatures.join('\n    ')}\n  ours: ${ours.join('\n    ')}`);
        last = Math.max(last, at);
        ++compared;
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(compared > 600, `${compared} signatures were compared`);
  });
});
