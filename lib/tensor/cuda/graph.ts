import type { CudaBinding } from '../../native/cuda-binding.js';
import { TorchError } from '../errors.js';
import { refusePromise } from '../scope.js';
import { synchronize } from './device.js';
import { emptyCache } from './memory.js';
import { calling, cudaModule } from './module.js';
import { Stream, withStream } from './streams.js';

/** Which other work may go on while a graph is captured. */
export type CaptureErrorMode = 'global' | 'thread_local' | 'relaxed';

const registry = new FinalizationRegistry<{ module: CudaBinding; handle: number }>(({ module, handle }) => {
  module.releaseGraph(handle);
});

let capturing = false;

/** Whether a graph is being recorded now: nothing may wait for the device. @see torch.cuda.is_current_stream_capturing */
export const isCurrentStreamCapturing = (): boolean => capturing;

/**
 * Work of a device that was recorded once and is done again at a single call. Its tensors stay where they are: what is to change is
 * copied into them.
 * @see torch.cuda.CUDAGraph
 */
export class CUDAGraph {
  readonly #module: CudaBinding;
  readonly #handle: number;

  /** @throws TorchError `device` without CUDA, `notImplemented` where the CUDA module was not built. */
  constructor() {
    this.#module = cudaModule('a CUDA graph');
    this.#handle = calling(() => this.#module.newGraph());
    registry.register(this, { module: this.#module, handle: this.#handle }, this);
  }

  /**
   * Begins to record what the current stream is given, which must not be the default one.
   * @param options.pool of another graph whose memory is shared; the two must then not be replayed side by side.
   */
  captureBegin(options: { pool?: string | undefined; captureErrorMode?: CaptureErrorMode | undefined } = {}): void {
    calling(() => {
      this.#module.captureBegin(this.#handle, options.pool ?? '', options.captureErrorMode ?? 'global');
    });
    capturing = true;
  }

  captureEnd(): void {
    capturing = false;
    calling(() => {
      this.#module.captureEnd(this.#handle);
    });
  }

  /** Gives the recorded work to the current stream. Random numbers are drawn anew. */
  replay(): void {
    calling(() => {
      this.#module.replay(this.#handle);
    });
  }

  /** Forgets the recorded work and its memory. */
  reset(): void {
    calling(() => {
      this.#module.reset(this.#handle);
    });
  }

  /** Its memory, for {@link captureBegin} of another graph. */
  pool(): string {
    return calling(() => this.#module.pool(this.#handle));
  }

  dispose(): void {
    registry.unregister(this);
    this.#module.releaseGraph(this.#handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Options of {@link graph}. */
export interface GraphOptions {
  readonly pool?: string | undefined;
  /** Default one of the device's own, not the default stream. */
  readonly stream?: Stream | undefined;
  readonly captureErrorMode?: CaptureErrorMode | undefined;
}

/**
 * Records what a synchronous function does. It runs once, without an effect on the device; tensors that it leaves get their values by
 * {@link CUDAGraph.replay}.
 * @throws TorchError `runtime` with the way out where something cannot be recorded, such as reading a value back.
 * @see torch.cuda.graph
 */
export function graph<T>(into: CUDAGraph, fn: () => T, options: GraphOptions = {}): T {
  const stream = options.stream ?? Stream.create();
  synchronize(stream.device);
  emptyCache();
  return withStream(stream, () => {
    into.captureBegin(options);
    let result: T;
    try {
      result = fn();
      refusePromise(result, 'cuda.graph');
    } catch (error) {
      endQuietly(into);
      throw explained(error);
    }
    try {
      into.captureEnd();
    } catch (error) {
      throw explained(error);
    }
    return result;
  });
}

/** A capture that failed is ended all the same, or nothing else could be done with the stream. */
function endQuietly(graph: CUDAGraph): void {
  try {
    graph.captureEnd();
  } catch {
    // It failed already, with the error that is told.
  }
}

/** CUDA says only that an operation is not permitted while a stream is captured. */
export function explained(error: unknown): unknown {
  if (!(error instanceof Error) || !/captur|cudaErrorStreamCapture/i.test(error.message)) return error;
  const [first = ''] = error.message.split('\n');
  // Checkpoints keep the state of random numbers, which a graph draws anew at each replay.
  const random = /Generator/.test(first) ? ', no state of random numbers (checkpoint: preserveRngState: false)' : '';
  return new TorchError(
    'runtime',
    `${first.replace(/\.$/, '')}. While a graph is recorded nothing may wait for the device: no item(), no printing, no copy to the CPU, ` +
      `no shape that depends on values${random}; do these before or after it`,
  );
}
