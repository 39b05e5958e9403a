/** The addresses that files are fetched from, and that metadata name: here and nowhere else in lib. */

/** CIFAR's archives, by their authors; the page beside them says what they are. */
export const CIFAR_PUBLISHER = 'https://www.cs.toronto.edu/~kriz/';

/** torchvision's weights. */
export const TORCHVISION_PUBLISHER = 'https://download.pytorch.org/models/';

/** Where torchvision says how its weights came about. */
export const RECIPES = {
  densenet: 'https://github.com/pytorch/vision/pull/116',
  vgg: 'https://github.com/pytorch/vision/tree/main/references/classification#alexnet-and-vgg',
  googlenet: 'https://github.com/pytorch/vision/tree/main/references/classification#googlenet',
  resnet: 'https://github.com/pytorch/vision/tree/main/references/classification#resnet',
  resnet50Second: 'https://github.com/pytorch/vision/issues/3995#issuecomment-1013906621',
  resnetSecond: 'https://github.com/pytorch/vision/issues/3995#new-recipe',
  ssd: 'https://github.com/amdegroot/ssd.pytorch#training-ssd',
} as const;
