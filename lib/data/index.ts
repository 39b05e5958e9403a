/** Data sets, transforms, samplers and the loader. */
export { CIFAR10, CIFAR100, type Cifar100Options, type Cifar10Options, type CifarPair } from './cifar.js';
export type { CifarDownloadOptions, CifarProgress } from './cifar-download.js';
export type { CifarLabels } from './cifar-sources.js';
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
