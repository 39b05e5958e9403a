import { native } from '../../native/load.js';
import { type CallStack, withStackOf } from '../call-stack.js';
import { addForwardCall } from './anomaly.js';

let prepared = false;

/** The process must not end under a thread that computes. */
function prepare(): void {
  if (prepared) return;
  prepared = true;
  process.once('exit', () => {
    native.finishBackwards();
  });
}

/** Runs the engine off JavaScript's thread, on what stands on the tape: outputs, gradients, inputs. */
export function runBackwardAsync(retainGraph: boolean | undefined, createGraph: boolean): Promise<void> {
  prepare();
  const here: CallStack = {};
  Error.captureStackTrace(here, runBackwardAsync);
  return new Promise((resolve, reject) => {
    native.backwardAsync(retainGraph, createGraph, (error, thrown = false) => {
      if (error === undefined) {
        resolve();
        return;
      }
      // What JavaScript threw has a stack of its own.
      if (!thrown) withStackOf(error, here);
      addForwardCall(error);
      reject(error);
    });
  });
}
