import assert from 'node:assert/strict';
import { fuzz, inOneLine } from '../native/fuzz/driver.js';

describe('40,000 argument lists at raw overloads', () => {
  it('do not end the process that makes them; others still can, as docs/safety.md says', async function () {
    this.timeout(900_000);
    const report = await fuzz({ seed: 2, lists: 40_000, only: /^raw / });
    assert.deepEqual(report.findings.map(inOneLine), []);
    assert.ok(report.tried >= 40_000, `${String(report.tried)} lists`);
    assert.ok(report.taken > 8000, `only ${String(report.taken)} lists were taken`);
  });
});
