/** Data sets, transforms, samplers and the loader. */
export { CIFAR10, CIFAR100, type Cifar100Options, type Cifar10Options, type CifarPair } from './cifar.js';
export type { CifarLabels } from './cifar-sources.js';
export { CenterCrop, FiveCrop, TenCrop, type CropSize } from './crops.js';
export type { BatchSource, LoaderState } from './batch-order.js';
export { DataLoader, LoaderIterator, type DataLoaderOptions } from './data-loader.js';
export { ConcatDataset } from './concat-dataset.js';
export { parseCsv, readCsv, type CsvOptions } from './csv.js';
export { Prefetcher, type BatchCopies, type Batches, type PrefetcherOptions } from './prefetcher.js';
export { randomSplit } from './random-split.js';
export { TableEncoder, type TableEncoderOptions } from './table-encoder.js';
export { Table, type ColumnKind, type Field } from './table.js';
export { TensorDataset } from './tensor-dataset.js';
export type { DatasetDownloadOptions, DatasetProgress } from './dataset-download.js';
export { Subset, type Dataset } from './dataset.js';
export { digits, type DigitsOptions } from './digits.js';
export { ImageNet, type ImageNetOptions, type ImageNetSplit } from './imagenet.js';
export { ImageClassification, type ImageClassificationOptions } from './image-classification.js';
export { ImageTraining, type ImageTrainingOptions } from './image-training.js';
export {
  hasPictureExtension,
  ImageFolder,
  IMG_EXTENSIONS,
  picturesIn,
  type ImageFolderOptions,
  type ImageSample,
} from './image-folder.js';
export { FashionMNIST, MNIST, type MnistOptions, type MnistPair } from './mnist.js';
export type { Picture, PictureTransform } from './picture.js';
export { PictureDataset } from './picture-dataset.js';
export { PictureBatch } from './picture-batch.js';
export { PictureLoader, type PictureLoaderOptions, type PictureLoaderState } from './picture-loader.js';
export { PicturePass } from './picture-pass.js';
export type { PictureSet } from './picture-set.js';
export type { DrawnSteps, PictureSteps } from './picture-steps.js';
export { readPicture } from './read-picture.js';
export { readPictures, type PictureRead, type ReadPicturesOptions } from './read-pictures.js';
export type { Interpolation } from './resample.js';
export { Resize, type ResizeOptions } from './resize.js';
export { RandomSampler, SequentialSampler, type Indices, type Sampler } from './sampler.js';
export { SVHN, type SvhnOptions, type SvhnSplit } from './svhn.js';
export { shapes, type ShapesOptions } from './shapes.js';
export { Compose, Normalize, ToTensor, type TensorTransform, type Transform } from './transforms.js';
export { AutoAugment, type AutoAugmentOptions } from './auto-augment.js';
export type { AutoAugmentPolicy } from './auto-augment-policies.js';
export { ColorJitter, type ColorJitterOptions } from './color-jitter.js';
export { RandomHorizontalFlip, RandomVerticalFlip } from './flips.js';
export * as functional from './functional.js';
export { Grayscale, RandomGrayscale } from './grayscale.js';
export { Lambda } from './lambda.js';
export { CutMix, MixUp, type MixOptions } from './mix-up.js';
export { Pad, type PadOptions } from './pad.js';
export { RandomCrop, type RandomCropOptions } from './random-crop.js';
export { RandomErasing, type RandomErasingOptions } from './random-erasing.js';
export {
  RandomResizedCrop,
  type PicturePart,
  type RandomResizedCropOptions,
  type Range,
} from './random-resized-crop.js';
export { RandomRotation, type RandomRotationOptions } from './random-rotation.js';
