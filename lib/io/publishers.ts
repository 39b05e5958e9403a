/** The addresses that files are fetched from, and that metadata name: here and nowhere else in lib. */

/** CIFAR's archives, by their authors; the page beside them says what they are. */
export const CIFAR_PUBLISHER = 'https://www.cs.toronto.edu/~kriz/';

/** MNIST's files: where torchvision fetches them, and their authors' own page, which often refuses. */
export const MNIST_PUBLISHERS = [
  'https://ossci-datasets.s3.amazonaws.com/mnist/',
  'http://yann.lecun.com/exdb/mnist/',
] as const;

/** Fashion-MNIST's files: as torchvision fetches them, and in their authors' repository. */
export const FASHION_MNIST_PUBLISHERS = [
  'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/',
] as const;

/** SVHN's cropped digits, by their authors. */
export const SVHN_PUBLISHER = 'http://ufldl.stanford.edu/housenumbers/';

/** Where ImageNet's archives are, for those who have registered. */
export const IMAGENET_PUBLISHER = 'https://image-net.org/download.php';

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
