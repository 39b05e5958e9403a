/** Where a call came from: what `Error.captureStackTrace` has filled. */
export interface CallStack {
  stack?: string;
}

/** An error of another thread, with the stack of the call that failed there. */
export function withStackOf(error: Error, called: CallStack): Error {
  const frames = called.stack?.indexOf('\n    at ') ?? -1;
  if (called.stack !== undefined && frames >= 0) {
    error.stack = `${error.name}: ${error.message}${called.stack.slice(frames)}`;
  }
  return error;
}
