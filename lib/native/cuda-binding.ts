import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { addonPath } from './load.js';

/** The optional second addon, compiled where CUDA's headers are: graphs, the limit of the allocator, and NCCL. */
export interface CudaBinding {
  newGraph(): number;
  releaseGraph(graph: number): void;
  /** @param pool of another graph, or an empty text. */
  captureBegin(graph: number, pool: string, mode: string): void;
  captureEnd(graph: number): void;
  replay(graph: number): void;
  reset(graph: number): void;
  pool(graph: number): string;
  setMemoryFraction(fraction: number, device: number): void;
  /** What the first addon makes NCCL's process groups with, or one line that says why there is none. */
  nccl(): object | string;
}

let loaded: CudaBinding | string | undefined;

/** The second addon, or one line that says why there is none. It is loaded when it is first asked for. */
export function cudaBinding(): CudaBinding | string {
  loaded ??= load();
  return loaded;
}

function load(): CudaBinding | string {
  const file = path.join(path.dirname(addonPath), 'torchbridge_cuda.node');
  if (!existsSync(file)) {
    return `the CUDA module was not built (no ${file}): it is compiled beside the addon where libtorch is a CUDA build and CUDA's headers are found`;
  }
  try {
    return createRequire(import.meta.url)(file) as CudaBinding;
  } catch (error) {
    return `the CUDA module ${file} cannot be loaded: ${(error as Error).message.split('\n')[0] ?? ''}`;
  }
}
