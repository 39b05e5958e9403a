import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parityDescribe, runPython, withTemporaryFolder } from '../python.js';
import { type Case, type Outcome, readCases } from './cases.js';
import { unlike } from './compare.js';
import { publicOperators } from './public-operators.js';

const operatorOf = (each: Case): string => each.name.split('.')[0]!;

function runOurs(folder: string, env: Record<string, string>): void {
  const program = path.join(import.meta.dirname, 'replay-cases.ts');
  const run = spawnSync(process.execPath, ['--import=tsx', program, folder], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) {
    const end = run.stderr.trimEnd().split('\n').slice(-15).join('\n');
    throw new Error(`replay-cases.ts ended with ${run.signal ?? `exit code ${String(run.status)}`}:\n${end}`);
  }
}

parityDescribe('operators against Python', function () {
  this.timeout(600_000);
  let cases: Case[];
  let python: Outcome[];
  let ours: Outcome[];

  before(async () => {
    await withTemporaryFolder((folder) => {
      const names = path.join(folder, 'public.json');
      fs.writeFileSync(names, JSON.stringify([...publicOperators]));
      const env = { OMP_NUM_THREADS: '1', PYTHONWARNINGS: 'ignore' };
      runPython(path.join(import.meta.dirname, 'generate.py'), [folder, names], { env });
      runOurs(folder, env);
      cases = readCases(folder).cases;
      [python, ours] = ['results.json', 'ours.json'].map(
        (name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as Outcome[],
      ) as [Outcome[], Outcome[]];
    });
  });

  it('gives the bits, sizes, strides, gradients and errors that Python gives, in every case', () => {
    assert.equal(python.length, cases.length);
    const differences = cases.flatMap((each, i) => unlike(each, python[i]!, ours[i]!));
    const names = [...new Set(differences.map(({ name }) => name))];
    assert.equal(
      differences.length,
      0,
      `${String(differences.length)} cases of ${names.join(', ')} differ:\n${differences
        .slice(0, 20)
        .map(({ text }) => text)
        .join('\n')}`,
    );
  });

  it('tells one bit from another', () => {
    const i = cases.findIndex((each, at) => each.name === 'add' && python[at]?.gradients !== undefined);
    const outcome = python[i]!;
    for (const part of ['results', 'arguments', 'gradients'] as const) {
      const other = `${outcome[part]!.slice(0, -2)}x${outcome[part]!.slice(-1)}`;
      assert.equal(unlike(cases[i]!, outcome, { ...outcome, [part]: other }).length, 1);
    }
    assert.equal(unlike(cases[i]!, { error: 'a', type: 'RuntimeError' }, { error: 'b' }).length, 1);
    assert.equal(unlike(cases[i]!, { error: 'a', type: 'TypeError' }, outcome).length, 1);
  });

  it('compared at least 850 public operators, and gradients of at least 600', () => {
    const equal = cases.map((each, i) => unlike(each, python[i]!, ours[i]!).length === 0);
    const succeeded = cases.filter((_, i) => equal[i] === true && python[i]?.error === undefined);
    const operators = new Set(succeeded.map(operatorOf).filter((each) => publicOperators.has(each)));
    const others = new Set(succeeded.map(operatorOf).filter((each) => !publicOperators.has(each)));
    const differentiated = cases.filter((_, i) => equal[i] === true && python[i]?.gradients !== undefined);
    const withGradients = new Set(differentiated.map(operatorOf).filter((each) => publicOperators.has(each)));
    const variations = new Set(succeeded.map(({ variation }) => variation).filter((each) => each !== ''));
    const figures =
      `${String(operators.size)} of ${String(publicOperators.size)} public operators and ${String(others.size)} others equal in ` +
      `${String(succeeded.length)} cases (${String(variations.size)} variations); gradients of ${String(withGradients.size)} in ` +
      `${String(differentiated.length)}; ${String(cases.length - succeeded.length)} cases raise on both sides`;
    console.log(`      ${figures}`);
    assert.ok(operators.size >= 850, figures);
    assert.ok(withGradients.size >= 600, figures);
    assert.equal(variations.size, 17, [...variations].join(', '));
  });

  it('lists the public operators that no case runs, with the reason', () => {
    const listed = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, 'not-run.json'), 'utf8')) as Record<
      string,
      string[]
    >;
    const ran = new Set(cases.filter((_, i) => python[i]?.error === undefined).map(operatorOf));
    const missing = [...publicOperators].filter((each) => !ran.has(each));
    assert.deepEqual(missing.sort(), Object.values(listed).flat().sort());
  });
});
