import assert from 'node:assert/strict';
import { distributedFuzz } from './fuzz.js';

describe('arguments of every kind for distributed training', function () {
  this.timeout(300_000);

  it('end in values and errors, not in the end of the process', async () => {
    const { code, signal, output } = await distributedFuzz(1, 3000);
    assert.equal(signal ?? code, 0, output);
    const [done, failed] = output.trim().split('\n').at(-1)!.split(' ').map(Number) as [number, number];
    assert.ok(done > 500 && failed > 500, output);
  });
});
