import type { Module } from '../../../lib/nn/index.js';
import type { GradScaler, Optimizer } from '../../../lib/optim/index.js';
import { getRngState, noGrad, scope, setRngState, Tensor } from '../../../lib/tensor/index.js';
import type { Recorder } from '../../../lib/tensor/cuda/recorder.js';

/**
 * A recorder for machines without a GPU, as unkind as a real one: recording has no effect and leaves no values, and what is done again is
 * done with the numbers of the moment at which it was recorded.
 */
export class FakeRecorder implements Recorder {
  readonly calls = { warmUps: 0, records: 0, replays: 0, disposed: 0 };
  #fn: (() => readonly Tensor[]) | null = null;
  #outputs: readonly Tensor[] = [];
  #numbers: readonly Record<string, unknown>[] = [];

  constructor(
    readonly model: Module,
    readonly optimizer: Optimizer,
    readonly scaler: GradScaler | null = null,
  ) {}

  warmUp<T>(fn: () => T): T {
    this.calls.warmUps += 1;
    return fn();
  }

  record<T>(fn: () => T): T {
    this.calls.records += 1;
    this.#fn = fn as () => readonly Tensor[];
    this.#numbers = this.optimizer.paramGroups.map((group) => ({ ...group }));
    return this.#withoutEffect(() => {
      const outputs = fn();
      this.#outputs = outputs as readonly Tensor[];
      noGrad(() => {
        for (const each of this.#outputs) each.fill_(NaN);
      });
      return outputs;
    });
  }

  replay(): void {
    this.calls.replays += 1;
    const now = this.optimizer.paramGroups.map((group) => ({ ...group }));
    this.#put(this.#numbers);
    const again = this.#fn!();
    this.#put(now);
    noGrad(() => {
      this.#outputs.forEach((into, index) => into.copy_(again[index]!));
    });
    for (const each of again) each.dispose();
  }

  dispose(): void {
    this.calls.disposed += 1;
  }

  #put(groups: readonly Record<string, unknown>[]): void {
    this.optimizer.paramGroups.forEach((group, index) => Object.assign(group, groups[index]));
  }

  #withoutEffect<T>(fn: () => T): T {
    const { model, optimizer, scaler } = this;
    const parameters = [...model.parameters()];
    const momenta = parameters.map((each) => optimizer.state.get(each)?.['momentum_buffer']);
    const state = [...parameters, ...model.buffers(), ...momenta].filter((each) => each instanceof Tensor);
    return scope(() => {
      const before = noGrad(() => state.map((each) => each.clone()));
      const rng = getRngState();
      const scaling = scaler?.stateDict();
      const result = fn();
      noGrad(() => {
        state.forEach((each, index) => each.copy_(before[index]!));
      });
      setRngState(rng);
      if (scaling !== undefined) scaler?.loadStateDict(scaling);
      return result;
    });
  }
}
