/** Runs `work` and collects the warnings that it emits, without their being printed. */
export function recordWarnings<T>(work: () => T): { value: T; warnings: string[] } {
  const warnings: string[] = [];
  const emit = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error): void => {
    warnings.push(typeof warning === 'string' ? warning : warning.message);
  };
  try {
    return { value: work(), warnings };
  } finally {
    process.emitWarning = emit;
  }
}
