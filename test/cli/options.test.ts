import assert from 'node:assert/strict';
import fs from 'node:fs';
import { cuda } from '../../lib/tensor/index.js';
import { failWith, succeed, suiteFolder, torchbridge } from './command.js';

describe('torchbridge: the command line', function () {
  this.timeout(300_000);
  const folder = suiteFolder();

  const wrong: [string[], RegExp][] = [
    [['--batch-size', 'abc'], /Expected a positive integer for --batch-size but received "abc"$/],
    [['--batch-size', '0'], /Expected a positive integer for --batch-size but received "0"$/],
    [['--batch-size', '1e3'], /--batch-size but received "1e3"$/],
    [['--batch-size', ''], /--batch-size but received ""$/],
    [['--batch-size'], /option '--batch-size <n>' argument missing$/],
    [['--data', ''], /Expected a folder for --data/],
    [['--save', ''], /Expected a folder for --save/],
    [['--dataset', 'mnst'], /Expected cifar10, .*, digits or shapes for --dataset but received "mnst"$/],
    [['--dataset', 'mnist'], /Expected --data DIR with --dataset mnist: the folder of MNIST\/raw\//],
    [['--dataset', 'cifar10'], /Expected --data DIR with --dataset cifar10/],
    [['--dataset', 'shapes', '--data', 'x'], /Expected no --data with --dataset shapes/],
    [['--depth', '4.5'], /Expected an integer from 1 to 4000 for --depth but received "4.5"$/],
    [['--depth', '41'], /depth 41 does not fit .*nearest: 40 and 46$/],
    [['--depth', '41', '--no-bottleneck'], /nearest: 40 and 43$/],
    [['--growth-rate', '-3'], /for --growth-rate but received "-3"$/],
    [['--valid-size', '-1'], /Expected an integer from 0 for --valid-size but received "-1"$/],
    [['--valid-size', '5000'], /Expected a number below 5000 .* for --valid-size but received 5000$/],
    [['--n-epochs', 'ten'], /Expected a positive integer for --n-epochs but received "ten"$/],
    [['--seed', '-1'], /Expected an integer from 0 for --seed but received "-1"$/],
    [['--seed', '99999999999999999999'], /for --seed/],
    [['--lr', 'fast'], /Expected a number from 0 for --lr but received "fast"$/],
    [['--lr', '-0.1'], /Expected a number from 0 for --lr but received "-0.1"$/],
    [['--lr', 'Infinity'], /for --lr but received "Infinity"$/],
    [['--momentum', '-1'], /for --momentum but received "-1"$/],
    [['--momentum', '0'], /Nesterov momentum requires a momentum and zero dampening/],
    [['--dampening', 'x'], /for --dampening but received "x"$/],
    [['--dampening', '0.3'], /Nesterov momentum requires a momentum and zero dampening/],
    [['--weight-decay', '0x1'], /for --weight-decay but received "0x1"$/],
    [['--milestones', '5,3'], /Expected epochs like 150,225, or none, for --milestones but received "5,3"$/],
    [['--milestones', '0.5'], /for --milestones but received "0.5"$/],
    [['--drop-rate', '1'], /Expected a number from 0 and below 1 for --drop-rate but received "1"$/],
    [['--compression', '0'], /Expected a number above 0 and up to 1 for --compression but received "0"$/],
    [
      ['--growth-rate', '1', '--compression', '0.01'],
      /^torchbridge: --compression: .*leaves a transition at least one of its 8 channels, but got 0.01$/,
    ],
    [['--num-init-features', '0'], /for --num-init-features but received "0"$/],
    [['--device', 'tpu'], /Expected a device such as cpu, cuda or cuda:0 for --device but received "tpu"$/],
    [['--efficient', 'often'], /Expected .*none.* for --efficient but received "often"$/],
    [['--threads', '0'], /Expected an integer from 1 to 1024 for --threads but received "0"$/],
    [['--nesterov=1'], /--nesterov/],
    [['--no-verify=1'], /--no-verify/],
    [['--no-bottleneck=1'], /--no-bottleneck/],
    [['--resume=1'], /--resume/],
    [['--bach-size', '3'], /unknown option '--bach-size' \(Did you mean --batch-size\?\)$/],
    [['extra'], /too many arguments/],
  ];

  for (const [args, message] of wrong) {
    it(`train ${args.join(' ') || '(nothing)'} is refused`, async () => {
      const line = await failWith(2, ['train', ...args], { cwd: folder.path });
      assert.match(line, message);
      assert.deepEqual(fs.readdirSync(folder.path), [], 'nothing is written');
    });
  }

  const wrongEval: [string[], RegExp][] = [
    [[], /Expected --save DIR or --weights FILE/],
    [['--save', 'a', '--weights', 'b'], /Expected one of --save and --weights/],
    [['--save', 'a', '--batch-size', 'x'], /for --batch-size but received "x"$/],
    [['--save', 'a', '--dataset', 'shapes', '--data', 'b'], /Expected no --data/],
    [['--depth', '40'], /unknown option '--depth'/],
    [['--save', 'a', '--threads', '0'], /Expected an integer from 1 to 1024 for --threads but received "0"$/],
    [['--save', 'a', '--device', 'tpu'], /Expected a device such as cpu, .* for --device but received "tpu"$/],
    [
      ['--save', 'a', '--dataset', 'mnst'],
      /Expected cifar10, .*, imagenet, digits or shapes for --dataset but received "mnst"$/,
    ],
    [['--save', 'a', '--dataset', 'cifar10', '--workers', '2'], /Expected no --workers with --dataset cifar10/],
    [['--weights', ''], /Expected a file for --weights but received ""$/],
    [['--save', ''], /Expected a folder for --save but received ""$/],
    [['--save', 'a', '--data', ''], /Expected a folder for --data but received ""$/],
    [['--save', 'a', '--json=1'], /--json/],
    [['--save', 'a', '--no-verify=1'], /--no-verify/],
  ];
  for (const [args, message] of wrongEval) {
    it(`eval ${args.join(' ') || '(nothing)'} is refused`, async () => {
      assert.match(await failWith(2, ['eval', ...args], { cwd: folder.path }), message);
    });
  }

  it('says in one line why there is no GPU to train on, and leaves nothing', async function () {
    if (cuda.isAvailable()) {
      console.log('      not here: there is a GPU');
      this.skip();
    }
    const line = await failWith(1, ['train', '--device', 'cuda', '--save', 'gpu'], { cwd: folder.path });
    assert.equal(line, `torchbridge: the device cuda cannot be used: ${cuda.whyNotAvailable()!}`);
    assert.ok(!fs.existsSync(`${folder.path}/gpu`));
  });

  it('names a command that is like the one given', async () => {
    assert.match(
      await failWith(2, ['trian'], { cwd: folder.path }),
      /unknown command 'trian' \(Did you mean train\?\)$/,
    );
  });

  it('prints help with and without a command', async () => {
    const asked = await succeed(['--help'], { cwd: folder.path });
    assert.match(asked.stdout, /train.*train a DenseNet[^]*eval[^]*doctor/);
    const bare = await torchbridge([], { cwd: folder.path });
    assert.equal(bare.code, 2);
    assert.equal(bare.stderr, asked.stdout);
    const train = await succeed(['train', '--help'], { cwd: folder.path });
    for (const flag of [
      'data',
      'save',
      'depth',
      'growth-rate',
      'valid-size',
      'n-epochs',
      'batch-size',
      'seed',
      'resume',
    ]) {
      assert.match(train.stdout, new RegExp(`--${flag}\\b`));
    }
  });

  it('prints its version', async () => {
    const { stdout } = await succeed(['--version'], { cwd: folder.path });
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('shows a stack only when asked to', async () => {
    const outcome = await torchbridge(['train', '--lr', 'x'], { cwd: folder.path, env: { TORCHBRIDGE_DEBUG: '1' } });
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /^torchbridge: Expected a number from 0 for --lr.*\n\w*Error: [^]*\n +at /);
  });
});
