/** Batches that travel while the one before is worked on. The copies of a GPU are in scripts/gpu-check; these are of the CPU. */
import assert from 'node:assert/strict';
import { type BatchCopies, type Batches, DataLoader, type Dataset, Prefetcher } from '../../../lib/data/index.js';
import {
  cuda,
  memory,
  manualSeed,
  rand,
  randn,
  scope,
  tensor,
  type Tensor,
  TorchError,
} from '../../../lib/tensor/index.js';
import { forgetWarnings } from '../../../lib/tensor/warn-once.js';
import { recordWarnings } from '../../warnings.js';
import { settle } from '../../settle.js';

/** Pictures that are drawn from the default generator, as those of random transforms are. */
class Drawn implements Dataset {
  constructor(readonly length: number) {}
  batch(indices: readonly number[]): [Tensor, Tensor] {
    return [randn([indices.length, 2]), tensor(BigInt64Array.from(indices, BigInt))];
  }
}

/** Copies that write down when they begin and end. */
function writtenDown(log: string[]): BatchCopies {
  return {
    begin: ([input, target]) => {
      log.push(`begin ${target.get(0).item()}`);
      return [input.clone(), target.clone()];
    },
    end: ([, target]) => void log.push(`end ${target.get(0).item()}`),
  };
}

const loader = (): DataLoader => new DataLoader(new Drawn(9), { batchSize: 2, shuffle: true });
const read = (batch: readonly [Tensor, Tensor]): unknown => batch.map((each) => each.toArray());

/** The batches of a pass, each followed by a draw of the step that works on it. */
async function pass(batches: Batches & { prefetch?: () => Promise<void> }): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (;;) {
    await batches.ready?.();
    const done = scope(() => {
      const next = batches.next();
      if (next.done === true) return true;
      seen.push(read(next.value), rand([1]).item());
      return false;
    });
    if (done) break;
    await batches.prefetch?.();
  }
  await batches.close?.();
  seen.push(rand([1]).item());
  return seen;
}

describe('data/prefetcher', () => {
  it('passes batches of the CPU on', async () => {
    manualSeed(1);
    const expected = await pass(loader()[Symbol.iterator]());
    manualSeed(1);
    const batches = new Prefetcher(loader()[Symbol.iterator](), { device: 'cpu' });
    assert.equal(batches.passesOn, true);
    assert.deepEqual(await pass(batches), expected);
  });

  it('draws each batch while the one before is worked on, with the same random numbers', async () => {
    manualSeed(1);
    const expected = await pass(loader()[Symbol.iterator]());
    manualSeed(1);
    const log: string[] = [];
    const batches = new Prefetcher(loader()[Symbol.iterator](), { device: 'cpu', copies: writtenDown(log) });
    assert.deepEqual(await pass(batches), expected);
    const kinds = log.map((each) => each.split(' ')[0]);
    assert.deepEqual(kinds, ['begin', 'end', 'begin', 'end', 'begin', 'end', 'begin', 'end', 'begin', 'end']);
    const numbers = log.map((each) => each.split(' ')[1]);
    for (let i = 0; i < 10; i += 2) assert.equal(numbers[i], numbers[i + 1], 'a batch begins and ends');
  });

  it('begins the copy of the next batch before it is asked for', async () => {
    const log: string[] = [];
    const batches = new Prefetcher(new DataLoader(new Drawn(4), { batchSize: 2 })[Symbol.iterator](), {
      device: 'cpu',
      copies: writtenDown(log),
    });
    scope(() => void batches.next());
    await batches.prefetch();
    await batches.prefetch(); // there is one on its way
    assert.deepEqual(log, ['begin 0', 'end 0', 'begin 2']);
    scope(() => void batches.next());
    await batches.prefetch();
    assert.deepEqual([batches.next().done, log.at(-1)], [true, 'end 2']);
    await batches.close();
  });

  it('is left with the place and the random numbers of what was given out', async () => {
    manualSeed(2);
    const whole = await pass(loader()[Symbol.iterator]());
    manualSeed(2);
    const source = loader();
    const first = new Prefetcher(source[Symbol.iterator](), { device: 'cpu', copies: writtenDown([]) });
    const seen: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      scope(() => seen.push(read(first.next().value!), rand([1]).item()));
      await first.prefetch();
    }
    const state = first.state();
    assert.equal(state.batches, 2);
    await first.close();
    seen.push(...(await pass(new Prefetcher(source.resume(state), { device: 'cpu', copies: writtenDown([]) }))));
    assert.deepEqual(seen, whole);
  });

  it('tells what is wrong with the next batch when that is waited for', async () => {
    const broken: Batches = {
      ready: () => Promise.reject(new Error('a picture')),
      next: () => ({ done: true, value: undefined }),
      state: () => ({ batches: 7, samplerSeed: null, generatorState: null }),
    };
    const batches = new Prefetcher(broken, { device: 'cpu', copies: writtenDown([]) });
    await batches.prefetch();
    assert.equal(batches.state().batches, 7);
    await assert.rejects(batches.ready(), /a picture/);
    await batches.close();
  });

  it('frees each batch with the scope it is given out in, and what nobody asked for', async () => {
    await settle();
    const before = memory().tensors;
    const batches = new Prefetcher(loader()[Symbol.iterator](), { device: 'cpu', copies: writtenDown([]) });
    const counts: number[] = [];
    for (let i = 0; i < 3; i++) {
      scope(() => void batches.next());
      counts.push(memory().tensors - before);
      await batches.prefetch();
      counts.push(memory().tensors - before);
    }
    // The order of the pass is no tensor; a batch on its way is two and the generator's state.
    assert.deepEqual(counts, [0, 3, 0, 3, 0, 3]);
    await batches.close();
    assert.equal(memory().tensors, before);
  });

  it("says that there is no accelerator to pin memory for, in PyTorch's words", function () {
    if (cuda.isAvailable()) this.skip();
    forgetWarnings();
    const { warnings } = recordWarnings(() => {
      const [[input] = []] = [...new DataLoader(new Drawn(2), { batchSize: 2, pinMemory: true })];
      assert.equal(input?.isPinned(), false);
    });
    assert.deepEqual(warnings, [
      "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
    ]);
  });

  it('needs the device that it is to bring batches to', function () {
    if (cuda.isAvailable()) this.skip();
    assert.throws(() => new Prefetcher(loader()[Symbol.iterator](), { device: 'cuda' }), TorchError);
  });
});
