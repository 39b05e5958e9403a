import type { Device } from '../dtype.js';
import { CUDAGraph, graph, type GraphOptions } from './graph.js';
import { Stream, withStream } from './streams.js';

/** Records work once, and does it again. */
export interface Recorder {
  /** Does real work in the place where it will be recorded. */
  warmUp<T>(fn: () => T): T;
  /** Calls `fn` once, without an effect; what it returns gets its values by {@link replay}. */
  record<T>(fn: () => T): T;
  /** Does again what was recorded. */
  replay(): void;
  dispose(): void;
}

/** A {@link CUDAGraph} and the stream that it is recorded on. */
export class CudaRecorder implements Recorder {
  readonly #graph: CUDAGraph;
  readonly #stream: Stream;
  readonly #options: GraphOptions;

  /** @throws TorchError `device` without CUDA, `notImplemented` without the CUDA module. */
  constructor(device?: Device, options: GraphOptions = {}) {
    this.#graph = new CUDAGraph();
    this.#stream = options.stream ?? Stream.create(device);
    this.#options = { ...options, stream: this.#stream };
  }

  warmUp<T>(fn: () => T): T {
    return this.#aside(() => withStream(this.#stream, fn));
  }

  record<T>(fn: () => T): T {
    return this.#aside(() => graph(this.#graph, fn, this.#options));
  }

  replay(): void {
    this.#graph.replay();
  }

  dispose(): void {
    this.#graph.dispose();
  }

  /** What the stream is given comes after all that the current one was given, and before all that it will be. */
  #aside<T>(fn: () => T): T {
    const current = Stream.current(this.#stream.device);
    this.#stream.waitStream(current);
    const result = fn();
    current.waitStream(this.#stream);
    return result;
  }
}
