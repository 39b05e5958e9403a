/** Raw overloads that end a process, Python's too, and are not checked before they run; docs/safety.md lists them. */
export const known: Readonly<Record<string, string>> = {};
