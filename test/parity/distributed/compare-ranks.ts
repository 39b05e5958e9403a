/** Ranks of ours beside Python's DistributedDataParallel: the same losses, parameters, buffers, buckets and orders, to the last bit. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { io, type Tensor } from '../../../lib/index.js';
import { withTemporaryFolder } from '../python.js';
import type { Options } from './data-parallel-rank.js';
import { startRanks, succeed, torchrun } from './launch.js';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const rankProgram = ['--import=tsx', here('data-parallel-rank.ts')];

interface Result {
  readonly state: ReadonlyMap<string, Tensor>;
  readonly rest: Readonly<Record<string, unknown>>;
}

function read(path: string): Result {
  const { state, ...rest } = Object.fromEntries(io.load(path) as Map<string, unknown>);
  return { state: state as ReadonlyMap<string, Tensor>, rest };
}

function assertSame(ours: Result, theirs: Result, what: string): void {
  assert.deepEqual(ours.rest, theirs.rest, what);
  assert.deepEqual([...ours.state.keys()], [...theirs.state.keys()]);
  for (const [name, tensor] of theirs.state) {
    const mine = ours.state.get(name)!;
    assert.deepEqual(
      Buffer.from(mine.toTypedArray().buffer),
      Buffer.from(tensor.toTypedArray().buffer),
      `${name}, ${what}`,
    );
  }
}

/** Trains with both and compares every rank. */
export async function compare(ranks: number, depth: number, steps: number, options: Options, byTorchrun = false) {
  await withTemporaryFolder(async (folder) => {
    const args = (out: string): string[] => [`${folder}/${out}`, String(depth), String(steps), JSON.stringify(options)];
    await torchrun(ranks, [here('data_parallel.py'), ...args('theirs')]);
    if (byTorchrun) {
      await torchrun(ranks, ['--no-python', process.execPath, ...rankProgram, ...args('ours')]);
    } else {
      const started = await startRanks(ranks, [...rankProgram, ...args('ours')]);
      await Promise.all(started.map(({ ended }) => succeed(ended)));
    }
    const all = Array.from({ length: ranks }, (_, rank) => read(`${folder}/ours.${rank}`));
    for (const [rank, ours] of all.entries()) {
      assertSame(ours, read(`${folder}/theirs.${rank}`), `rank ${rank} of ${ranks}`);
      for (const [name, tensor] of ours.state) {
        if (/running_|num_batches/.test(name)) continue; // each rank's own until the next forward
        assert.ok(tensor.equal(all[0]!.state.get(name)!), `${name} is the same on rank ${rank} as on rank 0`);
      }
    }
  });
}
