import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { load, loadSafetensors, save, saveSafetensors, PyName, Tuple, writePickle } from '../../lib/io/index.js';
import type { Inspection } from '../../lib/io/index.js';
import { models, ones, OrderedDict, scope, tensor, type Tensor, zeros } from '../../lib/index.js';
import { legacyForm, partsOf, zipForm } from '../unit/io/form-writers.js';
import { failWith, succeed, suiteFolder } from './command.js';

describe('torchbridge inspect and convert', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (name: string): string => path.join(folder.path, name);
  const state = (): OrderedDict<Tensor> => {
    const weight = ones([2, 3]);
    return new OrderedDict(
      Object.entries({ 'module.fc.weight': weight, 'module.fc.bias': zeros([2]), 'module.tied': weight }),
    );
  };

  before(() => {
    scope(() => {
      save(state(), at('state.pth'));
      const checkpoint = new Map<string, unknown>([
        ['epoch', 3],
        ['state_dict', state()],
        ['name', 'a\u001b[31mred'],
      ]);
      save(checkpoint, at('checkpoint.pth'));
      fs.writeFileSync(at('legacy.pth'), legacyForm(partsOf(state(), 'legacy')));
      saveSafetensors({ w: ones([2, 3]), n: tensor(7n) }, at('given.safetensors'), {
        metadata: { format: 'pt', by: 'me' },
      });
      save(models.densenet121({ numClasses: 10 }).stateDict(), at('other-model.pth'));
    });
    const command = writePickle(new Map([['w', new PyName('os', 'system')]]));
    fs.writeFileSync(at('evil.pth'), zipForm({ pickle: command, storages: [] }));
    fs.writeFileSync(at('text.pth'), 'no weights\n');
    fs.writeFileSync(at('empty.pth'), '');
    fs.writeFileSync(at('picture.pth'), Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(1000)]));
    fs.mkdirSync(at('folder.pth'));
  });

  const inspect = async (file: string): Promise<string> =>
    (await succeed(['inspect', file], { cwd: folder.path })).stdout;

  it('inspect prints a table', async () => {
    assert.equal(
      await inspect('state.pth'),
      [
        `state.pth  torch.save, zip form, ${(fs.statSync(at('state.pth')).size / 1000).toFixed(1)} kB, a state dict`,
        '',
        '  name              dtype    shape   bytes',
        '  module.fc.weight  float32  [2, 3]  24 B',
        '  module.fc.bias    float32  [2]     8 B',
        '  module.tied       float32  [2, 3]  24 B',
        '',
        '3 tensors, 14 elements, 32 B of storage; 1 of them over the storage of another',
        '',
      ].join('\n'),
    );
    assert.match(await inspect('legacy.pth'), /legacy\.pth {2}torch\.save, legacy form/);
    const checkpoint = await inspect('checkpoint.pth');
    assert.match(checkpoint, /a checkpoint\n/);
    assert.match(checkpoint, /state_dict \/ module\.fc\.bias {2}/);
    assert.match(checkpoint, /other values\n {2}epoch {2}3\n {2}name {3}"a\\u001b\[31mred"\n/);
    assert.match(
      await inspect('given.safetensors'),
      /safetensors, \d+ B, a state dict[^]*metadata\n {2}by {6}me\n {2}format {2}pt\n/,
    );
  });

  it('inspect names what is not read', async () => {
    assert.match(await inspect('evil.pth'), /refused; nothing was executed\n {2}os\.system\n$/);
  });

  it('inspect prints JSON', async () => {
    const { stdout } = await succeed(['inspect', 'state.pth', '--json'], { cwd: folder.path });
    const found = JSON.parse(stdout) as Inspection;
    assert.equal(found.form, 'zip');
    assert.equal(found.kind, 'state dict');
    assert.deepEqual([found.elements, found.storageBytes, found.unsafe], [14, 32, []]);
    assert.deepEqual(found.tensors[0], {
      path: ['module.fc.weight'],
      dtype: 'float32',
      shape: [2, 3],
      bytes: 24,
      layout: 'strided',
      requiresGrad: false,
      storage: found.tensors[2]?.storage,
    });
  });

  const convert = (...args: string[]): ReturnType<typeof succeed> =>
    succeed(['convert', ...args], { cwd: folder.path });

  it('convert writes safetensors, and tells what they cannot hold', async () => {
    const { stdout, stderr } = await convert('checkpoint.pth', 'out.safetensors', '--strip-prefix');
    assert.equal(stdout, 'out.safetensors: 3 tensors, safetensors\n');
    assert.equal(
      stderr,
      'taken: the state dict "state_dict"\n' +
        'left out: "epoch", "name", which safetensors cannot hold\n' +
        'renamed: 3 of 3 names, without "module."\n' +
        'written each on its own: "fc.weight", "tied", which share memory\n',
    );
    scope(() => {
      const dict = loadSafetensors(at('out.safetensors'));
      assert.deepEqual([...dict.keys()], ['fc.bias', 'fc.weight', 'tied']);
      assert.deepEqual([...dict.metadata], [['format', 'pt']]);
      assert.deepEqual(dict.get('tied')!.toArray(), [
        [1, 1, 1],
        [1, 1, 1],
      ]);
    });
  });

  it('convert writes the zip form', async () => {
    assert.equal(
      (await convert('legacy.pth', 'from-legacy.pth')).stdout,
      'from-legacy.pth: 3 tensors, the zip form of torch.save\n',
    );
    const { stderr } = await convert('given.safetensors', 'from-safe.bin', '--to', 'zip');
    assert.equal(stderr, 'left out: the metadata "by"\n');
    scope(() => {
      const fromLegacy = load(at('from-legacy.pth')) as Map<string, Tensor>;
      assert.deepEqual([...fromLegacy.keys()], ['module.fc.weight', 'module.fc.bias', 'module.tied']);
      assert.equal(fromLegacy.get('module.tied')!.storageId(), fromLegacy.get('module.fc.weight')!.storageId());
      const fromSafe = load(at('from-safe.bin'));
      assert.ok(fromSafe instanceof OrderedDict);
      assert.equal((fromSafe as OrderedDict<Tensor>).get('n')!.item(), 7);
    });
  });

  it('convert writes over nothing unless told to, and nothing by halves', async () => {
    fs.writeFileSync(at('there.pth'), 'mine');
    assert.match(
      await failWith(1, ['convert', 'state.pth', 'there.pth'], { cwd: folder.path }),
      /there\.pth: it exists; --force writes over it$/,
    );
    assert.equal(fs.readFileSync(at('there.pth'), 'utf8'), 'mine');
    await failWith(1, ['convert', 'text.pth', 'there.pth', '--force'], { cwd: folder.path });
    assert.equal(fs.readFileSync(at('there.pth'), 'utf8'), 'mine');
    await convert('state.pth', 'there.pth', '--force');
    scope(() => assert.ok(load(at('there.pth')) instanceof OrderedDict));
    scope(() => save({ a: tensor([1]).toSparse(), b: Tuple.of(1) }, at('sparse.pth')));
    assert.match(
      await failWith(1, ['convert', 'sparse.pth', 'sparse.safetensors'], { cwd: folder.path }),
      /no dict of them; write the zip form/,
    );
    assert.match(
      await failWith(1, ['convert', 'state.pth', 'x.pth', '--strip-prefix', 'net.'], { cwd: folder.path }),
      /begin with "net\."/,
    );
    assert.match(
      await failWith(2, ['convert', 'state.pth', 'x.pth', '--to', 'tar'], { cwd: folder.path }),
      /Expected zip or safetensors for --to/,
    );
    assert.deepEqual(
      fs.readdirSync(folder.path).filter((name) => /^x\.|sparse\.safe|tmp/.test(name)),
      [],
    );
  });

  const wrong: [string, RegExp][] = [
    ['none.pth', /none\.pth: no such file or folder; expected a file of /],
    ['text.pth', /text\.pth: not a file of torch\.save: .*; expected a file of /],
    ['empty.pth', /empty\.pth: the file is empty; expected a file of /],
    ['picture.pth', /picture\.pth: not a file of torch\.save: it is a picture; expected a file of /],
    ['folder.pth', /folder\.pth: it is a folder; expected a file of /],
  ];
  for (const [file, message] of wrong) {
    it(`every command says in one line what is wrong with ${file}`, async () => {
      for (const args of [
        ['inspect', file],
        ['convert', file, 'never.pth'],
        ['eval', '--weights', file, '--dataset', 'shapes'],
      ]) {
        assert.match(await failWith(1, args, { cwd: folder.path }), message);
      }
      assert.ok(!fs.existsSync(at('never.pth')));
    });
  }

  it('names the class that is not read, and the way out', async () => {
    const said = await failWith(1, ['convert', 'evil.pth', 'never.pth'], { cwd: folder.path });
    assert.match(
      said,
      /evil\.pth: .*names os\.system, which is not on the list .*torch\.save\(model\.state_dict\(\), file\)/,
    );
  });

  it('eval says whose weights do not fit', async () => {
    for (const file of ['state.pth', 'given.safetensors']) {
      const said = await failWith(1, ['eval', '--weights', file, '--dataset', 'shapes'], { cwd: folder.path });
      assert.match(said, new RegExp(file.replace('.', '\\.')));
    }
  });
});
