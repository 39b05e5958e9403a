import assert from 'node:assert/strict';
import { cifarDenseNet, connectionStrengths, densenet121 } from '../../../lib/models/index.js';
import { memory, noGrad, scope, type Tensor } from '../../../lib/tensor/index.js';
import { heatmapFigure } from '../../../lib/train/index.js';

describe('the strengths of connections', () => {
  it('are the mean absolute weights of each source’s channels', () =>
    scope(() => {
      const model = cifarDenseNet({ depth: 16, growthRate: 3, numInitFeatures: 5 });
      const before = memory().tensors;
      const blocks = connectionStrengths(model);
      assert.equal(memory().tensors, before);
      assert.deepEqual(
        blocks.map(({ layers, reader, strengths }) => [layers, reader, strengths.map((sources) => sources.length)]),
        [
          [2, 'transition', [1, 2, 3]],
          [2, 'transition', [1, 2, 3]],
          [2, 'classifier', [1, 2, 3]],
        ],
      );
      const state = new Map(model.namedParameters());
      const mean = (name: string, from: number, to: number): number => {
        const weight = state.get(name) as Tensor;
        const [out = 0, inputs = 0] = weight.shape;
        const values = weight.detach().flatten().toArray() as number[];
        let sum = 0;
        for (let o = 0; o < out; ++o) for (let i = from; i < to; ++i) sum += Math.abs(values[o * inputs + i]!);
        return sum / (out * (to - from));
      };
      const close = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12 * Math.abs(b), `${a} and ${b}`);
      const first = blocks[0]!.strengths;
      close(first[0]![0]!, mean('features.denseblock1.denselayer1.conv1.weight', 0, 5));
      close(first[1]![0]!, mean('features.denseblock1.denselayer2.conv1.weight', 0, 5));
      close(first[1]![1]!, mean('features.denseblock1.denselayer2.conv1.weight', 5, 8));
      close(first[2]![2]!, mean('features.transition1.conv.weight', 8, 11));
      close(blocks[2]!.strengths[2]![1]!, mean('classifier.weight', 5, 8));
    }));

  it('show a connection that was cut', () =>
    scope(() => {
      const model = cifarDenseNet({ depth: 13, growthRate: 4, bottleneck: false });
      noGrad(
        () =>
          void new Map(model.namedParameters())
            .get('features.denseblock2.denselayer2.conv1.weight')!
            .narrow(1, 28, 4)
            .zero_(),
      );
      const cut = connectionStrengths(model)[1]!.strengths[1]!;
      assert.equal(cut[1], 0);
      assert.ok(cut[0]! > 0);
    }));

  it('are drawn, a cell for every pair', () =>
    scope(() => {
      const blocks = connectionStrengths(densenet121({ numClasses: 7 }));
      const svg = heatmapFigure(blocks, 'a <b> & "c"');
      const pairs = [6, 12, 24, 16].map((layers) => ((layers + 1) * (layers + 2)) / 2);
      assert.equal(
        svg.match(/<rect [^>]*><title>/g)?.length,
        pairs.reduce((a, b) => a + b),
      );
      assert.match(svg, /layer 23 to layer 24: /);
      assert.match(svg, /layer 16 to classifier: /);
      assert.doesNotMatch(svg, /NaN|undefined|<b>/);
    }));
});
