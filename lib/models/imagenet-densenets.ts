import { existsSync } from 'node:fs';
import { scope, TorchError } from '../tensor/index.js';
import { DenseNet, type DenseNetOptions } from './densenet.js';
import { PUBLISHED_FORMS } from './densenet-form.js';
import { putWeights, type LoadWeightsOptions } from './load-weights.js';
import { fitNames } from './weight-names.js';
import { findWeights, type WeightsSource } from './weight-files.js';
import { getModelWeights, memberOf, Weights } from './weights.js';

/** What may differ in a network of a published form, and its weights. */
export interface PublishedDenseNetOptions
  extends
    Omit<DenseNetOptions, 'growthRate' | 'blockConfig' | 'numInitFeatures'>,
    Pick<LoadWeightsOptions, 'entry' | 'onNotice'> {
  /**
   * `'DEFAULT'` or `'IMAGENET1K_V1'` for the published ones, which must be in PyTorch's cache (`await fetchWeights(…)` fetches
   * them); a file; or what {@link loadWeights} takes. Default: none, the network is initialised.
   */
  readonly weights?: WeightsSource | null | undefined;
}

/**
 * Makes a network. Its draws are those of an initialisation, with weights too, as torchvision's.
 *
 * Without `numClasses` the weights say how many classes there are. With another number than theirs the trunk is kept, the
 * classifier is initialised, and `onNotice` is told (torchvision refuses).
 * @throws WeightsError for weights that do not fit; IoError for a file that is missing or damaged, with the way out.
 */
export type PublishedDenseNet = (options?: PublishedDenseNetOptions) => DenseNet;

function published(name: keyof typeof PUBLISHED_FORMS): PublishedDenseNet {
  return ({ weights = null, entry, onNotice, ...options } = {}) => {
    const form: DenseNetOptions = { ...options, ...PUBLISHED_FORMS[name] };
    if (weights === null) return new DenseNet(form);
    const source = sourceFor(name, weights);
    return scope(() => {
      const found = findWeights(source, entry);
      const classes = fitNames(found.state).state.get('classifier.weight')?.shape[0];
      const numClasses = options.numClasses ?? classes;
      const model = new DenseNet(numClasses === undefined ? form : { ...form, numClasses });
      try {
        putWeights(model, found, { onNotice, otherClasses: options.numClasses !== undefined });
      } catch (error) {
        for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
        throw error;
      }
      return model;
    });
  };
}

/** Published weights for their names in the set of the network; those of another network are refused. */
function sourceFor(model: string, source: WeightsSource): WeightsSource {
  const set = getModelWeights(model);
  if (typeof source === 'string') {
    const member = set === undefined ? source : source.replace(`${set.DEFAULT.enumName}.`, '');
    const found = memberOf(set, member);
    if (found !== undefined) return found;
    if (/^[A-Z0-9_]+$/.test(member) && !existsSync(source)) {
      const there = set === undefined ? 'none are published for it' : `published are ${Object.keys(set).join(', ')}`;
      throw new TorchError(
        'value',
        `Expected weights or a file of weights for ${model} but received ${source}: ${there}`,
      );
    }
    return source;
  }
  if (!(source instanceof Weights) || source.enumName === set?.DEFAULT.enumName) return source;
  const expected = set === undefined ? 'a file' : set.DEFAULT.enumName;
  throw new TorchError('type', `Invalid Weight class provided; expected ${expected} but received ${source.enumName}.`);
}

/** DenseNet-121 for ImageNet, `[N, 3, 224, 224]` to `[N, 1000]`: 7,978,856 parameters. @see torchvision.models.densenet121 */
export const densenet121 = published('densenet121');

/** DenseNet-161 for ImageNet, growth rate 48: 28,681,000 parameters. @see torchvision.models.densenet161 */
export const densenet161 = published('densenet161');

/** DenseNet-169 for ImageNet: 14,149,480 parameters. @see torchvision.models.densenet169 */
export const densenet169 = published('densenet169');

/** DenseNet-201 for ImageNet: 20,013,928 parameters. @see torchvision.models.densenet201 */
export const densenet201 = published('densenet201');

/** DenseNet-264 of the paper, which torchvision leaves out: 33,337,704 parameters. */
export const densenet264 = published('densenet264');

const MODELS: ReadonlyMap<string, PublishedDenseNet> = new Map(
  Object.entries({ densenet121, densenet161, densenet169, densenet201, densenet264 }),
);

/** Names of the networks that {@link getModel} makes. @see torchvision.models.list_models */
export function listModels(): string[] {
  return [...MODELS.keys()];
}

/**
 * A network by its name, as `getModel('densenet121', { weights: 'DEFAULT' })`.
 * @throws TorchError `value` naming those that there are; as the network's own function.
 * @see torchvision.models.get_model
 */
export function getModel(name: string, options: PublishedDenseNetOptions = {}): DenseNet {
  const make = MODELS.get(name);
  if (make === undefined)
    throw new TorchError('value', `Expected one of ${listModels().join(', ')} but received ${name}`);
  return make(options);
}
