import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { memory, ops, scope, type Tensor, tensor, TorchError } from '../../lib/index.js';

const config = createRequire(import.meta.url)('../../scripts/native-config.cjs') as {
  buildFacts(): { includeFolders: string[]; libraryFolder: string; libraries: string[]; cxxStandard: number };
};

/** As a user would: one line for the compiler. */
function compile(target: string): void {
  const { includeFolders, libraryFolder, libraries, cxxStandard } = config.buildFacts();
  execFileSync(process.env.CXX ?? 'c++', [
    ...[`-std=c++${cxxStandard}`, '-O0', '-g0', '-fPIC', '-shared', '-o', target],
    ...includeFolders.flatMap((folder) => ['-isystem', folder]),
    path.join(import.meta.dirname, 'custom_operators.cpp'),
    ...[`-L${libraryFolder}`, ...libraries.map((name) => `-l${name}`)],
  ]);
}

function expectError(run: () => unknown, code: string, message: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof TorchError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  });
}

describe('operators of a library that the user loads', function () {
  this.timeout(300_000);
  let folder = '';
  let library = '';

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-'));
    library = path.join(folder, 'libcustom.so');
    compile(library);
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('are refused in one line when the file is missing, no library, or no path', () => {
    expectError(() => ops.loadLibrary(path.join(folder, 'none.so')), 'value', /none\.so but nothing is there$/);
    expectError(() => ops.loadLibrary(folder), 'value', /but that is no file$/);
    const text = path.join(folder, 'text.so');
    fs.writeFileSync(text, 'no library');
    expectError(() => ops.loadLibrary(text), 'value', /text\.so but it cannot be loaded: [^\n]+$/);
    const short = path.join(folder, 'short.so');
    const whole = fs.readFileSync(library);
    for (const length of [0, 50, 100, 5000, whole.length >> 1]) {
      fs.writeFileSync(short, whole.subarray(0, length));
      expectError(() => ops.loadLibrary(short), 'value', /short\.so but it cannot be loaded: [^\n]+$/);
    }
    expectError(() => ops.loadLibrary(3 as never), 'type', /^Expected the path of a library/);
    expectError(() => ops.aten('bridge_test::scale', tensor([1])), 'value', /"bridge_test::scale"/);
  });

  it('are named, and found from then on', () => {
    const names = ops.loadLibrary(library);
    assert.equal(names.length, 9);
    assert.ok(names.includes('bridge_test::scale'));
    assert.deepEqual(ops.loadLibrary(library), []);
  });

  it('take and return what libtorch’s own do, with gradients', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = ops.aten<Tensor>('bridge_test::scale', x, 3, { bias: tensor([1, 1]) });
    assert.deepEqual(y.toArray(), [4, 7]);
    y.sum().backward();
    assert.deepEqual(x.grad?.toArray(), [3, 3]);
    assert.deepEqual(ops.aten<Tensor>('bridge_test::scale', tensor([1])).toArray(), [2]);
    assert.deepEqual(ops.aten<Tensor>('bridge_test::scale', tensor([1]), { factor: 0.5, bias: null }).toArray(), [0.5]);
    const parts = [tensor([1]), tensor([2])];
    assert.deepEqual(ops.aten<Tensor>('bridge_test::join', parts, [1, 0, 1]).toArray(), [2, 1, 2]);
    assert.equal(ops.aten('bridge_test::greet', 'Töne', { loud: true }), 'Hello, Töne!');
    const z = tensor([1]);
    assert.equal(ops.aten('bridge_test::increase_', z), z);
    const [more, list, named] = ops.aten<[Tensor, Tensor[], Map<string, Tensor>]>('bridge_test::several', z);
    assert.deepEqual([more.toArray(), list.length, named.get('twice')?.toArray()], [[3], 2, [4]]);
  });

  it('fail with the error of the operator, whatever it throws', () => {
    expectError(() => ops.aten('bridge_test::fail', 'torch'), 'runtime', /refused by the operator/);
    expectError(() => ops.aten('bridge_test::fail', 'std'), 'runtime', /a failure of the library/);
    expectError(() => ops.aten('bridge_test::fail', 'int'), 'runtime', /unknown kind/);
    expectError(() => ops.aten('bridge_test::scale', 'text'), 'type', /bridge_test::scale\(Tensor x, float factor/);
    expectError(() => ops.aten('bridge_test::join', [tensor([1])], [7]), 'runtime', /invalid index/);
  });

  it('leave no handle behind when a later result has no form in JavaScript', () => {
    const x = tensor([1]);
    const before = memory();
    for (let i = 0; i < 100; ++i) {
      scope(() => expectError(() => ops.aten('bridge_test::strange', x), 'type', /returned a Storage/));
    }
    assert.equal(memory().tensors, before.tensors);
    assert.equal(memory().bytes, before.bytes);
  });

  it('crash nothing when they return other than their schema says', () => {
    assert.equal(ops.aten('bridge_test::nothing', tensor([1])), undefined);
    assert.equal(ops.aten('bridge_test::another', tensor([1])), 'a text');
  });

  it('end in an error when a second library defines the same operators', () => {
    const copy = path.join(folder, 'libcopy.so');
    fs.copyFileSync(library, copy);
    // Its initialiser throws, which would end the process that loads it.
    expectError(
      () => ops.loadLibrary(copy),
      'value',
      /libcopy\.so but it cannot be loaded: Only a single TORCH_LIBRARY/,
    );
    assert.equal(ops.aten('bridge_test::greet', 'you'), 'Hello, you.');
  });
});
