import { TorchError } from '../errors.js';

const advice =
  '. A checkpointed function runs again in backward, when the scopes around its call have ended: give checkpoint() the tensors that the function uses as inputs (or in `kwargs`), or keep() them';

/** Runs a function again; the error of a tensor that was released meanwhile says what to do. */
export function explainReleased<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof TorchError && error.code === 'disposed' && !error.message.endsWith(advice)) {
      const { message, stack } = error;
      error.message = message + advice;
      if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
    }
    throw error;
  }
}
