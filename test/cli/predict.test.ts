/** `torchbridge predict` and `eval` on folders of pictures as a user meets them; the numbers: test/parity/predict.test.ts. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { program, start, failWith, succeed, suiteFolder, torchbridge } from './command.js';
import { writePictures, writeWeights } from './pictures.js';

interface Shown {
  readonly path: string;
  readonly top?: { index: number; name: string | null; probability: number }[];
  readonly error?: string;
}

describe('torchbridge predict and eval on pictures', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...parts: string[]): string => path.join(folder.path, ...parts);
  const options = {
    get cwd() {
      return folder.path;
    },
    env: { OMP_NUM_THREADS: '1', TORCH_HOME: '/nowhere' },
  };
  const weights = ['--weights', 'three.pth'];

  before(async () => {
    for (const name of ['ant', 'bee', 'cat']) await writePictures(at('val', name), 2);
    writeWeights(at('three.pth'), 3);
    writeWeights(at('two-networks.pth'), 3, ['student', 'teacher']);
    fs.writeFileSync(at('text.jpg'), 'not a picture');
    fs.mkdirSync(at('empty'));
    fs.writeFileSync(at('names.txt'), 'cat\nant\nbee\n');
  });

  it('shows a table for each picture', async () => {
    const { stdout, stderr } = await succeed(
      ['predict', 'val/ant/0.png', 'val/bee', ...weights, '--classes', 'names.txt'],
      options,
    );
    assert.equal(stderr, '');
    const table = [
      '(val\\/[a-z/0-9.]+)',
      '┌[─┬]+┐',
      '(│ \\d │ (ant|bee|cat) │ +\\d+\\.\\d\\d % │\\n){3}└[─┴]+┘',
      '',
    ].join('\\n');
    assert.match(stdout, new RegExp(`^(${table}){3}$`));
    assert.deepEqual(stdout.match(/^val.*$/gm), ['val/ant/0.png', 'val/bee/0.png', 'val/bee/1.jpg']);
  });

  it('shows bars', async () => {
    const { stdout } = await succeed(['predict', 'val/cat/1.jpg', ...weights, '--bars', '--top', '2'], options);
    assert.match(stdout, /^val\/cat\/1\.jpg\n( {2}class \d {2}[█▏▎▍▌▋▊▉░]{30} {2} +\d+\.\d\d %\n){2}$/);
  });

  it('goes on after what is no picture, and ends with 1', async () => {
    const images = ['text.jpg', 'val/ant/0.png', 'nowhere.png', 'empty', 'three.pth', 'val/ant/1.jpg'];
    const { code, stdout, stderr } = await torchbridge(
      ['predict', ...images, ...weights, '--json', '--top', '1'],
      options,
    );
    assert.equal(code, 1);
    const shown = JSON.parse(stdout) as Shown[];
    assert.deepEqual(
      shown.map((each) => each.path),
      images,
    );
    assert.deepEqual(
      shown.map((each) => each.top?.length),
      [undefined, 1, undefined, undefined, undefined, 1],
    );
    const [first] = shown[1]!.top!;
    assert.ok(first!.name === null && first!.probability > 1 / 3 && first!.probability <= 1);
    assert.deepEqual(
      stderr.trimEnd().split('\n'),
      shown.flatMap(({ error }) => (error === undefined ? [] : [`torchbridge: ${error}`])),
    );
    assert.match(stderr, /^torchbridge: text\.jpg: not a picture but text; JPEG, PNG, .* are read$/m);
    assert.match(stderr, /^torchbridge: cannot read nowhere\.png: no such file or folder$/m);
    assert.match(stderr, /^torchbridge: empty: no pictures in this folder$/m);
    assert.match(stderr, /^torchbridge: three\.pth: not a picture but a file like those of torch\.save/m);
  });

  it('prints the same with threads that read', async () => {
    const images = ['val', 'text.jpg', 'val/ant', 'empty'];
    const args = ['predict', ...images, ...weights, '--json', '--batch-size', '3'];
    const [plain, threads] = [
      await torchbridge([...args, '--workers', '0'], options),
      await torchbridge([...args, '--workers', '2'], options),
    ];
    assert.equal(plain.code, 1);
    assert.deepEqual(threads, plain);
    assert.equal((JSON.parse(plain.stdout) as Shown[]).length, 10);
  });

  it('says what is wrong with the command line and the weights, and what to do', async () => {
    const fails = (code: 1 | 2, ...args: string[]): Promise<string> =>
      failWith(code, ['predict', 'val', ...args], options);
    assert.match(await fails(2), /Expected --weights densenet121 .* or --weights FILE: the network$/);
    assert.match(await fails(2, ...weights, '--json', '--bars'), /Expected one of --json and --bars/);
    assert.match(await fails(2, ...weights, '--workers', '2000'), /Expected an integer from 0 to 1024 for --workers/);
    assert.match(await failWith(2, ['predict', ...weights], options), /missing required argument 'image'/);
    assert.match(await fails(1, '--weights', 'val/ant/0.png'), /val\/ant\/0\.png: a PNG picture, not weights$/);
    assert.match(
      await fails(2, ...weights, '--model', 'vgg9'),
      /Expected alexnet, densenet121, .* for --model but received/,
    );
  });

  it('takes the entry of a checkpoint that --entry names', async () => {
    const checkpoint = ['--weights', 'two-networks.pth'];
    const image = ['val/ant/0.png', '--json'];
    const whole = await succeed(['predict', ...image, ...weights], options);
    assert.deepEqual(await succeed(['predict', ...image, ...checkpoint, '--entry', 'teacher'], options), whole);
    assert.match(
      await failWith(1, ['predict', ...image, ...checkpoint], options),
      /two-networks\.pth: it holds several state dicts \(student, teacher\): name one as entry$/,
    );
    assert.match(
      await failWith(1, ['predict', ...image, ...checkpoint, '--entry', 'ema'], options),
      /two-networks\.pth: expected a state dict under ema, but it holds student, teacher$/,
    );
    const evaluated = ['eval', '--data', 'val', '--json', '--entry', 'student'];
    const { stdout } = await succeed([...evaluated, ...checkpoint], options);
    assert.equal((JSON.parse(stdout) as { pictures: number }).pictures, 6);
    assert.match(await failWith(2, [...evaluated, '--save', 'val'], options), /Expected no --entry with --save/);
    assert.match(
      await failWith(2, [...evaluated, '--weights', 'densenet121'], options),
      /Expected no --entry with the published weights densenet121/,
    );
  });

  it('stops when nobody reads its output any more', async () => {
    const images = Array.from({ length: 600 }, () => 'val/ant').join(' ');
    const prediction = `"${process.execPath}" "${program}" predict ${images} --weights three.pth --batch-size 1`;
    const outcome = await start('bash', ['-c', `${prediction} | head -n 1; exit "\${PIPESTATUS[0]}"`], options);
    assert.deepEqual([outcome.stdout, outcome.stderr], ['val/ant/0.png\n', '']);
    assert.equal(outcome.code, 141, 'as a program that SIGPIPE has ended');
    const full = await start('bash', ['-c', `${prediction} > /dev/full`], options);
    assert.match(full.stderr, /^torchbridge: cannot write the output: [^\n]*ENOSPC[^\n]*\n$/);
    assert.equal(full.code, 1);
  });

  it('evaluates a folder of classes', async () => {
    const { stdout, stderr } = await succeed(['eval', '--data', 'val', ...weights, '--batch-size', '4'], options);
    assert.equal(stderr, '');
    assert.match(
      stdout,
      /^Test\tIter: \[1\/2\][^\n]*\nTest\tIter: \[2\/2\][^\n]*\nTop-1 error: \d+\.\d\d % {2}loss: \d\.\d{4} {2}\(6 pictures, single crop, 0:\d\d\)\n$/,
    );
    const json = await succeed(['eval', '--data', 'val', ...weights, '--ten-crop', '--json'], options);
    const result = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual(
      [result['crops'], result['pictures'], result['classes'], result['dataset']],
      [10, 6, 3, 'imagefolder'],
    );
  });

  it('says which picture is broken, and leaves it out when asked to', async () => {
    fs.cpSync(at('val'), at('damaged'), { recursive: true });
    fs.writeFileSync(at('damaged', 'bee', '2.jpg'), 'no picture');
    const args = ['eval', '--data', 'damaged', ...weights];
    assert.match(await failWith(1, args, options), /damaged\/bee\/2\.jpg: not a picture but text/);
    const { stdout, stderr } = await succeed([...args, '--skip-broken'], options);
    assert.match(stderr, /^damaged\/bee\/2\.jpg: not a picture but text; .* are read; left out\n$/);
    assert.match(stdout, /\(6 pictures, single crop, 1 left out, 0:\d\d\)\n$/);
  });

  it('says what is wrong with a folder', async () => {
    const fails = (code: 1 | 2, ...args: string[]): Promise<string> =>
      failWith(code, ['eval', ...weights, ...args], options);
    fs.mkdirSync(at('holes', 'a'), { recursive: true });
    fs.cpSync(at('val', 'ant'), at('holes', 'b'), { recursive: true });
    assert.match(
      await fails(1, '--data', 'holes'),
      /Found no valid file for the classes a\. Supported extensions are: \.jpg, /,
    );
    assert.match(await fails(1, '--data', 'nowhere', '--ten-crop'), /cannot read nowhere: no such file or folder$/);
    assert.match(
      await fails(1, '--data', 'nowhere'),
      /cannot read nowhere: no such folder; expected a folder that holds/,
    );
    assert.match(
      await fails(2, '--ten-crop'),
      /Expected --data DIR: a folder with one folder of pictures for each class$/,
    );
    assert.match(await fails(2, '--ten-crop', '--dataset', 'cifar10'), /Expected no --ten-crop with --dataset cifar10/);
    assert.match(await fails(2, '--data', 'val', '--download'), /Expected no --download/);
  });
});
