/** What transforms do to tensors, without the draws. @see torchvision.transforms.functional */
export { adjustSharpness, autocontrast, equalize, invert, posterize, solarize } from './tensor-adjust.js';
export { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, rgbToGrayscale } from './tensor-colours.js';
export {
  affine,
  crop,
  hflip,
  inverseAffine,
  pad,
  resize,
  rotate,
  vflip,
  type AffineMatrix,
  type GridOptions,
  type Padding,
  type PadMode,
  type TensorInterpolation,
  type TensorResizeOptions,
} from './tensor-geometry.js';
