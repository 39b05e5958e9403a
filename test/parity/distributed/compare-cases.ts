/** Cases of join.py beside ours: every rank ends with the same losses, buckets, parameters, buffers and errors, to the last bit. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { io, type Tensor } from '../../../lib/index.js';
import { withTemporaryFolder } from '../python.js';
import type { Case } from './join-rank.js';
import { startRanks, succeed, torchrun } from './launch.js';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What a rank wrote, tensors as bytes. */
function read(path: string): unknown {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (!(value instanceof Map)) return value;
    const state = (value as Map<string, unknown>).get('state') as Map<string, Tensor> | undefined;
    const tensors = [...(state ?? [])].map(([name, t]) => [name, Buffer.from(t.toTypedArray().buffer).toString('hex')]);
    return { ...Object.fromEntries(value), state: tensors };
  };
  return plain(io.load(path));
}

/** What a rank ended a case with. */
export interface Ended {
  readonly losses: readonly number[];
  readonly error: string | null;
  readonly state: unknown;
  readonly last: number;
}

/** Runs all cases with both. @returns what each rank of ours ended with. */
export async function compareCases(ranks: number, cases: readonly Case[]): Promise<Ended[][]> {
  return withTemporaryFolder(async (folder) => {
    const args = (out: string): string[] => [`${folder}/${out}`, JSON.stringify(cases)];
    await torchrun(ranks, [here('join.py'), ...args('theirs')]);
    const started = await startRanks(ranks, ['--import=tsx', here('join-rank.ts'), ...args('ours')]);
    await Promise.all(started.map(({ ended }) => succeed(ended)));
    return Array.from({ length: ranks }, (_, rank) => {
      const [ours, theirs] = [read(`${folder}/ours.${rank}`), read(`${folder}/theirs.${rank}`)] as [Ended[], Ended[]];
      for (const [index, each] of cases.entries()) {
        assert.deepEqual(ours[index], theirs[index], `rank ${rank} of ${ranks}, ${JSON.stringify(each)}`);
      }
      return ours;
    });
  });
}
