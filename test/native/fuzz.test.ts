import assert from 'node:assert/strict';
import { type Finding, fuzz } from './fuzz/driver.js';
import { known } from './fuzz/known.js';
import { describe as show } from './fuzz/values.js';

const inOneLine = ({ how, entries, stderr }: Finding): string =>
  `${how}: ${entries.map((each) => show(each.call)).join('; then ')}\n  to replay: ${JSON.stringify(entries)}\n  ${stderr.trim().split('\n').slice(-3).join('\n  ')}`;

/** What is not in the list of known crashes. */
const unknown = (findings: readonly Finding[]): string[] =>
  findings.filter(({ entries }) => !entries.every((each) => each.call.name in known)).map(inOneLine);

describe('100,000 argument lists, in processes that may die', () => {
  it('at typed functions and methods never end the process', async function () {
    this.timeout(900_000);
    const report = await fuzz({ seed: 1, lists: 60_000, only: /^(function|method) / });
    assert.deepEqual(report.findings.map(inOneLine), []);
    assert.ok(report.tried >= 60_000, `${String(report.tried)} lists`);
    assert.ok(report.taken > 6000, `only ${String(report.taken)} lists were taken`);
  });

  it('at raw overloads end it nowhere but where docs/safety.md says so', async function () {
    this.timeout(900_000);
    const report = await fuzz({ seed: 2, lists: 40_000, only: /^raw / });
    assert.deepEqual(unknown(report.findings), []);
    assert.ok(report.tried + report.findings.length * 20 >= 40_000, `${String(report.tried)} lists`);
  });
});
