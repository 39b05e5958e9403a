/**
 * How the layers of a DenseNet trade memory for time while they train. It is a way of computing, no part of a network's
 * form: weights and checkpoints of one go on in another.
 * - `none`: everything that backward needs is kept, as plain PyTorch does.
 * - `checkpoint`: PyTorch's checkpointing of what comes before the bottleneck: torchvision's `memory_efficient` (not reentrant),
 *   or that of the efficient_densenet_pytorch script (reentrant), as the style says, bit for bit. Batch norm's running
 *   statistics take two steps for each batch, as they do there.
 * - `shared`: only the features, the convolutions' outputs and the norms' moments are kept, and backward rebuilds what was
 *   joined, normalised and rectified. On the CPU float32 and float64 come out bit for bit as those of `none`.
 * - `fused`: each dense block is one function that keeps its features and its bottlenecks, and works in channels_last. The
 *   fastest on a CPU; results are those of `none` but for rounding. Elsewhere the same as `none`.
 */
export const EFFICIENT_MODES = ['none', 'checkpoint', 'shared', 'fused'] as const;

/** One of {@link EFFICIENT_MODES}. */
export type EfficientMode = (typeof EFFICIENT_MODES)[number];
