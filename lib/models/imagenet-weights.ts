import { RECIPES, TORCHVISION_PUBLISHER } from '../io/publishers.js';
import { IMAGENET_CATEGORIES } from './imagenet-categories.js';
import { Weights, type ClassificationPreset, type WeightsEnum, type WeightsMeta } from './weights.js';

const PRESET: ClassificationPreset = Object.freeze<ClassificationPreset>({
  resizeSize: 256,
  cropSize: 224,
  interpolation: 'bilinear',
  antialias: true,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
});

/** One file: its name, its measures, how pictures are prepared where that differs. */
interface Row extends Partial<Pick<WeightsMeta, 'recipe' | 'docs' | 'categories'>> {
  readonly file: string;
  readonly acc: readonly [top1: number, top5: number];
  readonly fileSize: number;
  readonly preset?: Partial<ClassificationPreset>;
}

/** What the files of a network have in common. */
type Common = Pick<WeightsMeta, 'numParams' | 'ops' | 'recipe' | 'docs'> & { readonly minSize: number };

/** @param best which of them is the default. */
function imagenet<Member extends string>(
  enumName: string,
  { minSize, ...common }: Common,
  rows: Readonly<Record<Member, Row>>,
  best: NoInfer<Member>,
): WeightsEnum<Member> {
  const made = Object.entries<Row>(rows).map(([member, { file, acc, preset, ...facts }]) => {
    const metrics = { 'ImageNet-1K': { 'acc@1': acc[0], 'acc@5': acc[1] } };
    const weights = new Weights({
      name: `${enumName}.${member}`,
      url: `${TORCHVISION_PUBLISHER}${file}`,
      transforms: preset === undefined ? PRESET : Object.freeze({ ...PRESET, ...preset }),
      meta: Object.freeze<WeightsMeta>({
        minSize: [minSize, minSize],
        categories: IMAGENET_CATEGORIES,
        metrics,
        ...common,
        ...facts,
      }),
    });
    return [member, weights] as const;
  });
  const members = Object.fromEntries(made) as Record<Member, Weights>;
  return Object.freeze({ ...members, DEFAULT: members[best] });
}

const DENSENET = {
  minSize: 29,
  recipe: RECIPES.densenet,
  docs: 'Brought over from the program of the authors, in LuaTorch.',
};
const SIMPLE = 'Trained anew with a simple recipe, which comes close to the paper.';
const ALEXNET = { minSize: 63, recipe: RECIPES.vgg, docs: SIMPLE };
const GOOGLENET = { minSize: 15, recipe: RECIPES.googlenet, docs: 'Brought over from the network of the paper.' };
const RESNET = { minSize: 1, recipe: RECIPES.resnet, docs: SIMPLE };
const VGG = { minSize: 32, recipe: RECIPES.vgg, docs: 'Trained anew with a simple recipe.' };
/** torchvision's later recipe: longer, with more augmentation. */
const SECOND = {
  docs: "Trained with torchvision's later recipe, to be better than the paper.",
  preset: { resizeSize: 232 },
};

/** @see torchvision.models.DenseNet121_Weights */
export const DenseNet121_Weights = imagenet(
  'DenseNet121_Weights',
  { ...DENSENET, numParams: 7978856, ops: 2.834 },
  {
    IMAGENET1K_V1: { file: 'densenet121-a639ec97.pth', acc: [74.434, 91.972], fileSize: 30.845 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.DenseNet161_Weights */
export const DenseNet161_Weights = imagenet(
  'DenseNet161_Weights',
  { ...DENSENET, numParams: 28681000, ops: 7.728 },
  {
    IMAGENET1K_V1: { file: 'densenet161-8d451a50.pth', acc: [77.138, 93.56], fileSize: 110.369 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.DenseNet169_Weights */
export const DenseNet169_Weights = imagenet(
  'DenseNet169_Weights',
  { ...DENSENET, numParams: 14149480, ops: 3.36 },
  {
    IMAGENET1K_V1: { file: 'densenet169-b2777c0a.pth', acc: [75.6, 92.806], fileSize: 54.708 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.DenseNet201_Weights */
export const DenseNet201_Weights = imagenet(
  'DenseNet201_Weights',
  { ...DENSENET, numParams: 20013928, ops: 4.291 },
  {
    IMAGENET1K_V1: { file: 'densenet201-c1103571.pth', acc: [76.896, 93.37], fileSize: 77.373 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.AlexNet_Weights */
export const AlexNet_Weights = imagenet(
  'AlexNet_Weights',
  { ...ALEXNET, numParams: 61100840, ops: 0.714 },
  {
    IMAGENET1K_V1: { file: 'alexnet-owt-7be5be79.pth', acc: [56.522, 79.066], fileSize: 233.087 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.GoogLeNet_Weights */
export const GoogLeNet_Weights = imagenet(
  'GoogLeNet_Weights',
  { ...GOOGLENET, numParams: 6624904, ops: 1.498 },
  {
    IMAGENET1K_V1: { file: 'googlenet-1378be20.pth', acc: [69.778, 89.53], fileSize: 49.731 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.ResNet18_Weights */
export const ResNet18_Weights = imagenet(
  'ResNet18_Weights',
  { ...RESNET, numParams: 11689512, ops: 1.814 },
  {
    IMAGENET1K_V1: { file: 'resnet18-f37072fd.pth', acc: [69.758, 89.078], fileSize: 44.661 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.ResNet34_Weights */
export const ResNet34_Weights = imagenet(
  'ResNet34_Weights',
  { ...RESNET, numParams: 21797672, ops: 3.664 },
  {
    IMAGENET1K_V1: { file: 'resnet34-b627a593.pth', acc: [73.314, 91.42], fileSize: 83.275 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.ResNet50_Weights */
export const ResNet50_Weights = imagenet(
  'ResNet50_Weights',
  { ...RESNET, numParams: 25557032, ops: 4.089 },
  {
    IMAGENET1K_V1: { file: 'resnet50-0676ba61.pth', acc: [76.13, 92.862], fileSize: 97.781 },
    IMAGENET1K_V2: {
      file: 'resnet50-11ad3fa6.pth',
      acc: [80.858, 95.434],
      fileSize: 97.79,
      ...SECOND,
      recipe: RECIPES.resnet50Second,
    },
  },
  'IMAGENET1K_V2',
);

/** @see torchvision.models.ResNet101_Weights */
export const ResNet101_Weights = imagenet(
  'ResNet101_Weights',
  { ...RESNET, numParams: 44549160, ops: 7.801 },
  {
    IMAGENET1K_V1: { file: 'resnet101-63fe2227.pth', acc: [77.374, 93.546], fileSize: 170.511 },
    IMAGENET1K_V2: {
      file: 'resnet101-cd907fc2.pth',
      acc: [81.886, 95.78],
      fileSize: 170.53,
      ...SECOND,
      recipe: RECIPES.resnetSecond,
    },
  },
  'IMAGENET1K_V2',
);

/** @see torchvision.models.ResNet152_Weights */
export const ResNet152_Weights = imagenet(
  'ResNet152_Weights',
  { ...RESNET, numParams: 60192808, ops: 11.514 },
  {
    IMAGENET1K_V1: { file: 'resnet152-394f9c45.pth', acc: [78.312, 94.046], fileSize: 230.434 },
    IMAGENET1K_V2: {
      file: 'resnet152-f82ba261.pth',
      acc: [82.284, 96.002],
      fileSize: 230.474,
      ...SECOND,
      recipe: RECIPES.resnetSecond,
    },
  },
  'IMAGENET1K_V2',
);

/** @see torchvision.models.VGG11_Weights */
export const VGG11_Weights = imagenet(
  'VGG11_Weights',
  { ...VGG, numParams: 132863336, ops: 7.609 },
  {
    IMAGENET1K_V1: { file: 'vgg11-8a719046.pth', acc: [69.02, 88.628], fileSize: 506.84 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.VGG11_BN_Weights */
export const VGG11_BN_Weights = imagenet(
  'VGG11_BN_Weights',
  { ...VGG, numParams: 132868840, ops: 7.609 },
  {
    IMAGENET1K_V1: { file: 'vgg11_bn-6002323d.pth', acc: [70.37, 89.81], fileSize: 506.881 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.VGG13_Weights */
export const VGG13_Weights = imagenet(
  'VGG13_Weights',
  { ...VGG, numParams: 133047848, ops: 11.308 },
  {
    IMAGENET1K_V1: { file: 'vgg13-19584684.pth', acc: [69.928, 89.246], fileSize: 507.545 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.VGG13_BN_Weights */
export const VGG13_BN_Weights = imagenet(
  'VGG13_BN_Weights',
  { ...VGG, numParams: 133053736, ops: 11.308 },
  {
    IMAGENET1K_V1: { file: 'vgg13_bn-abd245e5.pth', acc: [71.586, 90.374], fileSize: 507.59 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.VGG16_Weights */
export const VGG16_Weights = imagenet(
  'VGG16_Weights',
  { ...VGG, numParams: 138357544, ops: 15.47 },
  {
    IMAGENET1K_V1: { file: 'vgg16-397923af.pth', acc: [71.592, 90.382], fileSize: 527.796 },
    IMAGENET1K_FEATURES: {
      file: 'vgg16_features-amdegroot-88682ab5.pth',
      acc: [NaN, NaN],
      fileSize: 527.802,
      recipe: RECIPES.ssd,
      categories: [],
      docs: 'Only `features` is trained, on pictures scaled as in the paper: they tell no classes apart.',
      preset: { mean: [0.48235, 0.45882, 0.40784], std: [1 / 255, 1 / 255, 1 / 255] },
    },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.VGG16_BN_Weights */
export const VGG16_BN_Weights = imagenet(
  'VGG16_BN_Weights',
  { ...VGG, numParams: 138365992, ops: 15.47 },
  {
    IMAGENET1K_V1: { file: 'vgg16_bn-6c64b313.pth', acc: [73.36, 91.516], fileSize: 527.866 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.VGG19_Weights */
export const VGG19_Weights = imagenet(
  'VGG19_Weights',
  { ...VGG, numParams: 143667240, ops: 19.632 },
  {
    IMAGENET1K_V1: { file: 'vgg19-dcbb9e9d.pth', acc: [72.376, 90.876], fileSize: 548.051 },
  },
  'IMAGENET1K_V1',
);

/** @see torchvision.models.VGG19_BN_Weights */
export const VGG19_BN_Weights = imagenet(
  'VGG19_BN_Weights',
  { ...VGG, numParams: 143678248, ops: 19.632 },
  {
    IMAGENET1K_V1: { file: 'vgg19_bn-c79401a0.pth', acc: [74.218, 91.842], fileSize: 548.143 },
  },
  'IMAGENET1K_V1',
);
