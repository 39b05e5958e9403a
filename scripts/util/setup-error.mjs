/** A failure whose message is the whole story: no stack is printed. */
export class SetupError extends Error {}
