import { DenseNet, type DenseNetOptions } from './densenet.js';

/** What may differ in a network of a published form. */
export type PublishedDenseNetOptions = Omit<DenseNetOptions, 'growthRate' | 'blockConfig' | 'numInitFeatures'>;

function published(
  growthRate: number,
  blockConfig: readonly number[],
  numInitFeatures: number,
): (options?: PublishedDenseNetOptions) => DenseNet {
  return (options = {}) => new DenseNet({ ...options, growthRate, blockConfig, numInitFeatures });
}

/** DenseNet-121 for ImageNet, `[N, 3, 224, 224]` to `[N, 1000]`: 7,978,856 parameters. @see torchvision.models.densenet121 */
export const densenet121 = published(32, [6, 12, 24, 16], 64);

/** DenseNet-161 for ImageNet, growth rate 48: 28,681,000 parameters. @see torchvision.models.densenet161 */
export const densenet161 = published(48, [6, 12, 36, 24], 96);

/** DenseNet-169 for ImageNet: 14,149,480 parameters. @see torchvision.models.densenet169 */
export const densenet169 = published(32, [6, 12, 32, 32], 64);

/** DenseNet-201 for ImageNet: 20,013,928 parameters. @see torchvision.models.densenet201 */
export const densenet201 = published(32, [6, 12, 48, 32], 64);

/** DenseNet-264 of the paper, which torchvision leaves out: 33,337,704 parameters. */
export const densenet264 = published(32, [6, 12, 64, 48], 64);
