/** Networks for pictures: what is wrong with weights and class names, and how folders become classes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { IoError, save } from '../../../lib/io/index.js';
import { publishedNetworkOf } from '../../../lib/models/identify-weights.js';
import { getModel, resnet18 } from '../../../lib/models/index.js';
import { memory, scope, tensor } from '../../../lib/tensor/index.js';
import { readClassNames } from '../../../lib/train/class-names.js';
import { evaluateFolder, predict, UsageError, type Prediction } from '../../../lib/train/index.js';
import { holdsPictures } from '../../../lib/train/evaluate-folder.js';
import { writePictures, writeWeights } from '../../cli/pictures.js';
import type { Reporter } from '../../../lib/train/index.js';
import { freeModule } from '../../parity/models/networks.js';
import { settle } from '../../settle.js';

describe('networks for pictures', function () {
  this.timeout(300_000);
  let folder = '';
  let tensors = 0;
  const at = (...parts: string[]): string => path.join(folder, ...parts);
  const write = (name: string, text: string): string => {
    fs.writeFileSync(at(name), text);
    return at(name);
  };

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-network-'));
    for (const name of ['ant', 'bee', 'cat']) await writePictures(at('val', name), 2);
    writeWeights(at('three.pth'), 3);
    await settle();
  });
  beforeEach(() => {
    tensors = memory().tensors;
  });
  afterEach(() => assert.equal(memory().tensors, tensors, 'every tensor is freed'));
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  async function predicted(options: Partial<Parameters<typeof predict>[0]>): Promise<Prediction[]> {
    const found: Prediction[] = [];
    const images = [at('val')];
    for await (const each of predict({ images, weights: at('three.pth'), workers: 0, ...options })) found.push(each);
    return found;
  }

  it('says in one line what is wrong with weights', async () => {
    const fails = async (options: Parameters<typeof predicted>[0], message: RegExp, type?: unknown): Promise<void> => {
      await assert.rejects(predicted(options), (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!error.message.includes('\n'), error.message);
        assert.ok(type === undefined || error instanceof (type as typeof Error), error.name);
        return true;
      });
    };
    const three = { weights: at('three.pth') };
    await fails({ weights: at('none.pth') }, /cannot read .*none\.pth: no such file or folder$/, IoError);
    await fails(
      { weights: 'resnet99' },
      /resnet99: no such file or folder; weights are published for alexnet, densenet121, .*vgg19_bn$/,
    );
    await fails({ weights: write('text.pth', 'words') }, /text\.pth/, IoError);
    await fails({ weights: at('val', 'ant', '1.jpg') }, /1\.jpg: a JPEG picture, not weights$/, IoError);
    await fails({ weights: at('val') }, /it is a folder/, IoError);
    await fails(
      { ...three, model: 'densenet121' },
      /three\.pth holds the weights of a DenseNet.*; the model is densenet121, 3 classes; without --model the network is read from the file$/,
    );
    await fails(
      { ...three, model: 'lenet-9' },
      /Expected alexnet, densenet121, .* for --model but received "lenet-9"$/,
      UsageError,
    );
    await fails({ weights: 'densenet121', model: 'densenet169' }, /are not those of --model densenet169/, UsageError);
    await fails({ weights: 'DenseNet121_Weights.V9' }, /^--weights: Expected one of alexnet, densenet121/, UsageError);
    await fails({ ...three, device: 'mps' }, /the device mps cannot be used/);
    const other = tensor([1, 2]);
    save(new Map([['layer1.0.conv1.weight', other]]), at('resnet.pth'));
    save(new Map([['something', other]]), at('other.pth'));
    other.dispose();
    await fails({ weights: at('resnet.pth') }, /no weights of a DenseNet but of a ResNet: its names begin with layer1/);
    await fails(
      { weights: at('other.pth') },
      /no weights of a DenseNet: its names begin with something; predict and eval take --model for other networks$/,
    );
  });

  it('reads from a file which of the published networks it is for', async () => {
    const notices: string[] = [];
    const reporter = { notice: (line: string) => void notices.push(line) } as unknown as Reporter;
    const network = resnet18({ numClasses: 3 });
    scope(() => save(network.stateDict(), at('resnet18.pth')));
    freeModule(network);
    const [first] = await predicted({ images: [at('val', 'ant')], weights: at('resnet18.pth'), reporter });
    assert.equal(first?.top?.length, 3);
    assert.deepEqual(notices, [`${at('resnet18.pth')}: read as weights of resnet18`]);
  });

  it('tells the published networks apart by their names', () => {
    for (const name of ['alexnet', 'googlenet', 'resnet18', 'resnet34', 'resnet50', 'resnet101', 'vgg11', 'vgg13_bn']) {
      const network = getModel(name, { numClasses: 2 });
      scope(() => assert.equal(publishedNetworkOf(network.stateDict()), name));
      freeModule(network);
    }
    scope(() => {
      const lenet = getModel('lenet');
      assert.equal(publishedNetworkOf(lenet.stateDict()), undefined);
      freeModule(lenet);
    });
  });

  it('says offline where to put published weights, and whose they are not', async () => {
    const kept = { ...process.env };
    process.env['TORCH_HOME'] = at('torch');
    process.env['TORCHBRIDGE_WEIGHTS_MIRROR'] = 'http://127.0.0.1:1/';
    try {
      await assert.rejects(predicted({ weights: 'densenet121' }), (error: Error) => {
        assert.ok(error instanceof IoError);
        assert.match(
          error.message,
          /its server cannot be reached; put densenet121-a639ec97\.pth from https:.* into .*torch\/hub\/checkpoints/,
        );
        return true;
      });
      // What lies there under the name is compared with it.
      fs.copyFileSync(at('three.pth'), at('torch', 'hub', 'checkpoints', 'densenet121-a639ec97.pth'));
      await assert.rejects(
        predicted({ weights: 'densenet121' }),
        /is not the published densenet121-a639ec97\.pth: its SHA-256/,
      );
    } finally {
      for (const name of ['TORCH_HOME', 'TORCHBRIDGE_WEIGHTS_MIRROR']) {
        if (kept[name] === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = kept[name];
      }
    }
  });

  it('names classes from a file', async () => {
    const names = ['ant', 'bee', 'sea cat'];
    for (const [file, text] of [
      ['lines.txt', 'ant\r\nbee\r\nsea cat\r\n\r\n'],
      ['bom.txt', '\uFEFFant\nbee\nsea cat'],
      ['list.json', ' ["ant", "bee", "sea cat"]'],
      ['index.json', '{"0": ["n1", "ant"], "2": "sea cat", "1": ["bee"]}'],
    ] as const) {
      assert.deepEqual(readClassNames(write(file, text)), names, file);
    }
    const [first] = await predicted({ classes: at('lines.txt'), top: 9 });
    assert.deepEqual(first?.top?.map(({ name }) => name).sort(), names);
    const refused: [string, RegExp][] = [
      ['', /it names no classes$/],
      ['[]', /it names no classes$/],
      ['a\n\nb', /class 1 has no name$/],
      ['["a", 5]', /expected a JSON list of class names, but entry 1 is 5$/],
      ['["a"', /but it is not JSON: /],
      ['{"0": "a", "2": "b"}', /but of its 2 entries none is 1$/],
      ['{"__proto__": "a"}', /but of its 1 entries none is 0$/],
    ];
    for (const [text, message] of refused) {
      assert.throws(() => readClassNames(write('bad', text)), message, text);
    }
    assert.throws(() => readClassNames(at('none.txt')), /none\.txt: no such file or folder$/);
    assert.throws(() => readClassNames(at('val')), IoError);
    assert.throws(() => readClassNames(at('val', 'ant', '0.png')), /0\.png: not a text of class names$/);
    await assert.rejects(
      predicted({ classes: write('two.txt', 'a\nb') }),
      /two\.txt names 2 classes, .*three\.pth has 3$/,
    );
  });

  it('takes the folders for the classes of their names, or for those at their place', async () => {
    const measure = async (data: string, classes?: string): Promise<number> => {
      const { loss } = await evaluateFolder({ data, weights: at('three.pth'), classes, workers: 0 });
      return loss;
    };
    const plain = await measure(at('val'));
    assert.equal(await measure(at('val'), write('same.txt', 'ant\nbee\ncat')), plain);
    assert.equal(await measure(at('val'), write('others.txt', 'one\ntwo\nthree')), plain);
    assert.notEqual(await measure(at('val'), write('turned.txt', 'cat\nant\nbee')), plain);
    fs.cpSync(at('val', 'ant'), at('part', 'ant'), { recursive: true });
    await assert.rejects(measure(at('part')), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /part has 1 class folders, .*three\.pth has 3 classes: expected a folder for each/);
      return true;
    });
    await assert.rejects(measure(at('part'), at('others.txt')), /others\.txt does not name ant: expected/);
    assert.ok((await measure(at('part'), at('turned.txt'))) > 0);
    for (const name of fs.readdirSync(at('part', 'ant'))) fs.writeFileSync(at('part', 'ant', name), '');
    const options = { data: at('part'), weights: at('three.pth'), classes: at('same.txt'), workers: 0 };
    await assert.rejects(evaluateFolder({ ...options, skipBroken: true }), /part: none of its 2 pictures can be read$/);
    await assert.rejects(evaluateFolder({ ...options, data: at('val', 'bee') }), {
      message: /^Couldn't find any class folder in .*bee: expected one folder of pictures for each class$/,
    });
    const aborted = { ...options, data: at('val'), signal: AbortSignal.abort() };
    await assert.rejects(evaluateFolder(aborted), { name: 'AbortError' });
  });

  it('tells a folder of pictures from one of CIFAR', () => {
    assert.equal(holdsPictures(at('val')), true);
    assert.equal(holdsPictures(at('val', 'ant')), true);
    assert.equal(holdsPictures(at('nowhere')), false);
    assert.equal(holdsPictures(at('three.pth')), false);
    fs.cpSync(at('val'), at('mixed'), { recursive: true });
    fs.mkdirSync(at('mixed', 'cifar-10-batches-py'));
    assert.equal(holdsPictures(at('mixed')), false);
  });
});
