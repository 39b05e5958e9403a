import { runFinalizers } from './finalizers.js';

/**
 * Lets the garbage collector free what earlier tests have left, so that what a test counts afterwards is its own. Nothing else
 * frees it while a test runs (finalizers.ts).
 */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; ++i) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
    runFinalizers();
  }
}
