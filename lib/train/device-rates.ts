import type { Optimizer } from '../optim/index.js';
import { type Device, keep, noGrad, Tensor, tensor } from '../tensor/index.js';

/**
 * The learning rates of an optimizer in tensors on its device, for a step that is recorded: there a number would stay what it was.
 * The groups go on holding numbers, which schedules change, logs show and checkpoints keep.
 */
export class DeviceRates {
  readonly #optimizer: Optimizer;
  readonly #tensors: readonly Tensor[];
  readonly #given: number[];

  /** @param optimizer fused: other steps would read the tensors back. */
  constructor(optimizer: Optimizer, device: Device) {
    this.#optimizer = optimizer;
    this.#given = optimizer.paramGroups.map(({ lr }) => Number(lr));
    this.#tensors = this.#given.map((lr) => keep(tensor(lr, { dtype: 'float32', device })));
  }

  /** Brings what has changed to the device. */
  sync(): void {
    this.#optimizer.paramGroups.forEach(({ lr }, index) => {
      const rate = Number(lr);
      if (this.#given[index] === rate) return;
      this.#given[index] = rate;
      noGrad(() => this.#tensors[index]!.fill_(rate));
    });
  }

  /** Runs a function while the groups hold the tensors. */
  within(fn: () => void): void {
    const groups = this.#optimizer.paramGroups;
    const numbers = groups.map(({ lr }) => lr);
    groups.forEach((group, index) => {
      group.lr = this.#tensors[index]!;
    });
    try {
      fn();
    } finally {
      groups.forEach((group, index) => {
        group.lr = numbers[index]!;
      });
    }
  }

  dispose(): void {
    for (const each of this.#tensors) each.dispose();
  }
}
