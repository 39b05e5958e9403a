import assert from 'node:assert/strict';
import { fuzz, inOneLine } from './fuzz/driver.js';

describe('100,000 argument lists at typed functions and methods', () => {
  it('never end the process that makes them', async function () {
    this.timeout(900_000);
    const report = await fuzz({ seed: 1, lists: 100_000, only: /^(function|method) / });
    assert.deepEqual(report.findings.map(inOneLine), []);
    assert.ok(report.targets >= 1200, `${String(report.targets)} functions and methods`);
    assert.ok(report.tried >= 100_000, `${String(report.tried)} lists`);
    assert.ok(report.taken > 40_000, `only ${String(report.taken)} lists were taken`);
  });
});
