import type { Tensor } from '../tensor/index.js';
import { pyAtan } from '../tensor/python-float.js';
import { adjustSharpness, autocontrast, equalize, invert, posterize, solarize } from './tensor-adjust.js';
import { adjustBrightness, adjustContrast, adjustSaturation, dimensionsOf } from './tensor-colours.js';
import { affine, inverseAffine, rotate, type GridOptions } from './tensor-geometry.js';

type Step = (x: Tensor, magnitude: number, options: GridOptions) => Tensor;

/** Python's `math.degrees(math.atan(magnitude))`. */
const slant = (magnitude: number): number => pyAtan(magnitude) * (180 / Math.PI);

const shear =
  (along: 'x' | 'y'): Step =>
  (x, magnitude, options) => {
    const [, height, width] = dimensionsOf(x);
    const angle = slant(magnitude);
    const corner = [0 - width * 0.5, 0 - height * 0.5] as const;
    const shears = along === 'x' ? ([angle, 0] as const) : ([0, angle] as const);
    return affine(x, inverseAffine(corner, 0, [0, 0], 1, shears), options);
  };

const translate =
  (along: 'x' | 'y'): Step =>
  (x, magnitude, options) => {
    const pixels = Math.trunc(magnitude);
    const by = along === 'x' ? ([pixels, 0] as const) : ([0, pixels] as const);
    return affine(x, inverseAffine([0, 0], 0, by, 1, [0, 0]), options);
  };

const STEPS = {
  ShearX: shear('x'),
  ShearY: shear('y'),
  TranslateX: translate('x'),
  TranslateY: translate('y'),
  Rotate: (x, magnitude, options) => rotate(x, magnitude, options),
  Brightness: (x, magnitude) => adjustBrightness(x, 1 + magnitude),
  Color: (x, magnitude) => adjustSaturation(x, 1 + magnitude),
  Contrast: (x, magnitude) => adjustContrast(x, 1 + magnitude),
  Sharpness: (x, magnitude) => adjustSharpness(x, 1 + magnitude),
  Posterize: (x, magnitude) => posterize(x, Math.trunc(magnitude)),
  Solarize: (x, magnitude) => solarize(x, magnitude),
  AutoContrast: (x) => autocontrast(x),
  Equalize: (x) => equalize(x),
  Invert: (x) => invert(x),
} as const satisfies Record<string, Step>;

/** Names of the steps that AutoAugment takes. */
export type AugmentStep = keyof typeof STEPS;

export function applyStep(name: AugmentStep, x: Tensor, magnitude: number, options: GridOptions): Tensor {
  const step: Step = STEPS[name];
  return step(x, magnitude, options);
}
