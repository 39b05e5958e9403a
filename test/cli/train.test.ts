import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { load } from '../../lib/io/index.js';
import { OrderedDict, Tensor } from '../../lib/tensor/index.js';
import { failWith, program, start, succeed, suiteFolder, tiny, torchbridge } from './command.js';
import { writeSmallCifar } from './small-cifar.js';

/** What the script prints, with every number replaced by its form. */
const lineForms = [
  /^Epoch: \[\d+\/\d+\]\tIter: \[\d+\/\d+\]\tTime \d+\.\d{3} \(\d+\.\d{3}\)\tLoss \d+\.\d{4} \(\d+\.\d{4}\)\tError \d\.\d{4} \(\d\.\d{4}\)$/,
  /^(Valid|Test)\tIter: \[\d+\/\d+\]\tTime \d+\.\d{3} \(\d+\.\d{3}\)\tLoss \d+\.\d{4} \(\d+\.\d{4}\)\tError \d\.\d{4} \(\d\.\d{4}\)$/,
  /^New best error: \d\.\d{4}$/,
  /^Final test error: \d\.\d{4}$/,
  /^Done!$/,
];

describe('torchbridge train', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  before(() => {
    writeSmallCifar(at('data'));
  });

  it("prints the script's lines in a pipe and leaves every file of a run", async () => {
    const { stdout, stderr } = await succeed(['train', ...tiny, '--save', 'run', '--n-epochs', '2'], {
      cwd: folder.path,
    });
    assert.equal(stderr, '');
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines[0], 'DenseNet(');
    const total = lines.findIndex((line) => line.startsWith('Total parameters:  '));
    assert.match(lines[total] ?? '', /^Total parameters: {2}\d+$/);
    assert.equal(lines[total - 1], ')');
    const rest = lines.slice(total + 1);
    for (const line of rest)
      assert.ok(
        lineForms.some((form) => form.test(line)),
        line,
      );
    const heads = rest.map((line) =>
      /^(Epoch: \[\d\/\d\]|Valid|Test|New|Final|Done!)(?:\tIter: (\[\d\/\d\]))?/.exec(line)?.slice(1).join(' '),
    );
    const epoch = (e: number): string[] => [1, 2, 3].map((i) => `Epoch: [${e}/2] [${i}/3]`);
    const withoutBest = heads.filter((head) => head !== 'New ');
    assert.deepEqual(withoutBest, [
      ...epoch(1),
      'Valid [1/1]',
      ...epoch(2),
      'Valid [1/1]',
      'Test [1/2]',
      'Test [2/2]',
      'Final ',
      'Done! ',
    ]);
    const names = [
      'checkpoint.pth',
      'config.json',
      'curves.png',
      'curves.svg',
      'losses.csv',
      'model.pth',
      'results.csv',
    ];
    assert.deepEqual(fs.readdirSync(at('run')).sort(), names);
  });

  it('logs in the formats that are promised', async () => {
    const results = fs.readFileSync(at('run', 'results.csv'), 'utf8');
    assert.match(
      results,
      /^epoch,train_loss,train_error,valid_loss,valid_error,test_error\n(00[12],\d+\.\d{6},\d\.\d{6},\d+\.\d{5},\d\.\d{5},\n){2},,,,,\d\.\d{5}\n$/,
    );
    const losses = fs.readFileSync(at('run', 'losses.csv'), 'utf8').trimEnd().split('\n');
    assert.equal(losses[0], 'epoch,iteration,loss,error,lr');
    assert.equal(losses.length, 7);
    assert.match(losses[1] ?? '', /^1,1,\d\.\d+,[\d.]+,0\.1$/);
    const config = JSON.parse(fs.readFileSync(at('run', 'config.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual(
      [config['dataset'], config['data'], config['depth'], config['seed'], config['milestones']],
      ['cifar10', at('data'), 10, 1, [1, 2]],
    );
    const model = load(at('run', 'model.pth'));
    assert.ok(model instanceof OrderedDict && [...model.values()].every((each) => each instanceof Tensor));
    const png = await sharp(at('run', 'curves.png')).metadata();
    assert.equal(png.format, 'png');
  });

  it('keeps a run that is there unless it is told to overwrite it', async () => {
    const again = ['train', ...tiny, '--save', 'run', '--n-epochs', '2'];
    const before = fs.readdirSync(at('run')).map((name) => fs.statSync(at('run', name)).mtimeMs);
    const refused =
      'torchbridge: run holds a run already: --resume goes on with it, --overwrite begins anew in its place';
    assert.equal(await failWith(2, again, { cwd: folder.path }), `${refused}, another --save keeps it`);
    const both = await failWith(2, [...again, '--overwrite', '--resume'], { cwd: folder.path });
    assert.match(both, /Expected one of --resume and --overwrite but received both$/);
    const after = fs.readdirSync(at('run')).map((name) => fs.statSync(at('run', name)).mtimeMs);
    assert.deepEqual(after, before);
  });

  it('gives the same bytes again, and says that it overwrites', async () => {
    const kept = ['model.pth', 'losses.csv', 'results.csv', 'checkpoint.pth', 'curves.svg'];
    const before = kept.map((name) => fs.readFileSync(at('run', name)));
    fs.writeFileSync(at('run', 'notes.txt'), 'mine');
    const { stderr } = await succeed(['train', ...tiny, '--save', 'run', '--n-epochs', '2', '--overwrite'], {
      cwd: folder.path,
    });
    assert.equal(stderr, 'Overwriting the run in run\n');
    kept.forEach((name, i) => assert.ok(fs.readFileSync(at('run', name)).equals(before[i]!), name));
    assert.equal(fs.readFileSync(at('run', 'notes.txt'), 'utf8'), 'mine');
  });

  it('validates on the test set and saves each epoch with --valid-size 0', async () => {
    const args = ['train', ...tiny, '--valid-size', '0', '--save', 'zero', '--n-epochs', '2'];
    const { stdout } = await succeed(args, { cwd: folder.path });
    assert.doesNotMatch(stdout, /Valid|New best/);
    assert.equal(stdout.match(/^Test\tIter: \[1\/2\]/gm)?.length, 3);
  });

  it('takes the other forms of the network', async () => {
    const args = [
      '--no-bottleneck',
      '--drop-rate',
      '0.2',
      '--no-nesterov',
      '--momentum',
      '0',
      '--milestones',
      'none',
      '--n-epochs',
      '1',
    ];
    const { stdout } = await succeed(['train', ...tiny, ...args, '--save', 'plain'], { cwd: folder.path });
    assert.match(stdout, /\(conv0\): Conv2d\(3, 16,/);
    assert.doesNotMatch(stdout, /norm2/);
    await succeed(['eval', '--save', 'plain'], { cwd: folder.path });
  });

  it('ends quietly when the reader of its output goes away, with a checkpoint', async () => {
    const command = `"${process.execPath}" "${program}" train ${tiny.join(' ')} --save pipe --n-epochs 500 | head -n 1; exit "\${PIPESTATUS[0]}"`;
    const outcome = await start('bash', ['-c', command], { cwd: folder.path });
    assert.equal(outcome.stdout, 'DenseNet(\n');
    assert.equal(outcome.stderr, '');
    assert.equal(outcome.code, 141, 'as a program that SIGPIPE has ended');
    assert.ok(fs.existsSync(at('pipe', 'checkpoint.pth')));
  });

  describe('what is missing or broken', () => {
    const fails = (...args: string[]): Promise<string> =>
      failWith(1, ['train', ...tiny, '--n-epochs', '1', ...args], { cwd: folder.path });

    it('a folder that is not there', async () => {
      assert.match(await fails('--data', 'nowhere', '--save', 'no'), /nowhere/);
      assert.ok(!fs.existsSync(at('no')));
    });

    it('an empty folder', async () => {
      fs.mkdirSync(at('empty'));
      assert.match(
        await fails('--data', 'empty', '--save', 'no'),
        /empty holds neither cifar-10-python\.tar\.gz nor cifar-10-batches-py/,
      );
    });

    it('other md5 sums, and says how to take the data all the same', async () => {
      const args = ['train', '--data', 'data', '--save', 'no'];
      assert.match(await failWith(1, args, { cwd: folder.path }), /is not the published file.*--no-verify/);
    });

    it('a truncated archive', async () => {
      fs.mkdirSync(at('cut'));
      fs.writeFileSync(at('cut', 'cifar-10-python.tar.gz'), Buffer.from('1f8b0800000000000003ed', 'hex'));
      assert.match(await fails('--data', 'cut', '--save', 'no'), /cifar-10-python\.tar\.gz .*truncated/);
    });

    it('a truncated batch', async () => {
      fs.cpSync(at('data'), at('short'), { recursive: true });
      fs.truncateSync(at('short', 'cifar-10-batches-py', 'data_batch_3'), 1000);
      assert.match(await fails('--data', 'short', '--save', 'no'), /data_batch_3/);
      assert.ok(!fs.existsSync(at('no')));
    });

    it('too few pictures for the default of --valid-size', async () => {
      const args = ['train', '--data', 'data', '--no-verify', '--save', 'no'];
      assert.match(
        await failWith(2, args, { cwd: folder.path }),
        /have 60 training pictures, too few for the default --valid-size 5000: add --valid-size 6, say$/,
      );
      assert.ok(!fs.existsSync(at('no')));
    });

    it('files of something else in the folder', async () => {
      fs.mkdirSync(at('foreign'));
      fs.writeFileSync(at('foreign', 'model.pth'), 'precious');
      assert.match(await fails('--save', 'foreign'), /foreign holds model\.pth but no config\.json of a run/);
      fs.writeFileSync(at('foreign', 'config.json'), '{"port": 80}');
      assert.match(await fails('--save', 'foreign'), /foreign\/config\.json is not a run's configuration/);
      assert.equal(fs.readFileSync(at('foreign', 'model.pth'), 'utf8'), 'precious');
    });

    it('a place where no folder can be', async () => {
      fs.writeFileSync(at('file'), '');
      assert.match(await fails('--save', 'file'), /file is not a folder$/);
      assert.match(
        await fails('--save', 'file/below'),
        /cannot write to file\/below: a part of the path is not a folder$/,
      );
      assert.match(await fails('--save', '/proc/torchbridge'), /cannot write to \/proc\/torchbridge/);
    });

    it('a device that is not there', async () => {
      assert.match(await fails('--device', 'mps', '--save', 'no'), /the device mps cannot be used/);
      assert.ok(!fs.existsSync(at('no')));
    });

    it('a disk that fills up: the old files stay whole', async () => {
      // A limit on the size of files is the full disk one can have without being root: logs fit, the model does not.
      const command = `ulimit -f 8; exec "${process.execPath}" "${program}" train ${tiny.join(' ')} --n-epochs 1 --save full`;
      const outcome = await start('bash', ['-c', command], { cwd: folder.path });
      assert.equal(outcome.code, 1, outcome.stderr);
      assert.match(
        outcome.stderr,
        /^torchbridge: cannot write full\/\S+: the file would be larger than the system allows\n$/,
      );
      assert.deepEqual(fs.readdirSync(at('full')).sort(), ['config.json', 'losses.csv', 'results.csv']);
    });

    it('output that cannot be written', async () => {
      const command = `exec "${process.execPath}" "${program}" train ${tiny.join(' ')} --n-epochs 1 --save devfull > /dev/full`;
      const outcome = await start('bash', ['-c', command], { cwd: folder.path });
      assert.equal(outcome.code, 1, outcome.stderr);
      assert.match(
        outcome.stderr,
        /^torchbridge: cannot write the output: [^\n]*ENOSPC[^\n]*; devfull\/checkpoint\.pth holds the run\.[^\n]*\n$/,
      );
      // Nothing but stdout was full: the run goes on to its end.
      const { stdout } = await succeed(['train', '--save', 'devfull', '--resume'], { cwd: folder.path });
      assert.match(stdout, /\nFinal test error: /);
    });
  });

  it('says in one line that memory does not suffice', async () => {
    const outcome = await torchbridge(
      ['train', ...tiny, '--num-init-features', '2000000', '--growth-rate', '1000000', '--save', 'no'],
      { cwd: folder.path },
    );
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /^torchbridge: [^\n]*not enough memory[^\n]*\n$/);
  });
});
