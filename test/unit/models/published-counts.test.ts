import { comparePublished } from '../../parity/models/macs.js';

describe("multiply-adds and parameters that torchvision publishes, the smaller networks' (the others: test/full)", function () {
  this.timeout(300_000);
  comparePublished(['densenet121', 'resnet18', 'googlenet', 'alexnet']);
});
