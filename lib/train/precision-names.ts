/** Automatic mixed precision by the names of the option `--amp`: off, or the narrow dtype. */
export const AMP_NAMES = ['none', 'bf16', 'fp16'] as const;

/** One of {@link AMP_NAMES}. */
export type AmpName = (typeof AMP_NAMES)[number];
