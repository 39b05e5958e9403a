import { DenseNet, type DenseNetOptions } from './densenet.js';
import { PUBLISHED_FORMS } from './densenet-form.js';
import { published, type NetworkWeights, type Published } from './published.js';

/** What may differ in a network of a published form, and its weights. */
export interface PublishedDenseNetOptions
  extends Omit<DenseNetOptions, 'growthRate' | 'blockConfig' | 'numInitFeatures'>, NetworkWeights {}

/**
 * Makes a network. Its draws are those of an initialisation, with weights too, as torchvision's.
 *
 * Without `numClasses` the weights say how many classes there are. With another number than theirs the trunk is kept, the
 * classifier is initialised, and `onNotice` is told (torchvision refuses).
 * @throws WeightsError for weights that do not fit; IoError for a file that is missing or damaged, with the way out.
 */
export type PublishedDenseNet = Published<PublishedDenseNetOptions, DenseNet>;

function densenet(name: keyof typeof PUBLISHED_FORMS): PublishedDenseNet {
  return published(
    name,
    ['classifier'],
    (options: DenseNetOptions) => new DenseNet({ ...options, ...PUBLISHED_FORMS[name] }),
  );
}

/** DenseNet-121 for ImageNet, `[N, 3, 224, 224]` to `[N, 1000]`: 7,978,856 parameters. @see torchvision.models.densenet121 */
export const densenet121 = densenet('densenet121');

/** DenseNet-161 for ImageNet, growth rate 48: 28,681,000 parameters. @see torchvision.models.densenet161 */
export const densenet161 = densenet('densenet161');

/** DenseNet-169 for ImageNet: 14,149,480 parameters. @see torchvision.models.densenet169 */
export const densenet169 = densenet('densenet169');

/** DenseNet-201 for ImageNet: 20,013,928 parameters. @see torchvision.models.densenet201 */
export const densenet201 = densenet('densenet201');

/** DenseNet-264 of the paper, which torchvision leaves out: 33,337,704 parameters. */
export const densenet264 = densenet('densenet264');
