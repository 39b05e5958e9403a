/** Data sets, transforms, samplers and the loader. */
export { CIFAR10, type Cifar10Options } from './cifar10.js';
export { DataLoader, LoaderIterator, type DataLoaderOptions, type LoaderState } from './data-loader.js';
export { Subset, type Dataset } from './dataset.js';
export { PictureDataset } from './picture-dataset.js';
export type { PictureSet } from './picture-set.js';
export { RandomSampler, SequentialSampler, type Indices, type Sampler } from './sampler.js';
export { shapes, type ShapesOptions } from './shapes.js';
export {
  Compose,
  Normalize,
  RandomCrop,
  RandomHorizontalFlip,
  ToTensor,
  type Picture,
  type PictureTransform,
  type TensorTransform,
  type Transform,
} from './transforms.js';
