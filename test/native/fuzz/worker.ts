/**
 * The process that may die: makes argument lists and calls. Each list is written to a file before it is called, so that the one
 * that ended the process is known. `worker.ts work {json}` makes lists, `worker.ts replay file` calls those of a file.
 */
import { openSync, readFileSync, writeSync } from 'node:fs';
import { manualSeed, scope, setMemoryLimit, setNumThreads } from '../../../lib/tensor/index.js';
import { Dice } from './dice.js';
import { mutatedCall, randomCall } from './lists.js';
import { allTargets } from './targets.js';
import { type Call, run } from './values.js';

export interface Work {
  readonly seed: number;
  /** The targets from `from` to before `to`. */
  readonly from: number;
  readonly to: number;
  /** The list of the first target to begin with. */
  readonly first: number;
  readonly perTarget: number;
  /** Targets to leave out, by `via name`. */
  readonly skip: readonly string[];
  readonly log: string;
}

export interface Entry {
  readonly target: number;
  readonly list: number;
  readonly call: Call;
}

setNumThreads(1);
setMemoryLimit(2 ** 28);

function work({ seed, from, to, first, perTarget, skip, log }: Work): void {
  const file = openSync(log, 'w');
  const skipped = new Set(skip);
  const targets = allTargets();
  let taken = 0;
  let tried = 0;
  for (let t = from; t < to; ++t) {
    const target = targets[t];
    if (target === undefined || skipped.has(`${target.via} ${target.name}`)) continue;
    const good: Call[] = [];
    for (let list = t === from ? first : 0; list < perTarget; ++list) {
      const dice = new Dice(seed, t, list);
      const call = good.length > 0 && dice.chance(0.6) ? mutatedCall(dice.pick(good), dice) : randomCall(target, dice);
      writeSync(file, `${JSON.stringify({ target: t, list, call } satisfies Entry)}\n`);
      manualSeed(list);
      ++tried;
      if (scope(() => run(call))) {
        ++taken;
        if (good.length < 20) good.push(call);
      }
    }
  }
  process.stdout.write(`${JSON.stringify({ tried, taken })}\n`);
}

function replay(file: string): void {
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const { list, call } = JSON.parse(line) as Entry;
    manualSeed(list);
    const ok = scope(() => run(call));
    if (process.env['FUZZ_VERBOSE'] !== undefined) process.stdout.write(`${ok ? 'taken' : 'refused'}\n`);
  }
}

const [, , mode, given = ''] = process.argv;
if (mode === 'work') work(JSON.parse(given) as Work);
else if (mode === 'replay') replay(given);
else throw new Error('Expected work or replay');
