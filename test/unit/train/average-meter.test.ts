import assert from 'node:assert/strict';
import { AverageMeter, epochMeters, epochMetersState } from '../../../lib/train/average-meter.js';

describe('train/AverageMeter', () => {
  it('adds in the order of the PyTorch examples', () => {
    const meter = new AverageMeter();
    // sum = 0 + 0.1 * 3, then + 0.2 * 1, in float64
    meter.update(0.1, 3);
    meter.update(0.2);
    assert.equal(meter.val, 0.2);
    assert.equal(meter.sum, 0.1 * 3 + 0.2);
    assert.equal(meter.count, 4);
    assert.equal(meter.avg, (0.1 * 3 + 0.2) / 4);
  });

  it('goes on from its state to the same bits', () => {
    const whole = epochMeters();
    const first = epochMeters();
    const numbers = Array.from({ length: 50 }, (_, i) => Math.sin(i) ** 2);
    for (const x of numbers) whole.loss.update(x, 7);
    for (const x of numbers.slice(0, 20)) first.loss.update(x, 7);
    const second = epochMeters(epochMetersState(first));
    for (const x of numbers.slice(20)) second.loss.update(x, 7);
    assert.deepEqual(epochMetersState(second), epochMetersState(whole));
  });
});
