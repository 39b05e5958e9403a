import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** Rows of Markdown's tables, without the rules below their heads and without padding. */
function rowsOf(text: string): string[] {
  const rows = text.split('\n').filter((line) => line.startsWith('|') && !/^\|[ :|-]+\|$/.test(line));
  return rows.map((row) => row.replace(/\s*\|\s*/g, '|').replaceAll('\\*', '*'));
}

/** What bench/scaling.mjs prints of some networks, or of all, stands in docs/scaling.md. @returns how many rows. */
export function compareTables(networks: readonly string[] = []): number {
  const args = networks.length === 0 ? [] : ['--networks', networks.join(',')];
  const env = { ...process.env, OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', NODE_OPTIONS: '' };
  const run = spawnSync(process.execPath, [path.join(root, 'bench/scaling.mjs'), ...args], { encoding: 'utf8', env });
  assert.equal(run.status, 0, run.stderr);
  const document = fs.readFileSync(path.join(root, 'docs/scaling.md'), 'utf8');
  const documented = rowsOf(document);
  const printed = rowsOf(run.stdout);
  for (const row of printed) assert.ok(documented.includes(row), `docs/scaling.md has no row\n${row}`);
  for (const line of run.stdout.split('\n').filter((each) => /^(GPU|of|latencies|\w+ \w+ \w+): /.test(each))) {
    assert.ok(document.includes(line), `docs/scaling.md does not say\n${line}`);
  }
  if (networks.length === 0) {
    const tables = document.split('\n## ').filter((part) => !part.startsWith('The model'));
    for (const row of rowsOf(tables.join('\n'))) assert.ok(printed.includes(row), `nothing prints\n${row}`);
  }
  return printed.length;
}
