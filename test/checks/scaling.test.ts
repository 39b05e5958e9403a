/** The tables of docs/scaling.md are what its program prints, and the model adds up. */
import assert from 'node:assert/strict';
import { fit, FORMS, secondsOf } from '../../bench/scaling/fit.mjs';
import { allReduce, DEFAULTS, exposed, GPUS, NETWORKS, ringAllReduce } from '../../bench/scaling/model.mjs';
import { compareTables } from './scaling-tables.js';

describe('docs/scaling.md', function () {
  this.timeout(300_000);

  it('has the tables that are printed for three of its networks (test/full: for all)', () => {
    assert.equal(compareTables(['densenet-bc-40-12', 'densenet-bc-100-12', 'densenet121']), 35);
  });
});

describe('the model of scaling', () => {
  it('finds the constants that times were made of', () => {
    const made = { alpha: 3e-5, beta: 2e-10 };
    const points = [4096, 1 << 20, 1 << 26].map((bytes) => ({
      ...FORMS.allReduce(bytes, 4),
      seconds: secondsOf('allReduce', bytes, 4, made),
    }));
    const { alpha, beta } = fit(points);
    assert.ok(Math.abs(alpha / made.alpha - 1) < 1e-9 && Math.abs(beta / made.beta - 1) < 1e-9);
    const falling = [1, 2].map((volume) => ({ steps: 1, volume, seconds: 1 / volume }));
    assert.deepEqual(fit(falling).beta, 0);
    assert.ok(fit(falling).alpha > 0.5);
    assert.equal(fit([1, 2].map((volume) => ({ steps: 1, volume, seconds: volume ** 2 }))).alpha, 0);
  });

  it('hides all but the last bucket where backward is long, and nothing where it takes no time', () => {
    const timeOf = (bytes: number): number => bytes;
    assert.equal(exposed([5, 5, 2], [0.1, 0.5, 1], 100, timeOf), 2);
    assert.equal(exposed([5, 5, 2], [0.1, 0.5, 1], 0, timeOf), 12);
    assert.equal(exposed([30, 5, 2], [0.9, 0.95, 1], 100, timeOf), 27);
  });

  it('rings for large tensors, trees for many machines and small ones; one process reduces nothing', () => {
    assert.equal(ringAllReduce(100, 1, { alpha: 1, beta: 1 }), 0);
    assert.equal(ringAllReduce(100, 4, { alpha: 1, beta: 1 }), 6 + 150);
    const cluster = { ...DEFAULTS, gpu: GPUS.a100, network: NETWORKS.hdr };
    assert.equal(allReduce(1e6, 1, cluster).seconds, 0);
    assert.equal(allReduce(1e6, 8, cluster).way, 'ring');
    assert.equal(allReduce(1e6, 1024, cluster).way, 'tree');
    assert.notEqual(allReduce(1e10, 16, cluster).way, 'tree');
  });
});
