/** How a transition between two dense blocks halves height and width: by means, as in the paper, or by maxima. */
export const TRANSITION_POOLS = ['avg', 'max'] as const;

/** One of {@link TRANSITION_POOLS}. */
export type TransitionPool = (typeof TRANSITION_POOLS)[number];
