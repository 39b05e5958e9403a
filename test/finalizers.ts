/**
 * What the garbage collector finds in the process of the tests waits until a test asks for it: else the tensors that one test left
 * behind are freed in the middle of another, which counts, or those that a test should have freed itself are gone by chance.
 * mocha loads this first (.mocharc.json). Programs and worker threads that tests start have Node's own registries.
 */
const waiting: (() => void)[] = [];

globalThis.FinalizationRegistry = class<T> extends FinalizationRegistry<T> {
  constructor(cleanup: (held: T) => void) {
    super((held) => void waiting.push(() => cleanup(held)));
  }
};

/** Runs the finalizers of what was collected so far. */
export function runFinalizers(): void {
  for (const each of waiting.splice(0)) each();
}

/** mocha's own hooks: a test begins without what those before it left. */
export const mochaHooks = { beforeEach: runFinalizers };
