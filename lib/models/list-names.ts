/** Names for one line of a message: the first of them, none longer than a line takes, nothing that breaks it. */
export function listNames(names: Iterable<unknown>, most = 4): string {
  const all = [...names];
  const shown = all.slice(0, most).map(plainName);
  return all.length > most ? `${shown.join(', ')} and ${all.length - most} more` : shown.join(', ');
}

function plainName(name: unknown): string {
  const text = String(name).replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
