import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { load, serialize } from '../../lib/io/index.js';
import { cifarDenseNet, DenseNet } from '../../lib/models/index.js';
import { ones, OrderedDict, scope } from '../../lib/tensor/index.js';
import { failWith, program, start, succeed, suiteFolder, tiny } from './command.js';
import { writePictures } from './pictures.js';
import { writeSmallCifar } from './small-cifar.js';

describe('torchbridge eval', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  let finalError = '';

  before(async () => {
    writeSmallCifar(at('data'));
    const { stdout } = await succeed(['train', ...tiny, '--save', 'run', '--n-epochs', '2'], { cwd: folder.path });
    finalError = /Final test error: (\S+)/.exec(stdout)?.[1] ?? '';
  });

  it("gives the run's own test error back", async () => {
    const { stdout } = await succeed(['eval', '--save', 'run'], { cwd: folder.path });
    assert.match(stdout, /^Test\tIter: \[1\/2\]\tTime .*\nTest\tIter: \[2\/2\]\t.*\nFinal test error: \d\.\d{4}\n$/);
    assert.match(stdout, new RegExp(`Final test error: ${finalError.replace('.', '\\.')}\n$`));
  });

  it('finds the data of the run from any folder', async () => {
    fs.mkdirSync(at('elsewhere'));
    const { stdout } = await succeed(['eval', '--save', '../run'], { cwd: at('elsewhere') });
    assert.match(stdout, new RegExp(`Final test error: ${finalError.replace('.', '\\.')}\n$`));
  });

  it("lets another program's config.json beside the weights be, and says so", async () => {
    fs.mkdirSync(at('beside'));
    fs.copyFileSync(at('run', 'model.pth'), at('beside', 'model.pth'));
    fs.writeFileSync(at('beside', 'config.json'), '{"architectures": ["Other"]}');
    const args = ['--weights', 'beside/model.pth', '--data', 'data', '--no-verify', '--threads', '1', '--json'];
    const { stdout, stderr } = await succeed(['eval', ...args], { cwd: folder.path });
    assert.equal((JSON.parse(stdout) as { error: number }).error.toFixed(4), finalError);
    assert.match(
      stderr,
      /^beside\/config\.json is not a run's configuration: [^\n]*; the form of the network is read from its shapes\n$/,
    );
  });

  it('names the way out where the device of the run is not there', async () => {
    fs.cpSync(at('run'), at('accelerated'), { recursive: true });
    const config = fs.readFileSync(at('run', 'config.json'), 'utf8');
    fs.writeFileSync(at('accelerated', 'config.json'), config.replace('"device": "cpu"', '"device": "mps"'));
    const args = ['eval', '--save', 'accelerated'];
    assert.match(
      await failWith(1, args, { cwd: folder.path }),
      /the device mps cannot be used: [^\n]*; --device cpu evaluates here$/,
    );
    assert.doesNotMatch(await failWith(1, [...args, '--device', 'mps'], { cwd: folder.path }), /evaluates here/);
    await succeed([...args, '--device', 'cpu'], { cwd: folder.path });
  });

  it('predicts with the kept model of a run, by the names of its classes', async () => {
    await writePictures(at('pictures'), 1);
    const args = ['predict', 'pictures', '--weights', 'run/model.pth', '--top', '10', '--json'];
    const { stdout } = await succeed(args, { cwd: folder.path });
    const [shown] = JSON.parse(stdout) as { top: { name: string }[] }[];
    const names = shown?.top.map(({ name }) => name).sort();
    assert.deepEqual(names?.slice(0, 3), ['airplane', 'automobile', 'bird']);
    assert.equal(names.length, 10);
  });

  it('stops when nobody reads its output any more', async () => {
    // Far more than are evaluated until `head` has gone.
    writeSmallCifar(at('many'), { test: 5000 });
    const evaluation = `"${process.execPath}" "${program}" eval --save run --data many --no-verify --batch-size 1`;
    const command = `${evaluation} | head -n 1; exit "\${PIPESTATUS[0]}"`;
    const outcome = await start('bash', ['-c', command], { cwd: folder.path });
    assert.equal(outcome.stderr, '');
    assert.match(outcome.stdout, /^Test\tIter: \[1\/5000\][^\n]*\n$/);
    assert.equal(outcome.code, 141, 'as a program that SIGPIPE has ended');
    const full = await start('bash', ['-c', `${evaluation} > /dev/full`], { cwd: folder.path });
    assert.match(full.stderr, /^torchbridge: cannot write the output: [^\n]*ENOSPC[^\n]*\n$/);
    assert.equal(full.code, 1);
  });

  it('prints JSON', async () => {
    const { stdout } = await succeed(['eval', '--save', 'run', '--json'], { cwd: folder.path });
    const result = JSON.parse(stdout) as {
      error: number;
      loss: number;
      pictures: number;
      weights: string;
      parameters: number;
    };
    assert.equal(result.pictures, 20);
    assert.equal(result.error.toFixed(4), finalError);
    assert.ok(result.loss > 0 && result.parameters > 1000);
    assert.equal(result.weights, path.join('run', 'model.pth'));
  });

  it('reads the form of the network from weights that come alone', async () => {
    fs.mkdirSync(at('alone'));
    fs.copyFileSync(at('run', 'model.pth'), at('alone', 'model.dat'));
    const args = [
      'eval',
      '--weights',
      'alone/model.dat',
      '--data',
      'data',
      '--no-verify',
      '--threads',
      '1',
      '--batch-size',
      '16',
    ];
    const { stdout } = await succeed(args, { cwd: folder.path });
    assert.match(stdout, new RegExp(`Final test error: ${finalError.replace('.', '\\.')}\n$`));
    assert.match(
      await failWith(2, ['eval', '--weights', 'alone/model.dat'], { cwd: folder.path }),
      /Expected --data DIR, --dataset shapes or /,
    );
  });

  it("takes weights as other people's programs save them", async () => {
    const checkpoint = scope(() => {
      const parallel = new OrderedDict<unknown>();
      for (const [key, tensor] of load(at('run', 'model.pth')) as Map<string, unknown>) {
        const old = key.replace(/(denselayer\d+\.(?:norm|conv))([12])/, '$1.$2');
        if (!key.endsWith('num_batches_tracked')) parallel.set(`module.${old}`, tensor);
      }
      return serialize(
        new Map<string, unknown>([
          ['epoch', 3],
          ['state_dict', parallel],
        ]),
      );
    });
    fs.mkdirSync(at('theirs'));
    fs.writeFileSync(at('theirs', 'best.pth.tar'), checkpoint);
    const args = ['--weights', 'theirs/best.pth.tar', '--data', 'data', '--no-verify', '--threads', '1', '--json'];
    const { stdout, stderr } = await succeed(['eval', ...args], { cwd: folder.path });
    assert.equal((JSON.parse(stdout) as { error: number }).error.toFixed(4), finalError);
    assert.equal(stderr, 'theirs/best.pth.tar: the prefix module. was taken off the names\n');
  });

  it('says in one line what is no weights, or those of another network', async () => {
    fs.mkdirSync(at('no'));
    const fails = (...args: string[]): Promise<string> =>
      failWith(1, ['eval', '--data', 'data', '--no-verify', ...args], { cwd: folder.path });
    const wanted = 'expected a file of weights, as torch.save and torchbridge train write them$';
    const refuses = async (file: string, content: string | Uint8Array | null, problem: string): Promise<void> => {
      if (content !== null) fs.writeFileSync(at('no', file), content);
      assert.match(await fails('--weights', `no/${file}`), new RegExp(`^torchbridge: ${problem}`));
    };
    await refuses('none.pth', null, `cannot read no/none\\.pth: no such file or folder; ${wanted}`);
    await refuses('text.pth', 'no weights\n', `no/text\\.pth: .*; ${wanted}`);
    await refuses(
      'picture.pth',
      Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
      `no/picture\\.pth: .*; ${wanted}`,
    );
    await refuses('empty.pth', '', `no/empty\\.pth: the file is empty; ${wanted}`);
    const write = (file: string, value: () => unknown): void =>
      scope(() => fs.writeFileSync(at('no', file), serialize(value())));
    write('numbers.pth', () => new Map([['epoch', 3]]));
    await refuses(
      'numbers.pth',
      null,
      `no/numbers\\.pth: expected a state dict or a checkpoint with one, but it holds epoch; ${wanted}`,
    );
    write('resnet.pth', () => new Map([['layer1.0.conv1.weight', ones([1])]]));
    await refuses(
      'resnet.pth',
      null,
      'no/resnet\\.pth holds the weights of a ResNet, not of a CIFAR DenseNet: --model names the network$',
    );
    write('large.pth', () => new DenseNet({ growthRate: 4, blockConfig: [1, 1], numInitFeatures: 8 }).stateDict());
    await refuses(
      'large.pth',
      null,
      'no/large\\.pth holds the weights of a DenseNet-BC with blocks of 1, 1 layers, .*, not of a CIFAR DenseNet: --model names the network$',
    );
    write('partly.pth', () => {
      const state = new Map(cifarDenseNet({ depth: 10, growthRate: 4 }).stateDict());
      state.delete('features.norm_final.bias');
      return state;
    });
    await refuses(
      'partly.pth',
      null,
      '.*not all as the model has them \\(Missing key\\(s\\) in state_dict: "features\\.norm_final\\.bias"\\.\\)$',
    );
  });

  it('says in one line what is missing or does not fit', async () => {
    const fails = (...args: string[]): Promise<string> => failWith(1, ['eval', ...args], { cwd: folder.path });
    assert.match(await fails('--save', 'nowhere'), /nowhere holds no run: there is no nowhere\/config\.json$/);
    assert.match(await fails('--weights', 'none.pth', '--data', 'data'), /none\.pth/);
    fs.cpSync(at('run'), at('nomodel'), { recursive: true });
    fs.rmSync(at('nomodel', 'model.pth'));
    assert.match(await fails('--save', 'nomodel'), /nomodel\/model\.pth/);
    fs.cpSync(at('run'), at('other'), { recursive: true });
    const config = fs.readFileSync(at('run', 'config.json'), 'utf8');
    fs.writeFileSync(at('other', 'config.json'), config.replace('"growthRate": 4', '"growthRate": 6'));
    assert.match(
      await fails('--save', 'other'),
      /other\/model\.pth holds the weights of .* growth rate 4 .*; the model is .* growth rate 6 .* \(size mismatch for /,
    );
    fs.writeFileSync(at('other', 'config.json'), '{"depth": 40}');
    assert.match(await fails('--save', 'other'), /other\/config\.json is not a run's configuration/);
    fs.writeFileSync(at('other', 'text.pth'), 'no weights');
    assert.match(await fails('--weights', 'other/text.pth', '--data', 'data'), /config\.json|text\.pth/);
    fs.writeFileSync(at('text.pth'), 'no weights');
    assert.match(await fails('--weights', 'text.pth', '--data', 'data'), /text\.pth/);
  });
});
