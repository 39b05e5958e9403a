/** The addresses that files are fetched from, and that metadata name: here and nowhere else in lib. */

/** CIFAR's archives, by their authors; the page beside them says what they are. */
export const CIFAR_PUBLISHER = 'https://www.cs.toronto.edu/~kriz/';

/** torchvision's weights. */
export const TORCHVISION_PUBLISHER = 'https://download.pytorch.org/models/';

/** Where torchvision says how its DenseNets' weights came about. */
export const DENSENET_RECIPE = 'https://github.com/pytorch/vision/pull/116';
