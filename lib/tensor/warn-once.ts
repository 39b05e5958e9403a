const told = new Set<string>();

/** Warns of what may happen in every iteration: a text is told once, as by Python's default filter. */
export function warnOnce(text: string): void {
  if (told.has(text)) return;
  told.add(text);
  process.emitWarning(text);
}

/** Tells every text once more; for tests. */
export function forgetWarnings(): void {
  told.clear();
}
