/**
 * The process that may die: makes argument lists and calls. Each list is written to a file before it is called, so that the one
 * that ended the process is known. `worker.ts work {json}` makes lists, `worker.ts replay file` calls those of a file.
 */
import { openSync, readFileSync, writeSync } from 'node:fs';
import { manualSeed, scope, scopeAsync, setMemoryLimit, setNumThreads } from '../../../lib/tensor/index.js';
import { api } from './api.js';
import { Dice } from './dice.js';
import { chainedCall, mutatedCall, randomCall } from './lists.js';
import { allTargets } from './targets.js';
import { type Call, run, runLater, type TensorPlan } from './values.js';

export interface Work {
  readonly seed: number;
  /** The targets from `from` to before `to`. */
  readonly from: number;
  readonly to: number;
  /** The list of the first target to begin with. */
  readonly first: number;
  readonly perTarget: number;
  /** A regular expression that `via name` of a target must match. */
  readonly only: string;
  readonly log: string;
  /** That of half of the tensors of random lists; any when left out. */
  readonly flavour?: TensorPlan['flavour'] | undefined;
}

export interface Entry {
  readonly target: number;
  readonly list: number;
  readonly call: Call;
}

setNumThreads(1);
setMemoryLimit(2 ** 28);

/** Whether the call was taken; what it made is released. */
const isLater = ({ via, name }: Call): boolean => via === 'async' || (via === 'api' && api[name]?.later === true);
const runScoped = (call: Call): boolean | Promise<boolean> =>
  isLater(call) ? scopeAsync(() => runLater(call)) : scope(() => run(call));

async function work({ seed, from, to, first, perTarget, only, log, flavour }: Work): Promise<void> {
  const file = openSync(log, 'w');
  const chosen = new RegExp(only);
  const targets = allTargets();
  let taken = 0;
  let tried = 0;
  // Calls whose results later calls are given: of all targets.
  const made: Call[] = [];
  for (let t = from; t < to; ++t) {
    const target = targets[t];
    if (target === undefined || !chosen.test(`${target.via} ${target.name}`)) continue;
    const good: Call[] = [];
    for (let list = t === from ? first : 0; list < perTarget; ++list) {
      const dice = new Dice(seed, t, list);
      const fresh = good.length > 0 && dice.chance(0.6) ? mutatedCall(dice.pick(good), dice) : randomCall(target, dice, flavour);
      const call = dice.chance(0.1) ? chainedCall(fresh, made, dice) : fresh;
      writeSync(file, `${JSON.stringify({ target: t, list, call } satisfies Entry)}\n`);
      manualSeed(list);
      ++tried;
      if (await runScoped(call)) {
        ++taken;
        if (good.length < 20) good.push(call);
        if (call === fresh && !isLater(call)) made[made.length < 300 ? made.length : dice.below(300)] = call;
      }
    }
  }
  process.stdout.write(`${JSON.stringify({ tried, taken })}\n`);
}

async function replay(file: string): Promise<void> {
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const { list, call } = JSON.parse(line) as Entry;
    manualSeed(list);
    const ok = await runScoped(call);
    if (process.env['FUZZ_VERBOSE'] !== undefined) process.stdout.write(`${ok ? 'taken' : 'refused'}\n`);
  }
}

const [, , mode, given = ''] = process.argv;
if (mode === 'work') await work(JSON.parse(given) as Work);
else if (mode === 'replay') await replay(given);
else throw new Error('Expected work or replay');
