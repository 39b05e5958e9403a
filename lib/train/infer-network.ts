import { IoError } from '../io/index.js';
import { denseNetForm, type DenseNetForm } from '../models/densenet-form.js';
import { identifyWeights } from '../models/identify-weights.js';
import { fitNames } from '../models/weight-names.js';
import type { Tensor } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';
import { DEFAULT_NETWORK } from './network-names.js';

type FormField = 'depth' | 'growthRate' | 'bottleneck' | 'compression' | 'numInitFeatures' | 'dropRate';

/** The fields of a configuration that give the network its form. */
export type NetworkForm = Pick<
  RunConfig,
  'model' | 'resize' | 'numClasses' | 'inChannels' | FormField | 'transitionPool'
> &
  Partial<Pick<RunConfig, 'efficient'>>;

/** The form of a CIFAR DenseNet. */
export type CifarForm = Pick<RunConfig, 'model' | 'resize' | 'numClasses' | 'inChannels'> & {
  [K in FormField]: NonNullable<RunConfig[K]>;
};

/**
 * The form of a CIFAR DenseNet, read from the names and shapes of its state dict, for weights that come without a
 * `config.json`. Dropout leaves no trace there, and none is needed to evaluate.
 * @throws IoError `format` saying whose weights they are, when they are not those of a CIFAR DenseNet.
 */
export function inferNetwork(weights: ReadonlyMap<string, Tensor>, path: string): CifarForm {
  const { state } = fitNames(weights);
  const form = denseNetForm(state);
  if (form !== undefined && isCifar(form)) {
    const { growthRate, bottleneck, compression, numInitFeatures, numClasses, inChannels } = form;
    const [layers = 0] = form.blockConfig;
    const depth = 3 * layers * (bottleneck ? 2 : 1) + 4;
    return {
      ...{
        model: DEFAULT_NETWORK,
        resize: null,
        depth,
        growthRate,
        bottleneck,
        compression,
        numInitFeatures,
        dropRate: 0,
      },
      ...{ numClasses, inChannels },
    };
  }
  const names = [...state.keys()].slice(0, 3).join(', ');
  const held = identifyWeights(state) ?? `something else (${names}, …)`;
  throw new IoError(
    'format',
    `${path} holds the weights of ${held}, not of a CIFAR DenseNet: --model names the network`,
    path,
  );
}

/** What `--depth` can describe: three blocks alike. */
function isCifar({ smallInputs, blockConfig, bnSize }: DenseNetForm): boolean {
  return smallInputs && bnSize === 4 && blockConfig.length === 3 && new Set(blockConfig).size === 1;
}
