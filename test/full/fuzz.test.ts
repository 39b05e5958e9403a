import assert from 'node:assert/strict';
import { fuzz, inOneLine } from '../native/fuzz/driver.js';

describe('argument lists in bulk', function () {
  this.timeout(3_600_000);
  // Operators of other namespaces take packed weights and the like, which few lists hold.
  for (const [what, seeds, lists, only, taken = 10] of [
    ['typed functions and methods', [2, 3, 4, 5], 100_000, /^(function|method) /],
    ['what is written by hand', [1, 2], 40_000, /^api /],
    ['functions inside of runAsync', [1], 40_000, /^async /],
    ['raw overloads of aten', [1, 2, 3, 4, 5], 100_000, /^raw \w+\.\w+$/],
    ['raw overloads of other namespaces', [1, 2], 20_000, /^raw \w+::/, 50],
  ] as const) {
    for (const seed of seeds) {
      it(`${String(lists)} at ${what} do not end the process that makes them (seed ${String(seed)})`, async () => {
        const report = await fuzz({ seed, lists, only });
        assert.deepEqual(report.findings.map(inOneLine), []);
        assert.ok(report.tried >= lists, `${String(report.tried)} lists`);
        assert.ok(report.taken > lists / taken, `only ${String(report.taken)} lists were taken`);
      });
    }
  }
});
