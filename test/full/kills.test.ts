/**
 * A process of a run is killed at a random moment, twenty times: the others end with one clear line, nothing stays behind, and the
 * run goes on to the bits of one that was never killed. TORCHBRIDGE_KILLS_SEED draws other moments.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { load } from '../../lib/io/index.js';
import { scope } from '../../lib/tensor/index.js';
import { program, start, succeed, suiteFolder, tiny, torchbridge, type Outcome } from '../cli/command.js';
import { randomNumbers, writeSmallCifar } from '../cli/small-cifar.js';
import { freePort } from '../parity/distributed/launch.js';
import { pythonForParity, whyNoPython } from '../parity/python.js';
import { MARK, processesOf } from './marked-processes.js';

const RANKS = 3;
const TIMEOUT = 30;
const EPOCHS = 4;
const env = { OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', GLOO_SOCKET_IFNAME: 'lo' };
const options = [
  ...tiny,
  ...['--drop-rate', '0.2', '--ema', '0.9', '--n-epochs', String(EPOCHS), '--timeout', String(TIMEOUT)],
];

type Way = 'nproc' | 'variables' | 'torchrun';

/** What is killed: a rank, or the process that `--nproc` makes the launcher. */
type Victim = number | 'launcher';

interface Trial {
  readonly way: Way;
  readonly victim: Victim;
  /** It is killed so many milliseconds after that many iterations, validations included. */
  readonly iterations: number;
  readonly delay: number;
}

const ways: readonly Way[] =
  pythonForParity() === undefined ? ['nproc', 'variables'] : ['nproc', 'variables', 'torchrun'];

/** Every way of launching and every victim come up; moments are random. */
function drawTrials(seed: number): Trial[] {
  const random = randomNumbers(seed);
  const draw = (n: number): number => Math.floor(n * random());
  return Array.from({ length: 20 }, (_, index) => {
    const way = ways[index % ways.length]!;
    const victim = way === 'nproc' && draw(5) === 0 ? 'launcher' : draw(RANKS);
    // The last epoch is left out: a process that has ended cannot be killed.
    return { way, victim, iterations: 1 + draw((EPOCHS - 1) * 4), delay: draw(100) };
  });
}

const seed = Number(process.env['TORCHBRIDGE_KILLS_SEED'] ?? 7);
const without = ways.includes('torchrun') ? '' : ` (not under torchrun: ${whyNoPython()})`;

describe(`a killed process of a run, seed ${seed}${without}`, function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);

  before(async () => {
    writeSmallCifar(at('data'), { train: 120 });
    await succeed(['train', ...options, '--save', 'whole', '--nproc', String(RANKS)], { cwd: folder.path, env });
  });

  /** Starts a run; the outcomes are those of its ranks, or of its launcher alone. */
  async function launch(way: Way, mark: string, onOutput: (sofar: string) => void): Promise<Outcome[]> {
    const args = ['train', ...options, '--save', mark];
    const base = { cwd: folder.path, env: { ...env, [MARK]: mark } };
    if (way === 'nproc') return [await torchbridge([...args, '--nproc', String(RANKS)], { ...base, onOutput })];
    if (way === 'torchrun') {
      const launcher = ['-m', 'torch.distributed.run', '--standalone', `--nproc-per-node=${RANKS}`, '--no-python'];
      return [
        await start(pythonForParity()!, [...launcher, process.execPath, program, ...args], { ...base, onOutput }),
      ];
    }
    const master = { WORLD_SIZE: String(RANKS), MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
    const ranks = Array.from({ length: RANKS }, (_, rank) =>
      torchbridge(args, {
        ...base,
        env: { ...base.env, ...master, RANK: String(rank) },
        ...(rank === 0 && { onOutput }),
      }),
    );
    return Promise.all(ranks);
  }

  /** Starts a run and kills one of its processes. @returns how it ended, and milliseconds from the kill to the end of all. */
  async function kill({ way, victim, iterations, delay }: Trial, mark: string): Promise<[Outcome[], number]> {
    let killed: Promise<number> | undefined;
    const outcomes = await launch(way, mark, (sofar) => {
      if ((sofar.match(/^(Epoch: \[.*|Valid)\tIter: /gm)?.length ?? 0) < iterations) return;
      killed ??= new Promise((resolve, reject) =>
        setTimeout(() => {
          const wanted = victim === 'launcher' ? null : victim;
          const found = processesOf(mark).find(({ rank }) => rank === wanted);
          if (found === undefined) {
            reject(new Error(`there is no process ${victim} to be killed`));
            return;
          }
          process.kill(found.pid, 'SIGKILL');
          resolve(performance.now());
        }, delay),
      );
    });
    const began = await killed;
    assert.ok(began !== undefined, outcomes.map(({ stderr }) => stderr).join(''));
    // A launcher that is killed cannot wait for its ranks.
    while (processesOf(mark).length > 0 && performance.now() - began < 1000 * TIMEOUT) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return [outcomes, performance.now() - began];
  }

  function assertSaid({ way, victim }: Trial, outcomes: readonly Outcome[]): void {
    const others = Array.from({ length: RANKS }, (_, rank) => rank).filter((rank) => rank !== victim);
    const line = (rank: number): RegExp =>
      new RegExp(
        `^torchbridge: Rank ${rank} of ${RANKS} cannot go on, another process has ended .*--resume, and the same processes$`,
      );
    if (way === 'variables') {
      for (const rank of others) {
        const { code, stderr } = outcomes[rank]!;
        assert.equal(code, 1, stderr);
        assert.match(stderr.trimEnd(), line(rank)); // and nothing else
      }
      return;
    }
    const [{ code, signal, stderr } = assert.fail('no outcome')] = outcomes;
    if (victim === 'launcher') {
      assert.equal(signal, 'SIGKILL');
      return;
    }
    assert.notEqual(code, 0);
    const lines = stderr.trimEnd().split('\n');
    if (way === 'nproc') {
      assert.match(
        lines.at(-1)!,
        new RegExp(`^torchbridge: rank ${victim} was ended by SIGKILL; the others end with it$`),
      );
      return;
    }
    for (const rank of others)
      assert.ok(
        lines.some((each) => line(rank).test(each)),
        `rank ${rank}: ${stderr}`,
      );
  }

  drawTrials(seed).forEach((trial, index) => {
    const { way, victim, iterations, delay } = trial;
    const who = victim === 'launcher' ? 'the launcher' : `rank ${victim}`;
    it(`${who} under ${way}, ${delay} ms after iteration ${iterations}`, async () => {
      const mark = `trial-${index}`;
      const [outcomes, milliseconds] = await kill(trial, mark);
      assert.deepEqual(processesOf(mark), [], 'no process stays behind');
      assert.ok(milliseconds < 1000 * TIMEOUT, `it took ${milliseconds} ms`);
      assertSaid(trial, outcomes);
      for (const name of ['checkpoint.pth', 'model.pth']) {
        if (fs.existsSync(at(mark, name))) scope(() => assert.ok(load(at(mark, name)) instanceof Map));
      }
      await succeed(['train', '--save', mark, '--resume', '--nproc', String(RANKS)], { cwd: folder.path, env });
      const names = fs.readdirSync(at('whole')).sort();
      assert.deepEqual(fs.readdirSync(at(mark)).sort(), names);
      for (const name of names.filter((each) => !each.startsWith('curves'))) {
        assert.ok(
          fs.readFileSync(at(mark, name)).equals(fs.readFileSync(at('whole', name))),
          `${mark}/${name} differs`,
        );
      }
    });
  });
});
