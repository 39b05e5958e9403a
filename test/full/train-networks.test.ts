/** Every network of `--model` trained by the command: three steps of each, and small ones until the loss has fallen. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { NETWORK_FACTS, NETWORK_NAMES, type NetworkName } from '../../lib/train/network-names.js';
import { writeClassFolders } from '../cli/class-folders.js';
import { succeed, suiteFolder } from '../cli/command.js';
import { writeShadeFolders } from '../cli/shade-pictures.js';
import { notesVgg } from '../../lib/models/index.js';
import { functional, init } from '../../lib/nn/index.js';
import { Adam } from '../../lib/optim/index.js';
import { manualSeed, scope, ops } from '../../lib/tensor/index.js';
import { freeModule } from '../parity/models/networks.js';

/** Without momentum: the files of a VGG are large enough. */
const plain = ['--optimizer', 'sgd', '--momentum', '0', '--no-nesterov', '--weight-decay', '0'];
const common = [
  '--data',
  'data',
  '--batch-size',
  '4',
  '--seed',
  '1',
  '--threads',
  '1',
  '--no-augment',
  '--workers',
  '1',
];

/** How long a network trains, and how. */
interface Learning {
  /** Pictures of each of the three shades; batches of 12. */
  readonly pictures: number;
  readonly epochs: number;
  readonly options: readonly string[];
}

const sgd = (lr: number): Learning => ({ pictures: 40, epochs: 3, options: ['--lr', String(lr)] });
/** Without momentum. */
const plainSgd = (lr: number): Learning => ({ pictures: 40, epochs: 3, options: [...plain, '--lr', String(lr)] });
const adam = (lr: number, steps: number, ...more: string[]): Learning => ({
  pictures: 4 * steps,
  epochs: 1,
  options: ['--optimizer', 'adam', '--lr', String(lr), ...more],
});

/**
 * One of each family at least. Those without batch normalisation stay at ln 3 for a while from PyTorch's first weights, whatever the
 * pictures are, unless Adam or RMSprop makes the little that differs large.
 */
const FALLING: Readonly<Partial<Record<NetworkName, Learning>>> = {
  'cifar-densenet': sgd(0.1),
  densenet121: plainSgd(0.02),
  'notes-densenet': sgd(0.02),
  'fashion-densenet121': plainSgd(0.02),
  resnet18: sgd(0.01),
  'notes-resnet18': sgd(0.01),
  googlenet: sgd(0.01),
  lenet: sgd(0.05),
  'classic-lenet': { pictures: 40, epochs: 8, options: ['--optimizer', 'adam', '--lr', '0.01'] },
  vovnet27_slim: { pictures: 40, epochs: 3, options: ['--optimizer', 'adam', '--lr', '0.001'] },
  alexnet: adam(0.0003, 40),
  'notes-alexnet': adam(0.0003, 40),
  // With some seeds its last ReLU gives nothing but zeros.
  nin: adam(0.0005, 60, '--seed', '3'),
  'notes-googlenet': adam(0.0005, 40, '--warmup-steps', '10'),
  vgg11: plainSgd(0.01),
  vgg11_bn: plainSgd(0.01),
};

/** The last third of the losses against the first, and against ln 3: a network that does not look at the pictures has no less. */
function hasFallen(losses: readonly number[]): void {
  const part = Math.floor(losses.length / 3);
  const mean = (some: readonly number[]): number => some.reduce((sum, loss) => sum + loss, 0) / some.length;
  const [first, last] = [mean(losses.slice(0, part)), mean(losses.slice(-part))];
  const text = `${first} in the first third of ${losses.length} steps, ${last} in the last`;
  assert.ok(last < 0.8 * first && last < 0.75 * Math.log(3), text);
}

describe('the command trains', function () {
  this.timeout(1_200_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);

  before(async () => {
    await writeClassFolders(at('few', 'train'), { pictures: 4 });
    await writeClassFolders(at('few', 'val'), { pictures: 1, seed: 1 });
  });
  afterEach(() => {
    for (const name of ['run', 'shades']) fs.rmSync(at(name), { recursive: true, force: true });
  });

  /** The loss of every iteration. */
  async function losses(model: NetworkName, data: string, options: readonly string[]): Promise<number[]> {
    const { sizes, fixed } = NETWORK_FACTS[model];
    const size = sizes !== null && !fixed ? ['--resize', '64'] : [];
    const args = ['train', ...common, '--data', data, '--model', model, ...size, ...options, '--save', 'run'];
    await succeed(args, { cwd: folder.path });
    const rows = fs.readFileSync(at('run', 'losses.csv'), 'utf8').trimEnd().split('\n').slice(1);
    return rows.map((row) => Number(row.split(',')[2]));
  }

  for (const model of NETWORK_NAMES) {
    it(`${model}, three steps`, async () => {
      const found = await losses(model, 'few', [...plain, '--lr', '0.001', '--n-epochs', '1']);
      assert.equal(found.length, 3);
      assert.ok(
        found.every((loss) => Number.isFinite(loss) && loss > 0),
        found.join(),
      );
    });
  }

  for (const [model, { pictures, epochs, options }] of Object.entries(FALLING)) {
    it(`${model} until its loss has fallen`, async () => {
      await writeShadeFolders(at('shades', 'train'), pictures, 1);
      await writeShadeFolders(at('shades', 'val'), 4, 2);
      const learning = ['--batch-size', '12', '--n-epochs', String(epochs), ...options];
      const found = await losses(model as NetworkName, 'shades', learning);
      hasFallen(found);
    });
  }

  it('the conv_arch form of the VGG of the notes with few channels, by a loop of its own', () => {
    manualSeed(1);
    const found = scope(() => {
      const convArch = [[1, 4], [1, 8], [2, 16], [2, 16], [2, 16]] as const; // prettier-ignore
      const net = notesVgg({ convArch, hidden: 64, numClasses: 3, softmax: false });
      for (const each of net.parameters()) if (each.dim() > 1) init.kaimingUniform_(each, { nonlinearity: 'relu' });
      const optimizer = new Adam(net.parameters(), { lr: 0.001 });
      const step = (): number =>
        scope(() => {
          const shades = ops.randint(0, 3, [12]);
          const pictures = ops
            .rand([12, 1, 224, 224])
            .mul(0.1)
            .add(shades.view([12, 1, 1, 1]))
            .sub(1);
          optimizer.zeroGrad();
          const loss = functional.crossEntropy(net.call(pictures), shades);
          loss.backward();
          optimizer.step();
          return loss.item();
        });
      const all = Array.from({ length: 45 }, step);
      freeModule(net);
      return all;
    });
    hasFallen(found);
  });
});
