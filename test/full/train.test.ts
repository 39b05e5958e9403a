import { VALID_SIZE as validSize, describeTraining } from '../parity/training-runs.js';

describeTraining('more training runs beside the efficient_densenet_pytorch program', [
  { title: 'DenseNet-BC-40', bottleneck: true, dropRate: 0, threads: 1, validSize },
  { title: 'DenseNet-40 without bottlenecks', bottleneck: false, dropRate: 0, threads: 2, validSize },
  { title: 'DenseNet-BC-40 with dropout', bottleneck: true, dropRate: 0.2, threads: 2, validSize },
  { title: 'DenseNet-BC-40 without validation pictures', bottleneck: true, dropRate: 0, threads: 2, validSize: 0 },
]);
