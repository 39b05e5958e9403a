import {
  areDeterministicAlgorithmsEnabled,
  backends,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  useDeterministicAlgorithms,
} from '../tensor/index.js';

/**
 * Takes only algorithms that give the same bits in every run, as PyTorch's notes on reproducibility have it: operators without one are
 * refused, cuDNN chooses among such, and cuBLAS gets workspaces of its own, unless its variable says how many already.
 * @returns what puts the switches back.
 * @see torch.use_deterministic_algorithms
 */
export function computeDeterministically(): () => void {
  const { cudnn } = backends;
  const enabled = areDeterministicAlgorithmsEnabled();
  const warnOnly = isDeterministicAlgorithmsWarnOnlyEnabled();
  const { deterministic } = cudnn;
  process.env['CUBLAS_WORKSPACE_CONFIG'] ??= ':4096:8';
  useDeterministicAlgorithms(true);
  cudnn.deterministic = true;
  return () => {
    useDeterministicAlgorithms(enabled, { warnOnly });
    cudnn.deterministic = deterministic;
  };
}
