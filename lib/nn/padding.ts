import { pyNumber, TorchError, type Tensor } from '../tensor/index.js';
import { Module } from './module.js';
import { pad } from './padding-functional.js';
import type { Dimensions } from './pair.js';
import { pyValue } from './python-text.js';

/** One width for all sides, or `[left, right]`. */
export type Border1d = number | readonly [number, number];
/** One width for all sides, or `[left, right, top, bottom]`. */
export type Border2d = number | readonly [number, number, number, number];
/** One width for all sides, or `[left, right, top, bottom, front, back]`. */
export type Border3d = number | readonly [number, number, number, number, number, number];

const SIDES = ['left', 'right', 'top', 'bottom', 'front', 'back'];

abstract class Pad extends Module {
  /** The widths, the last dimension first. */
  readonly padding: readonly number[];

  constructor(dimensions: Dimensions, border: number | readonly number[]) {
    super();
    // As JavaScript callers may give them.
    const given: unknown = border;
    const sides = 2 * dimensions;
    if (typeof border !== 'number' && !(Array.isArray(given) && given.length === sides)) {
      const got = Array.isArray(given) ? `${given.length} values` : given === null ? 'null' : typeof given;
      throw new TorchError('type', `expected a number or [${SIDES.slice(0, sides).join(', ')}], but got ${got}`);
    }
    this.padding = typeof border === 'number' ? new Array<number>(sides).fill(border) : [...border];
  }

  override extraRepr(): string {
    return pyValue(this.padding);
  }
}

abstract class ConstantPad extends Pad {
  readonly value: number;

  constructor(dimensions: Dimensions, border: number | readonly number[], value: number) {
    super(dimensions, border);
    this.value = value;
  }

  /** @param x at least as many dimensions as there are pairs of sides. */
  forward(x: Tensor): Tensor {
    return pad(x, this.padding, 'constant', this.value);
  }

  override extraRepr(): string {
    return `padding=${pyValue(this.padding)}, value=${pyNumber(this.value)}`;
  }
}

/**
 * Adds a border of one value to the last dimension.
 * @see torch.nn.ConstantPad1d
 */
export class ConstantPad1d extends ConstantPad {
  constructor(padding: Border1d, value: number) {
    super(1, padding, value);
  }
}

/**
 * Adds a border of one value to the last two dimensions.
 * @see torch.nn.ConstantPad2d
 */
export class ConstantPad2d extends ConstantPad {
  constructor(padding: Border2d, value: number) {
    super(2, padding, value);
  }
}

/**
 * Adds a border of one value to the last three dimensions.
 * @see torch.nn.ConstantPad3d
 */
export class ConstantPad3d extends ConstantPad {
  constructor(padding: Border3d, value: number) {
    super(3, padding, value);
  }
}

/**
 * Adds a border of zeros to the last dimension.
 * @see torch.nn.ZeroPad1d
 */
export class ZeroPad1d extends ConstantPad1d {
  constructor(padding: Border1d) {
    super(padding, 0);
  }

  override extraRepr(): string {
    return pyValue(this.padding);
  }
}

/**
 * Adds a border of zeros to the last two dimensions.
 * @see torch.nn.ZeroPad2d
 */
export class ZeroPad2d extends ConstantPad2d {
  constructor(padding: Border2d) {
    super(padding, 0);
  }

  override extraRepr(): string {
    return pyValue(this.padding);
  }
}

/**
 * Adds a border of zeros to the last three dimensions.
 * @see torch.nn.ZeroPad3d
 */
export class ZeroPad3d extends ConstantPad3d {
  constructor(padding: Border3d) {
    super(padding, 0);
  }

  override extraRepr(): string {
    return pyValue(this.padding);
  }
}

abstract class ReflectionPad extends Pad {
  /** @param x `[N, C, ...]` or `[C, ...]`. */
  forward(x: Tensor): Tensor {
    return pad(x, this.padding, 'reflect');
  }
}

/**
 * Adds a border of the mirrored input to `[N, C, L]` or `[C, L]`.
 * @see torch.nn.ReflectionPad1d
 */
export class ReflectionPad1d extends ReflectionPad {
  constructor(padding: Border1d) {
    super(1, padding);
  }
}

/**
 * Adds a border of the mirrored input to `[N, C, H, W]` or `[C, H, W]`.
 * @see torch.nn.ReflectionPad2d
 */
export class ReflectionPad2d extends ReflectionPad {
  constructor(padding: Border2d) {
    super(2, padding);
  }
}

/**
 * Adds a border of the mirrored input to `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @see torch.nn.ReflectionPad3d
 */
export class ReflectionPad3d extends ReflectionPad {
  constructor(padding: Border3d) {
    super(3, padding);
  }
}

abstract class ReplicationPad extends Pad {
  /** @param x `[N, C, ...]` or `[C, ...]`. */
  forward(x: Tensor): Tensor {
    return pad(x, this.padding, 'replicate');
  }
}

/**
 * Adds a border of the repeated edge to `[N, C, L]` or `[C, L]`.
 * @see torch.nn.ReplicationPad1d
 */
export class ReplicationPad1d extends ReplicationPad {
  constructor(padding: Border1d) {
    super(1, padding);
  }
}

/**
 * Adds a border of the repeated edge to `[N, C, H, W]` or `[C, H, W]`.
 * @see torch.nn.ReplicationPad2d
 */
export class ReplicationPad2d extends ReplicationPad {
  constructor(padding: Border2d) {
    super(2, padding);
  }
}

/**
 * Adds a border of the repeated edge to `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @see torch.nn.ReplicationPad3d
 */
export class ReplicationPad3d extends ReplicationPad {
  constructor(padding: Border3d) {
    super(3, padding);
  }
}

abstract class CircularPad extends Pad {
  /**
   * @param x `[N, C, ...]` or `[C, ...]`.
   * @throws TorchError `value` in PyTorch's words for another number of dimensions.
   */
  forward(x: Tensor): Tensor {
    const single = this.padding.length / 2 + 1;
    if (x.ndim !== single && x.ndim !== single + 1) {
      throw new TorchError('value', `expected ${single}D or ${single + 1}D input (got ${x.ndim}D input)`);
    }
    return pad(x, this.padding, 'circular');
  }
}

/**
 * Adds a border of what is on the other side to `[N, C, L]` or `[C, L]`.
 * @see torch.nn.CircularPad1d
 */
export class CircularPad1d extends CircularPad {
  constructor(padding: Border1d) {
    super(1, padding);
  }
}

/**
 * Adds a border of what is on the other side to `[N, C, H, W]` or `[C, H, W]`.
 * @see torch.nn.CircularPad2d
 */
export class CircularPad2d extends CircularPad {
  constructor(padding: Border2d) {
    super(2, padding);
  }
}

/**
 * Adds a border of what is on the other side to `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @see torch.nn.CircularPad3d
 */
export class CircularPad3d extends CircularPad {
  constructor(padding: Border3d) {
    super(3, padding);
  }
}
