import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { fft, linalg, ops, special, Tensor } from '../../../lib/index.js';
import { parityDescribe, runPython } from '../python.js';

const camelCase = (name: string): string =>
  name.replace(/(?<=[^_])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** What PyTorch's bindings write by hand, without an operator of that name behind it. */
const byHand: Record<string, string> = {
  functions:
    'as_tensor asarray from_numpy frombuffer tensor get_device numel ' + // our own functions and getters
    'dsmm hsmm saddmm spmm mkldnn_linear_backward_weights', // kernels under older names
  methods:
    'ipu mtia xpu type ' + // to()
    'const_data_ptr data_ptr untyped_storage record_stream new new_tensor ' +
    'apply_ map_ map2_ as_subclass numpy',
};

parityDescribe('the public names of PyTorch', () => {
  const sides: Record<string, object> = { functions: ops, methods: Tensor.prototype, linalg, fft, special };

  it('are all here: functions, methods, linalg, fft, special', function () {
    this.timeout(60_000);
    const script = fileURLToPath(new URL('public_names.py', import.meta.url));
    const theirs = runPython(script).json() as Record<string, string[]>;
    assert.ok((theirs.functions?.length ?? 0) > 600 && (theirs.methods?.length ?? 0) > 500);
    for (const [kind, names] of Object.entries(theirs)) {
      const known = new Set((byHand[kind] ?? '').split(' '));
      const missing = names.filter((name) => !(camelCase(name) in (sides[kind] ?? {})) && !known.has(name));
      assert.deepEqual(missing, [], kind);
    }
    for (const kind of ['linalg', 'fft', 'special']) {
      const names = new Set(theirs[kind]?.map(camelCase));
      const more = Object.keys(sides[kind] ?? {}).filter((name) => !names.has(name));
      assert.deepEqual(more, [], `${kind} has what Python does not`);
    }
  });
});
