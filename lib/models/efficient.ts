/**
 * How the layers of a DenseNet trade memory for time while they train. It is a way of computing, no part of a network's
 * form: weights and checkpoints of one go on in another.
 * - `none`: everything that backward needs is kept, as plain PyTorch does.
 * - `fused`: each dense block is one function that keeps its features and its bottlenecks, and works in channels_last. The
 *   fastest on a CPU; results are those of `none` but for rounding. Elsewhere the same as `none`.
 */
export const EFFICIENT_MODES = ['none', 'fused'] as const;

/** One of {@link EFFICIENT_MODES}. */
export type EfficientMode = (typeof EFFICIENT_MODES)[number];
