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

/** Names of the variables in use: a launcher's own, or Slurm's. */
function names(env: LaunchEnvironment): { rank: string; worldSize: string; localRank: string } {
  const slurm = !set(env.RANK) && !set(env.WORLD_SIZE) && set(env.SLURM_PROCID) && set(env.SLURM_NTASKS);
  return slurm
    ? { rank: 'SLURM_PROCID', worldSize: 'SLURM_NTASKS', localRank: 'SLURM_LOCALID' }
    : { rank: 'RANK', worldSize: 'WORLD_SIZE', localRank: 'LOCAL_RANK' };
}

/**
 * Whether this process was started as one of several: by `torchrun`, Kubernetes' PyTorchJob or hand (`RANK` or `WORLD_SIZE`
 * are set), or by Slurm's `srun` with more than one task and a `MASTER_ADDR`.
 */
export function isLaunched(env: LaunchEnvironment = process.env): boolean {
  if (set(env.RANK) || set(env.WORLD_SIZE)) return true;
  return set(env.SLURM_PROCID) && Number(env.SLURM_NTASKS) > 1 && set(env.MASTER_ADDR);
}

/**
 * Reads `RANK`, `WORLD_SIZE`, `LOCAL_RANK` (0 where it is not set), `MASTER_ADDR` and `MASTER_PORT`; without the first two
 * Slurm's `SLURM_PROCID`, `SLURM_NTASKS` and `SLURM_LOCALID`.
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
  return {
    rank,
    worldSize,
    localRank: set(local) ? wholeNumber(variable.localRank, local, 0, 1e6) : 0,
    masterAddr: read('MASTER_ADDR'),
    masterPort: wholeNumber('MASTER_PORT', read('MASTER_PORT'), 0, 65535),
  };
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
