import { TorchError } from '../tensor/index.js';

/** What the launcher of a process says of it. */
export interface Launch {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** Processes in all. */
  readonly worldSize: number;
  /** Number of this process on its machine; 0 where no launcher says. */
  readonly localRank: number;
  /** Where rank 0 listens. */
  readonly masterAddr: string;
  readonly masterPort: number;
}

/** Variables of a process. */
export type LaunchEnvironment = Readonly<Record<string, string | undefined>>;

const set = (value: string | undefined): value is string => value !== undefined && value !== '';

function missing(name: string): TorchError {
  return new TorchError(
    'value',
    `Error initializing torch.distributed using env:// rendezvous: environment variable ${name} expected, but not set`,
  );
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text.trim()) || value < least || value > most) {
    throw new TorchError(
      'value',
      `Expected a whole number from ${least} to ${most} for the environment variable ${name} but received ${JSON.stringify(text)}`,
    );
  }
  return value;
}

/** Whether the variables in use are Slurm's, not a launcher's own. */
function isSlurm(env: LaunchEnvironment): boolean {
  return !set(env.RANK) && !set(env.WORLD_SIZE) && set(env.SLURM_PROCID) && set(env.SLURM_NTASKS);
}

function names(env: LaunchEnvironment): { rank: string; worldSize: string; localRank: string } {
  return isSlurm(env)
    ? { rank: 'SLURM_PROCID', worldSize: 'SLURM_NTASKS', localRank: 'SLURM_LOCALID' }
    : { rank: 'RANK', worldSize: 'WORLD_SIZE', localRank: 'LOCAL_RANK' };
}

/**
 * Whether this process was started as one of several: by `torchrun`, Kubernetes' PyTorchJob or hand (`RANK` or `WORLD_SIZE`
 * are set), or by Slurm's `srun` with more than one task. A job's script has Slurm's variables too, but not those of a step; outside of
 * a job they take a `MASTER_ADDR`.
 */
export function isLaunched(env: LaunchEnvironment = process.env): boolean {
  if (set(env.RANK) || set(env.WORLD_SIZE)) return true;
  if (!set(env.SLURM_PROCID) || !(Number(env.SLURM_NTASKS) > 1)) return false;
  if (set(env.SLURM_STEP_NUM_TASKS)) return Number(env.SLURM_STEP_NUM_TASKS) > 1;
  return set(env.SLURM_STEP_ID) || (set(env.MASTER_ADDR) && !isJobScript(env));
}

/** Whether this is the script of a job for several tasks, which `srun` is to start. */
export function isJobScript(env: LaunchEnvironment = process.env): boolean {
  const isStep = set(env.SLURM_STEP_NUM_TASKS) || set(env.SLURM_STEP_ID);
  return set(env.SLURM_JOB_ID) && Number(env.SLURM_NTASKS) > 1 && !isStep;
}

/**
 * Reads `RANK`, `WORLD_SIZE`, `LOCAL_RANK` (0 where it is not set), `MASTER_ADDR` and `MASTER_PORT`; without the first two
 * Slurm's `SLURM_PROCID`, `SLURM_NTASKS` and `SLURM_LOCALID`; with those, rank 0 listens on the first node of `SLURM_STEP_NODELIST` at
 * 20000 + `SLURM_JOB_ID` % 10000 where `MASTER_ADDR` or `MASTER_PORT` do not say otherwise.
 * @param given a rank or world size that need not be in the environment.
 * @throws TorchError `value` that names the variable which is missing or no such number.
 */
export function launchFromEnvironment(
  env: LaunchEnvironment = process.env,
  given: { readonly rank?: number | undefined; readonly worldSize?: number | undefined } = {},
): Launch {
  const variable = names(env);
  const read = (name: string): string => {
    const value = env[name];
    if (!set(value)) throw missing(name);
    return value;
  };
  const worldSize = given.worldSize ?? wholeNumber(variable.worldSize, read(variable.worldSize), 1, 1e6);
  const rank = given.rank ?? wholeNumber(variable.rank, read(variable.rank), 0, 1e6);
  checkRank(rank, worldSize);
  const local = env[variable.localRank];
  const master = { ...(isSlurm(env) ? slurmMaster(env) : {}), ...(set(env.MASTER_ADDR) && { addr: env.MASTER_ADDR }) };
  return {
    rank,
    worldSize,
    localRank: set(local) ? wholeNumber(variable.localRank, local, 0, 1e6) : 0,
    masterAddr: master.addr ?? read('MASTER_ADDR'),
    masterPort:
      !set(env.MASTER_PORT) && master.port !== undefined
        ? master.port
        : wholeNumber('MASTER_PORT', read('MASTER_PORT'), 0, 65535),
  };
}

/** Where rank 0 of a step of Slurm listens, as far as the variables tell. */
function slurmMaster(env: LaunchEnvironment): { addr?: string; port?: number } {
  const { SLURM_STEP_NODELIST: nodes, SLURM_JOB_ID: job } = env;
  return {
    ...(set(nodes) && { addr: firstNode(nodes) }),
    ...(set(job) && { port: 20000 + (wholeNumber('SLURM_JOB_ID', job, 0, 2 ** 32) % 10000) }),
  };
}

/** The first name of a list of Slurm's, as `gpu[003-007,12]-ib,other` has them. */
function firstNode(list: string): string {
  const [, before = '', numbers, after = ''] = /^([^,[]*)(?:\[([^\]]*)\]([^,[]*))?/.exec(list) ?? [];
  return numbers === undefined ? before : before + (/^[^,-]*/.exec(numbers)?.[0] ?? '') + after;
}

/** @throws TorchError `value` */
export function checkRank(rank: number, worldSize: number): void {
  if (!Number.isSafeInteger(worldSize) || worldSize < 1) {
    throw new TorchError('value', `Expected a world size from 1 but received ${worldSize}`);
  }
  if (!Number.isSafeInteger(rank) || rank < 0 || rank >= worldSize) {
    throw new TorchError(
      'value',
      `Expected a rank from 0 to ${worldSize - 1} (the world size is ${worldSize}) but received ${rank}`,
    );
  }
}
