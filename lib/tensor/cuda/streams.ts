import { native } from '../../native/load.js';
import type { Device } from '../dtype.js';
import { refusePromise } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { type CudaDevice, nameOf, withDevice } from './device.js';

/** A queue of work of a device: what is in one is done in order, two go side by side. @see torch.cuda.Stream */
export class Stream {
  private constructor(
    readonly device: Device,
    /** The number by which libtorch knows it. */
    readonly streamId: bigint,
  ) {}

  /**
   * One of the device's pool of streams.
   * @param options.priority below 0 for one that goes first; default 0.
   */
  static create(device?: CudaDevice, options: { priority?: number } = {}): Stream {
    const name = nameOf(device);
    return new Stream(name, native.newStream(name, (options.priority ?? 0) < 0));
  }

  /** @see torch.cuda.current_stream */
  static current(device?: CudaDevice): Stream {
    const name = nameOf(device);
    return new Stream(name, native.currentStream(name));
  }

  /** @see torch.cuda.default_stream */
  static default(device?: CudaDevice): Stream {
    const name = nameOf(device);
    return new Stream(name, native.defaultStream(name));
  }

  /** Whether all is done that it was given. */
  query(): boolean {
    return native.queryStream(this.device, this.streamId);
  }

  /** Waits, with JavaScript's thread, until all is done that it was given. */
  synchronize(): void {
    native.synchronizeStream(this.device, this.streamId);
  }

  /** What it is given from now on waits for the event. */
  waitEvent(event: Event): void {
    native.blockStream(event.handle, this.device, this.streamId);
  }

  /** What it is given from now on waits for what the other was given so far. */
  waitStream(other: Stream): void {
    const event = other.recordEvent();
    this.waitEvent(event);
    event.dispose();
  }

  /** An event that marks what it was given so far. */
  recordEvent(event: Event = new Event()): Event {
    event.record(this);
    return event;
  }
}

/**
 * Runs a synchronous function whose operators are given to a stream; its device is the current one meanwhile.
 * @throws TorchError `type` for a function that returns a Promise.
 * @see torch.cuda.stream
 */
export function withStream<T>(stream: Stream, fn: () => T): T {
  return withDevice(stream.device, () => {
    const before = native.setStream(stream.device, stream.streamId);
    try {
      const result = fn();
      refusePromise(result, 'withStream');
      return result;
    } finally {
      native.setStream(stream.device, before);
    }
  });
}

/** Keeps the memory of a tensor from being given away before a stream has done what it was given. @see torch.Tensor.record_stream */
export function recordStream(tensor: Tensor, stream: Stream): void {
  native.recordStream(tensor.handle, stream.device, stream.streamId);
}

const registry = new FinalizationRegistry<number>((handle) => {
  native.releaseEvent(handle);
});

/** A mark in a stream, to wait for and to measure with. @see torch.cuda.Event */
export class Event {
  /** @internal */
  readonly handle: number;

  /** @param options.enableTiming whether {@link elapsedTime} can be asked; default false. */
  constructor(options: { enableTiming?: boolean } = {}) {
    nameOf(undefined);
    this.handle = native.newEvent('cuda', options.enableTiming ?? false);
    registry.register(this, this.handle, this);
  }

  /** Marks what the stream was given so far. */
  record(stream: Stream = Stream.current()): void {
    native.recordEvent(this.handle, stream.device, stream.streamId);
  }

  /** What the stream is given from now on waits for the mark. */
  wait(stream: Stream = Stream.current()): void {
    stream.waitEvent(this);
  }

  /** Whether all before the mark is done. */
  query(): boolean {
    return native.queryEvent(this.handle);
  }

  /** Waits, with JavaScript's thread, until all before the mark is done. */
  synchronize(): void {
    native.synchronizeEvent(this.handle);
  }

  /** Milliseconds from this mark to a later one, both of which must be reached. */
  elapsedTime(end: Event): number {
    return native.elapsedTime(this.handle, end.handle);
  }

  dispose(): void {
    registry.unregister(this);
    native.releaseEvent(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
