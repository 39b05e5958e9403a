/**
 * Lets the garbage collector free what earlier tests have left, so that what a test counts afterwards is its own. Finalizers run
 * between turns of the event loop: a test that awaits needs this before it counts, one that does not is never interrupted by them.
 */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; ++i) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
