/** Multiply-adds and parameters beside those that torchvision publishes with its weights. */
import assert from 'node:assert/strict';
import { getModel, getModelWeights, googlenet, type Networks } from '../../../lib/models/index.js';
import { countFlops, countParameters } from '../../../lib/nn/index.js';
import { noGrad, randn, scope } from '../../../lib/tensor/index.js';
import { freeModule, type PictureNetwork } from './networks.js';

/** One `it` for each network of torchvision. */
export function comparePublished(names: readonly (keyof Networks)[]): void {
  for (const name of names) {
    it(name, () => {
      scope(() => {
        // torchvision publishes the numbers of its GoogLeNet as it is for use, without the auxiliary classifiers.
        const model = (name === 'googlenet' ? googlenet({ auxLogits: false }) : getModel(name)) as PictureNetwork;
        const { ops, numParams } = getModelWeights(name)!.DEFAULT.meta;
        assert.equal(countParameters(model).total, numParams);
        const images = randn([1, 3, 224, 224]);
        const flops = noGrad(() => countFlops(() => model.eval().call(images)));
        assert.equal((flops / 2 / 1e9).toFixed(3), ops.toFixed(3), 'billions of multiply-adds');
        freeModule(model);
      });
    });
  }
}
