/** What is counted for a network, beside PyTorch's own counter (flops.py). */
import assert from 'node:assert/strict';
import path from 'node:path';
import { denseMlp, networkByName } from '../../../lib/models/index.js';
import { FlopCounter, type Module } from '../../../lib/nn/index.js';
import { getNumThreads, memory, noGrad, randint, randn, scope, setNumThreads } from '../../../lib/tensor/index.js';
import { runPython } from '../python.js';
import { freeModule, lossOf, type PictureNetwork } from './networks.js';

/** By module, then by operator. */
export type Counts = Record<string, Record<string, number>>;

export interface FlopCase {
  readonly network: string;
  readonly input: readonly number[];
  /**
   * Whether the network is a chain. Where a tensor is read twice, PyTorch counts some operators of backward for modules that are not theirs: a
   * module stays until the gradients of all its inputs are there, and other modules run meanwhile. A module with several outputs comes too late.
   */
  readonly chain?: boolean;
  /** Counted by a program in Python in place of a network, with the same one here. */
  readonly program?: string;
  readonly run?: () => void;
}

export const plainCounts = (counter: FlopCounter): Counts =>
  Object.fromEntries([...counter.getFlopCounts()].map(([name, counts]) => [name, Object.fromEntries(counts)]));

const modelOf = (name: string): Module => (name === 'dense-mlp' ? denseMlp() : networkByName(name));

/** One `it` for each case; Python counts them all at once, before. */
export function compareFlops(cases: Readonly<Record<string, FlopCase>>): void {
  const threads = getNumThreads();
  let expected: Record<string, { forward: Counts; both: Counts }> = {};

  before(() => {
    setNumThreads(1);
    const given = Object.entries(cases).map(([name, { run: _, chain: __, ...rest }]) =>
      JSON.stringify({ name, ...rest }),
    );
    expected = runPython(path.join(import.meta.dirname, 'flops.py'), given).json() as typeof expected;
  });
  after(() => setNumThreads(threads));

  for (const [name, { network, input, chain = false, run }] of Object.entries(cases)) {
    it(name, () => {
      const before = memory();
      const { forward, both } = expected[name]!;
      scope(() => {
        const counter = new FlopCounter();
        if (run !== undefined) {
          counter.run(run);
          assert.deepEqual(plainCounts(counter), both);
          return;
        }
        const model = modelOf(network) as PictureNetwork;
        const images = randn([...input]);
        noGrad(() => void counter.run(() => model.eval().call(images)));
        assert.deepEqual(plainCounts(counter), forward, 'forward, by module and by operator');
        model.train();
        counter.run(() => lossOf(model.call(images), randint(0, 10, [input[0]!])).backward());
        const counts = plainCounts(counter);
        assert.deepEqual(counts['Global'], both['Global'], 'backward too, by operator');
        if (chain) assert.deepEqual(counts, both, 'backward too, by module');
        assert.deepEqual(counts[model.className()], both['Global'], 'all of backward belongs to the network');
        freeModule(model);
      });
      assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes], 'nothing is left');
    });
  }
}
