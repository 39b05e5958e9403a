import { UsageError } from './errors.js';

/** Where a process of a run stands, and what it finds there. */
export interface Standing {
  /** Its number on its machine. */
  readonly localRank: number;
  /** GPUs that it sees. */
  readonly gpus: number;
}

/**
 * Which GPU `cuda` is for one of the processes of a run: that of its number on the machine, or the only one that it is shown, as
 * `CUDA_VISIBLE_DEVICES` of each task shows one under Slurm.
 * @param device as the run has it: the same for all processes.
 * @returns null where there is nothing to choose: on another device, and where there is no GPU, which the network's move tells.
 * @throws UsageError in one line for a device with a number, and for more processes than GPUs.
 */
export function gpuOf(device: string, { localRank, gpus }: Standing): number | null {
  if (!/^cuda\b/.test(device)) return null;
  if (device !== 'cuda')
    throw new UsageError(
      `Expected --device cuda with several processes but received ${device}: each takes the GPU of its LOCAL_RANK`,
    );
  if (gpus === 0) return null;
  if (localRank < gpus) return localRank;
  if (gpus === 1) return 0;
  throw new UsageError(
    `Expected a GPU for each process of a machine, but that of LOCAL_RANK ${localRank} sees ${gpus}: start ${gpus} of them there (--nproc ${gpus}), or show each its own by CUDA_VISIBLE_DEVICES`,
  );
}

/**
 * Whether two processes have taken one GPU, which NCCL does not bear.
 * @param ids of the GPUs that the processes have taken, in the order of their ranks; null for one without.
 * @returns what is wrong in one line, null for nothing.
 */
export function sharedGpu(ids: readonly (string | null)[]): string | null {
  const second = ids.findIndex((id, rank) => id !== null && ids.indexOf(id) < rank);
  if (second < 0) return null;
  const id = ids[second]!;
  return `Expected a GPU for each process, but ranks ${ids.indexOf(id)} and ${second} have the same one (${id}): start as many processes on a machine as it has GPUs, each with a LOCAL_RANK of its own`;
}
