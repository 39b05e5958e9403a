/** What the notes print, line by line. */
import assert from 'node:assert/strict';
import { densenet121, getModel, type Networks } from '../../../lib/models/index.js';
import {
  Conv2d,
  Dropout1d,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
  showNet,
  Softmax,
  type Module,
} from '../../../lib/nn/index.js';
import { getRngState, manualSeed, memory, scope } from '../../../lib/tensor/index.js';
import { freeModule } from '../../parity/models/networks.js';

/** The first one of the notes, which is no network of theirs. */
function first(): Sequential {
  return new Sequential(
    new Sequential(
      new Conv2d(1, 96, { kernelSize: 11, stride: 4 }),
      new ReLU(),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
      new Conv2d(96, 256, { kernelSize: 5, padding: 2 }),
      new ReLU(),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
      new Conv2d(256, 384, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      new Conv2d(384, 384, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      new Conv2d(384, 256, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
    ),
    new Sequential(
      new Flatten(),
      new Linear(256 * 5 * 5, 4096),
      new ReLU(),
      new Dropout1d({ p: 0.5 }),
      new Linear(4096, 4096),
      new ReLU(),
      new Dropout1d({ p: 0.5 }),
      new Linear(4096, 10),
      new Softmax({ dim: 1 }),
    ),
  );
}

const HEAD =
  'Flatten 1x6400, Linear 1x4096, ReLU 1x4096, Dropout1d 1x4096, Linear 1x4096, ReLU 1x4096, Dropout1d 1x4096, Linear 1x10, Softmax 1x10';
const LAST = `Conv2d 1x384x12x12, ReLU 1x384x12x12, Conv2d 1x384x12x12, ReLU 1x384x12x12, Conv2d 1x256x12x12, ReLU 1x256x12x12, MaxPool2d 1x256x5x5, ${HEAD}`;

/** The listings of the notes: class and shape of each line. */
const LISTINGS: Partial<Record<keyof Networks | 'first', string>> = {
  first: `Conv2d 1x96x54x54, ReLU 1x96x54x54, MaxPool2d 1x96x26x26, Conv2d 1x256x26x26, ReLU 1x256x26x26, MaxPool2d 1x256x12x12, ${LAST}`,
  lenet:
    'Conv2d 1x6x28x28, MaxPool2d 1x6x14x14, Conv2d 1x16x10x10, MaxPool2d 1x16x5x5, Flatten 1x400, Linear 1x120, ReLU 1x120, ' +
    'Linear 1x84, ReLU 1x84, Linear 1x10, Softmax 1x10',
  'notes-alexnet':
    'Conv2d 1x96x54x54, ReLU 1x96x54x54, BatchNorm2d 1x96x54x54, MaxPool2d 1x96x26x26, Conv2d 1x256x26x26, ReLU 1x256x26x26, ' +
    `BatchNorm2d 1x256x26x26, MaxPool2d 1x256x12x12, ${LAST}`,
  nin:
    'Conv2d 1x96x54x54, ReLU 1x96x54x54, Conv2d 1x96x54x54, ReLU 1x96x54x54, Conv2d 1x96x54x54, ReLU 1x96x54x54, MaxPool2d 1x96x26x26, ' +
    'Conv2d 1x256x26x26, ReLU 1x256x26x26, Conv2d 1x256x26x26, ReLU 1x256x26x26, Conv2d 1x256x26x26, ReLU 1x256x26x26, MaxPool2d 1x256x12x12, ' +
    'Conv2d 1x384x12x12, ReLU 1x384x12x12, Conv2d 1x384x12x12, ReLU 1x384x12x12, Conv2d 1x384x12x12, ReLU 1x384x12x12, MaxPool2d 1x384x5x5, ' +
    'Dropout 1x384x5x5, Conv2d 1x10x5x5, ReLU 1x10x5x5, Conv2d 1x10x5x5, ReLU 1x10x5x5, Conv2d 1x10x5x5, ReLU 1x10x5x5, ' +
    'AdaptiveAvgPool2d 1x10x1x1, Flatten 1x10, Softmax 1x10',
  'notes-googlenet':
    'Conv2d 1x64x112x112, ReLU 1x64x112x112, MaxPool2d 1x64x56x56, Conv2d 1x64x56x56, ReLU 1x64x56x56, Conv2d 1x192x56x56, ' +
    'ReLU 1x192x56x56, MaxPool2d 1x192x28x28, Inception 1x256x28x28, Inception 1x480x28x28, MaxPool2d 1x480x14x14, Inception 1x512x14x14, ' +
    'Inception 1x512x14x14, Inception 1x512x14x14, Inception 1x528x14x14, Inception 1x832x14x14, MaxPool2d 1x832x7x7, Inception 1x832x7x7, ' +
    'Inception 1x1024x7x7, AdaptiveAvgPool2d 1x1024x1x1, Flatten 1x1024, Linear 1x10, Softmax 1x10',
  'notes-densenet':
    'Conv2d 1x64x112x112, BatchNorm2d 1x64x112x112, ReLU 1x64x112x112, MaxPool2d 1x64x56x56, DenseBlock 1x192x56x56, BatchNorm2d 1x192x56x56, ' +
    'ReLU 1x192x56x56, Conv2d 1x96x56x56, AvgPool2d 1x96x28x28, DenseBlock 1x224x28x28, BatchNorm2d 1x224x28x28, ReLU 1x224x28x28, ' +
    'Conv2d 1x112x28x28, AvgPool2d 1x112x14x14, DenseBlock 1x240x14x14, BatchNorm2d 1x240x14x14, ReLU 1x240x14x14, Conv2d 1x120x14x14, ' +
    'AvgPool2d 1x120x7x7, DenseBlock 1x248x7x7, BatchNorm2d 1x248x7x7, ReLU 1x248x7x7, AdaptiveAvgPool2d 1x248x1x1, Flatten 1x248, Linear 1x10, Softmax 1x10',
  // The notes show NiN's listing here a second time, of 31 lines. This is what their program prints for their VGG-11.
  'notes-vgg11':
    'Conv2d 1x64x224x224, ReLU 1x64x224x224, MaxPool2d 1x64x112x112, Conv2d 1x128x112x112, ReLU 1x128x112x112, MaxPool2d 1x128x56x56, ' +
    'Conv2d 1x256x56x56, ReLU 1x256x56x56, Conv2d 1x256x56x56, ReLU 1x256x56x56, MaxPool2d 1x256x28x28, Conv2d 1x512x28x28, ReLU 1x512x28x28, ' +
    'Conv2d 1x512x28x28, ReLU 1x512x28x28, MaxPool2d 1x512x14x14, Conv2d 1x512x14x14, ReLU 1x512x14x14, Conv2d 1x512x14x14, ReLU 1x512x14x14, ' +
    'MaxPool2d 1x512x7x7, Flatten 1x25088, Linear 1x4096, ReLU 1x4096, Dropout 1x4096, Linear 1x4096, ReLU 1x4096, Dropout 1x4096, Linear 1x10, Softmax 1x10',
};

/** The notes' wording: the class to the right of 20 characters. */
function linesOf(listing: string): string[] {
  return listing.split(', ').map((entry) => {
    const [name = '', shape = ''] = entry.split(' ');
    return `${name.padStart(20)} output shape : torch.Size([${shape.split('x').join(', ')}])`;
  });
}

/** DenseNet-121 as the notes print it, with an older PyTorch than ours: batch normalisation does not tell of its bias. */
function printOfNotes(): string {
  const norm = (channels: number): string =>
    `BatchNorm2d(${channels}, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)`;
  const conv = (from: number, to: number, kernel: number, padding = ''): string =>
    `Conv2d(${from}, ${to}, kernel_size=(${kernel}, ${kernel}), stride=(${kernel === 7 ? '2, 2' : '1, 1'})${padding}, bias=False)`;
  const relu = 'ReLU(inplace=True)';
  const lines = [
    'DenseNet(',
    '  (features): Sequential(',
    `    (conv0): ${conv(3, 64, 7, ', padding=(3, 3)')}`,
    `    (norm0): ${norm(64)}`,
    `    (relu0): ${relu}`,
    '    (pool0): MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)',
  ];
  let channels = 64;
  [6, 12, 24, 16].forEach((layers, index) => {
    lines.push(`    (denseblock${index + 1}): _DenseBlock(`);
    for (let layer = 1; layer <= layers; layer++, channels += 32) {
      lines.push(
        `      (denselayer${layer}): _DenseLayer(`,
        `        (norm1): ${norm(channels)}`,
        `        (relu1): ${relu}`,
        `        (conv1): ${conv(channels, 128, 1)}`,
        `        (norm2): ${norm(128)}`,
        `        (relu2): ${relu}`,
        `        (conv2): ${conv(128, 32, 3, ', padding=(1, 1)')}`,
        '      )',
      );
    }
    lines.push('    )');
    if (index === 3) return;
    lines.push(
      `    (transition${index + 1}): _Transition(`,
      `      (norm): ${norm(channels)}`,
      `      (relu): ${relu}`,
      `      (conv): ${conv(channels, channels / 2, 1)}`,
      '      (pool): AvgPool2d(kernel_size=2, stride=2, padding=0)',
      '    )',
    );
    channels /= 2;
  });
  return [
    ...lines,
    `    (norm5): ${norm(channels)}`,
    '  )',
    '  (classifier): Linear(in_features=1024, out_features=1000, bias=True)',
    ')',
  ].join('\n');
}

describe('what the notes print', function () {
  this.timeout(300_000);

  for (const [name, listing] of Object.entries(LISTINGS)) {
    it(`showNet of ${name}`, () => {
      scope(() => {
        const net: Module = name === 'first' ? first() : getModel(name);
        const side = name === 'lenet' ? 32 : 224;
        const state = getRngState();
        const held = memory().tensors;
        const shown = showNet(net, [1, 1, side, side]).split('\n');
        assert.equal(memory().tensors, held, 'nothing is left');
        const lines = linesOf(listing);
        assert.deepEqual(shown.slice(0, lines.length), lines);
        const output = shown.slice(lines.length).join(' ').replace(/\s+/g, ' ');
        assert.match(output, /^tensor\(\[\[(0\.\d{4}, ){9}0\.\d{4}\]\], grad_fn=<SoftmaxBackward0>\)$/);
        assert.deepEqual(getRngState().toArray(), state.toArray(), 'the generator is where it was');

        assert.ok(net.modules().every(({ training }) => training));
        freeModule(net);
      });
    });
  }

  it('running statistics are what they were', () => {
    scope(() => {
      manualSeed(1);
      const net = getModel('notes-densenet');
      const before = net.buffers().map((each) => each.toArray());
      assert.notEqual(
        showNet(net, [1, 1, 64, 64]),
        showNet(net.eval(), [1, 1, 64, 64]),
        'it runs in the mode it is in',
      );
      assert.deepEqual(
        net.buffers().map((each) => each.toArray()),
        before,
      );
      freeModule(net);
    });
  });

  it('DenseNet-121', () => {
    scope(() => {
      const net = densenet121();
      const printed = String(net);
      assert.equal(printed.replaceAll('affine=True, bias=True, ', 'affine=True, '), printOfNotes());
      assert.equal(printOfNotes().split('\n').length, 500);
      freeModule(net);
    });
  });
});
