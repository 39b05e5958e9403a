/** Cases that a Python program and a TypeScript one both run: each leaves a list of what happened, errors included. */
import assert from 'node:assert/strict';
import path from 'node:path';
import {
  getNumThreads,
  manualSeed,
  randn,
  scope,
  setNumThreads,
  type DType,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { runPython } from '../python.js';

export type Log = (value: unknown) => void;

export const leaf = (shape: number[], dtype: DType = 'float32'): Tensor => randn(shape, { dtype, requiresGrad: true });

/** Runs the cases as the program does, one test each, and compares the lists. */
export function compareCases(program: string, cases: Readonly<Record<string, (log: Log) => void>>): void {
  let expected: Record<string, unknown[]> = {};
  const threads = getNumThreads();
  before(function () {
    this.timeout(60_000);
    setNumThreads(1);
    expected = runPython(path.join(import.meta.dirname, program)).json() as Record<string, unknown[]>;
  });
  after(() => {
    setNumThreads(threads);
  });
  for (const [name, run] of Object.entries(cases)) {
    it(name.replaceAll('_', ' '), () => {
      manualSeed(1);
      const log: unknown[] = [];
      scope(() => {
        try {
          run((value) => {
            log.push(value); // a hook's result is looked at: no number may come back
          });
        } catch (error) {
          log.push((error as Error).message);
        }
      });
      assert.deepEqual(log, expected[name]);
    });
  }
  it('knows every case of the program', () => {
    assert.deepEqual(Object.keys(expected).sort(), Object.keys(cases).sort());
  });
}
