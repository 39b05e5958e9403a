/** What a meter holds, as plain numbers: this is what a checkpoint keeps of it. */
export interface MeterState {
  readonly val: number;
  readonly avg: number;
  readonly sum: number;
  readonly count: number;
}

/**
 * The last value and the running mean of a quantity.
 *
 * The order of the arithmetic (`sum += val * n`, then `sum / count`, in float64) is that of the PyTorch examples'
 * AverageMeter, because the means are compared with Python's to the last bit.
 */
export class AverageMeter implements MeterState {
  val = 0;
  avg = 0;
  sum = 0;
  count = 0;

  /** @param state what {@link AverageMeter.state} gave, to go on from there. */
  constructor(state?: MeterState) {
    if (state === undefined) return;
    this.val = state.val;
    this.avg = state.avg;
    this.sum = state.sum;
    this.count = state.count;
  }

  /**
   * @param val mean of the quantity over `n` samples.
   * @param n samples.
   */
  update(val: number, n = 1): void {
    this.val = val;
    this.sum += val * n;
    this.count += n;
    this.avg = this.sum / this.count;
  }

  /** A copy of the numbers. */
  state(): MeterState {
    return { val: this.val, avg: this.avg, sum: this.sum, count: this.count };
  }
}

/** The three meters of an epoch: seconds of an iteration, loss, and top-1 error. */
export interface EpochMeters {
  readonly time: AverageMeter;
  readonly loss: AverageMeter;
  readonly error: AverageMeter;
}

/** The numbers of {@link EpochMeters}. */
export interface EpochMetersState {
  readonly time: MeterState;
  readonly loss: MeterState;
  readonly error: MeterState;
}

/** Fresh meters, or meters that go on from a state. */
export function epochMeters(state?: EpochMetersState): EpochMeters {
  return {
    time: new AverageMeter(state?.time),
    loss: new AverageMeter(state?.loss),
    error: new AverageMeter(state?.error),
  };
}

/** A copy of the numbers of all three. */
export function epochMetersState(meters: EpochMeters): EpochMetersState {
  return { time: meters.time.state(), loss: meters.loss.state(), error: meters.error.state() };
}
