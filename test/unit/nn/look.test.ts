import assert from 'node:assert/strict';
import { densenet121, resnet18 } from '../../../lib/models/index.js';
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  countFlops,
  countLayers,
  countParameters,
  Dropout2d,
  FlopCounter,
  functional,
  Linear,
  Module,
  ModuleList,
  ReLU,
  Sequential,
  stat,
  summary,
} from '../../../lib/nn/index.js';
import { checkpoint, getRngState, memory, ones, rand, scope, Tensor, TorchError } from '../../../lib/tensor/index.js';
import { freeModule } from '../../parity/models/networks.js';

/** The network of torchinfo's and torchstat's documentation. */
class DocumentedNet extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly conv2_drop: Dropout2d;
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(channels: number, features: number) {
    super();
    this.conv1 = new Conv2d(channels, 10, { kernelSize: 5 });
    this.conv2 = new Conv2d(10, 20, { kernelSize: 5 });
    this.conv2_drop = new Dropout2d();
    this.fc1 = new Linear(features, 50);
    this.fc2 = new Linear(50, 10);
  }

  forward(x: Tensor): Tensor {
    const half = (y: Tensor): Tensor => functional.relu(functional.maxPool2d(y, { kernelSize: 2 }));
    const pooled = half(this.conv2_drop.call(this.conv2.call(half(this.conv1.call(x)))));
    return this.fc2.call(functional.relu(this.fc1.call(pooled.flatten(1)))).logSoftmax(1);
  }

  override className(): string {
    return 'SingleInputNet';
  }
}

/** Layers that are called again, and a list that is not called itself. */
class Repeated extends Module {
  readonly layers = new ModuleList([new Linear(5, 5), new Linear(5, 5)]);
  readonly last = new Linear(5, 5);

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of [...this.layers, ...this.layers]) y = (layer as Linear).call(y);
    return this.last.call(y);
  }
}

const rows = (text: unknown): string[] => String(text).split('\n');

/** Runs with a network, and looks that nothing is left of it. */
function untouched<T>(net: Module, look: () => T): T {
  return scope(() => {
    const state = getRngState().toArray();
    const modes = net.modules().map(({ training }) => training);
    const buffers = net.buffers().map((each) => each.toArray());
    const { tensors, bytes } = memory();
    const result = look();
    assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes], 'nothing is left');
    assert.deepEqual(
      net.modules().map(({ training }) => training),
      modes,
    );
    assert.deepEqual(
      net.buffers().map((each) => each.toArray()),
      buffers,
    );
    assert.deepEqual(getRngState().toArray(), state);
    return result;
  });
}

describe('looking at a network', () => {
  it("summary is torchinfo's table, as its documentation shows it", () => {
    const net = new DocumentedNet(1, 320);
    const colNames = [
      'kernel_size',
      'input_size',
      'output_size',
      'num_params',
      'params_percent',
      'mult_adds',
      'trainable',
    ] as const;
    const statistics = untouched(net, () => summary(net, { inputSize: [7, 1, 28, 28], colNames, colWidth: 20 }));
    const line = '='.repeat(180);
    assert.deepEqual(rows(statistics), [
      line,
      'Layer (type:depth-idx)                   Kernel Shape         Input Shape          Output Shape         Param #              Param %              Mult-Adds            Trainable',
      line,
      'SingleInputNet                           --                   [7, 1, 28, 28]       [7, 10]              --                        --              --                   True',
      '├─Conv2d: 1-1                            [5, 5]               [7, 1, 28, 28]       [7, 10, 24, 24]      260                    1.19%              1,048,320            True',
      '├─Conv2d: 1-2                            [5, 5]               [7, 10, 12, 12]      [7, 20, 8, 8]        5,020                 22.99%              2,248,960            True',
      '├─Dropout2d: 1-3                         --                   [7, 20, 8, 8]        [7, 20, 8, 8]        --                        --              --                   --',
      '├─Linear: 1-4                            --                   [7, 320]             [7, 50]              16,050                73.49%              112,350              True',
      '├─Linear: 1-5                            --                   [7, 50]              [7, 10]              510                    2.34%              3,570                True',
      line,
      'Total params: 21,840',
      'Trainable params: 21,840',
      'Non-trainable params: 0',
      'Total mult-adds (M): 3.41',
      line,
      'Input size (MB): 0.02',
      'Forward/backward pass size (MB): 0.40',
      'Params size (MB): 0.09',
      'Estimated Total Size (MB): 0.51',
      line,
    ]);
    assert.equal(statistics.flops, 2 * (7 * 576 * 250 + 7 * 64 * 5000 + 7 * 16000 + 7 * 500));
    freeModule(net);
  });

  it('summary of resnet18 has the numbers that torchinfo publishes', () => {
    const net = resnet18();
    const text = rows(
      untouched(net, () =>
        summary(net, {
          inputSize: [3, 64, 64],
          batchDim: 0,
          depth: 2,
          colNames: ['output_size', 'num_params', 'params_percent'],
        }),
      ),
    );
    for (const expected of [
      '├─Sequential: 1-5                        [1, 64, 16, 16]           --                             --',
      '│    └─BasicBlock: 2-1                   [1, 64, 16, 16]           73,984                      0.63%',
      '│    └─BasicBlock: 2-8                   [1, 512, 2, 2]            4,720,640                  40.38%',
      '├─Linear: 1-10                           [1, 1000]                 513,000                     4.39%',
      'Total params: 11,689,512',
      'Total mult-adds (M): 148.57',
      'Forward/backward pass size (MB): 3.25',
      'Params size (MB): 46.76',
      'Estimated Total Size (MB): 50.06',
    ])
      assert.ok(text.includes(expected), expected);
    freeModule(net);
  });

  it('summary shows what is called again, lists, frozen layers, names, and a network that does not run', () => {
    const net = new Repeated();
    for (const each of net.last.parameters()) each.requiresGrad = false;
    const names = (options: Parameters<typeof summary>[1]): string[] =>
      rows(summary(net, options))
        .filter((line) => /^(Repeated|[├│+|])/.test(line))
        .map((line) => line.replace(/ {2,}/g, ' ; '));
    assert.deepEqual(names({ inputSize: [3, 5] }), [
      'Repeated ; [3, 5] ; --',
      '├─ModuleList: 1-1 ; -- ; --',
      '│ ; └─Linear: 2-1 ; [3, 5] ; 30',
      '│ ; └─Linear: 2-2 ; [3, 5] ; 30',
      '│ ; └─Linear: 2-3 ; [3, 5] ; (recursive)',
      '│ ; └─Linear: 2-4 ; [3, 5] ; (recursive)',
      '├─Linear: 1-2 ; [3, 5] ; (30)',
    ]);
    assert.deepEqual(
      names({
        inputSize: [3, 5],
        depth: 1,
        rowSettings: ['var_names', 'ascii_only'],
        colNames: ['mult_adds', 'trainable'],
      }),
      ['Repeated (Repeated) ; -- ; Partial', '+ ModuleList (layers) ; 360 ; True', '+ Linear (last) ; 90 ; False'],
    );
    assert.deepEqual(names({ rowSettings: ['depth', 'hide_recursive_layers'] }), [
      'Repeated ; --',
      '├─ModuleList: 1-1 ; --',
      '│ ; └─Linear: 2-1 ; 30',
      '│ ; └─Linear: 2-2 ; 30',
      '├─Linear: 1-2 ; (30)',
    ]);
    const { totalParams, trainableParams, totalMultAdds } = summary(net, { inputData: scope(() => ones([3, 5])) });
    assert.deepEqual([totalParams, trainableParams, totalMultAdds], [90, 60, 3 * 5 * 30]);
    freeModule(net);
  });

  it("stat is torchstat's table, with the numbers of its documentation", () => {
    const net = new DocumentedNet(3, 56180);
    const report = untouched(net, () => stat(net, [3, 224, 224]));
    assert.deepEqual(report.unsupported, { MAdd: ['Dropout2d'], Flops: ['Dropout2d'], Memory: ['Dropout2d'] });
    assert.deepEqual(
      report.rows.map(({ name, inputShape, outputShape, parameters, madd, flops, memRead, memWrite }) =>
        [name, inputShape.join(' '), outputShape.join(' '), parameters, madd, flops, memRead, memWrite].join(', '),
      ),
      [
        'conv1, 3 224 224, 10 220 220, 760, 72600000, 36784000, 605152, 1936000',
        'conv2, 10 110 110, 20 106 106, 5020, 112360000, 56404720, 504080, 898880',
        'conv2_drop, 20 106 106, 20 106 106, 0, 0, 0, 0, 0',
        'fc1, 56180, 50, 2809050, 5617950, 2809000, 11460920, 200',
        'fc2, 50, 10, 510, 990, 500, 2240, 40',
      ],
    );
    const text = rows(report);
    assert.deepEqual(text.slice(0, 3), [
      '[MAdd]: Dropout2d is not supported!',
      '[Flops]: Dropout2d is not supported!',
      '[Memory]: Dropout2d is not supported!',
    ]);
    assert.match(
      text[3]!,
      /module name +input shape +output shape +params +memory\(MB\) +MAdd +Flops +MemRead\(B\) +MemWrite\(B\) +duration\[%\] +MemR\+W\(B\)$/,
    );
    assert.match(
      text[4]!,
      /^0 +conv1 +3 224 224 +10 220 220 +760 +1\.85 +72,600,000 +36,784,000 +605152 +1936000 +\d+\.\d\d% +2541152$/,
    );
    assert.match(text[9]!, /^total +2815340 +3\.56 +190,578,940 +95,998,220 +12572392 +2835120 +100\.00% +15407512$/);
    assert.deepEqual(
      [text[11], ...text.slice(13)],
      [
        'Total params: 2,815,340',
        'Total memory: 3.56MB',
        'Total MAdd: 190.58MMAdd',
        'Total Flops: 96.0MFlops',
        'Total MemR+W: 14.69MB',
      ],
    );
    freeModule(net);
  });

  it('stat of resnet18 has the totals that torchstat publishes', () => {
    const net = resnet18();
    const text = rows(untouched(net, () => stat(net, [3, 224, 224])));
    for (const expected of [
      'Total params: 11,689,512',
      'Total memory: 25.65MB',
      'Total MAdd: 3.64GMAdd',
      'Total Flops: 1.82GFlops',
    ])
      assert.ok(text.includes(expected), expected);
    const first = text
      .find((line) => line.startsWith('0 '))!
      .trim()
      .split(/ {2,}/);
    assert.deepEqual(first.slice(3, 10).join(' '), '64 112 112 9408 3.06 235,225,088 118,013,952 639744 3211264');
    freeModule(net);
  });

  it('counts parameters, and layers as the 121 of DenseNet-121', () => {
    const net = densenet121();
    for (const each of net.features.parameters()) each.requiresGrad = false;
    assert.deepEqual(countParameters(net), { total: 7_978_856, trainable: 1_025_000, buffers: 83_769 });
    const { total, byClass } = countLayers(net);
    assert.deepEqual([total, ...byClass], [121, ['Conv2d', 120], ['Linear', 1]]);
    freeModule(net);
  });

  it('operations that are recomputed count again, for the modules that recompute', () => {
    scope(() => {
      const net = new Sequential(new Linear(4, 5), new ReLU(), new Linear(5, 6));
      const counts = (run: (x: Tensor) => Tensor): unknown[] => {
        const counter = new FlopCounter();
        counter.run(() =>
          run(rand([3, 4], { requiresGrad: true }))
            .sum()
            .backward(),
        );
        return [counter.getTotalFlops(), counter.getFlopCounts().get('Sequential.0')];
      };
      const [first, second] = [2 * 3 * 4 * 5, 2 * 3 * 5 * 6];
      assert.deepEqual(
        counts((x) => net.call(x)),
        [
          3 * (first + second),
          new Map([
            ['aten.addmm', first],
            ['aten.mm', 2 * first],
          ]),
        ],
      );
      assert.deepEqual(
        counts((x) => checkpoint((y: Tensor) => net.call(y), x, { useReentrant: false })),
        [
          4 * first + 3 * second,
          new Map([
            ['aten.addmm', 2 * first],
            ['aten.mm', 2 * first],
          ]),
        ],
      );
      freeModule(net);
    });
  });

  it("counters nest, take formulas of one's own, and refuse a Promise", () => {
    scope(() => {
      const outer = new FlopCounter({ formulas: { 'aten::relu': (x) => (x as number[]).reduce((a, b) => a * b, 1) } });
      const inner = new FlopCounter();
      const linear = new Linear(4, 5);
      outer.run(() => {
        inner.run(() => linear.call(ones([2, 4])));
        linear.call(ones([1, 4])).relu();
      });
      assert.equal(inner.getTotalFlops(), 80);
      assert.equal(outer.getTotalFlops(), 80 + 40 + 5);
      const table = [
        'Module             FLOP  % Total',
        '--------------  -------  -------',
        'Global          125.000  100.00%',
        ' - aten.addmm   120.000   96.00%',
        ' - aten.relu      5.000    4.00%',
        ' Linear         120.000   96.00%',
        '  - aten.addmm  120.000   96.00%',
      ];
      assert.equal(outer.getTable(), table.join('\n'));
      assert.equal(
        countFlops(() => undefined),
        0,
      );
      assert.throws(() => countFlops(() => Promise.resolve(1)), TorchError);
      assert.equal(
        countFlops(() => ones([2, 3]).matmul(ones([3, 4]))),
        48,
        'after a failure too',
      );
      freeModule(linear);
    });
  });

  it('says in one line what it cannot take', () => {
    const net = new DocumentedNet(1, 320);
    const throws = (run: () => unknown, pattern: RegExp): void =>
      assert.throws(run, (error: Error) => {
        assert.ok(error instanceof TorchError);
        assert.doesNotMatch(error.message, /\n/);
        assert.match(error.message, pattern);
        return true;
      });
    untouched(net, () => {
      throws(
        () => summary(net, { inputSize: [1, 1, 8, 8] }),
        /^SingleInputNet cannot take an input of \[1, 1, 8, 8\]: it fails in conv2 \(Conv2d\): .*Kernel size/,
      );
      throws(
        () => stat(net, [3, 28, 28]),
        /^SingleInputNet cannot take an input of \[1, 3, 28, 28\]: it fails in conv1 \(Conv2d\): .*channels/,
      );
      throws(
        () => summary(net, { inputSize: [1, 0, 28] }),
        /Expected the sizes of an input, such as \[1, 3, 224, 224\], but received \[1,0,28\]/,
      );
      throws(() => summary(net, { inputSize: [1, 1, 28, 28], inputData: [] }), /received both/);
      throws(() => summary(net, { colNames: ['output_size'] }), /inputSize or inputData for the column output_size/);
      throws(
        () => summary(net, { colNames: ['params' as 'num_params'] }),
        /Expected kernel_size, .* for colNames of a summary but received params/,
      );
      throws(() => summary(net, { depth: -1 }), /for depth of a summary but received -1/);
    });
    const wide = new Sequential(
      new Conv2d(1, 1, { kernelSize: 1 }),
      new AvgPool2d({ kernelSize: 1 }),
      new BatchNorm2d(1),
    );
    assert.equal(summary(wide, { inputSize: [2, 1, 3, 3], mode: 'train' }).totalMultAdds, 2 * 9 * 2 + 2 * 2);
    freeModule(wide);
    freeModule(net);
  });
});
