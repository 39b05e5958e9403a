/** The time that a user's compiler takes: a file that imports everything, checked against the package's own declarations. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import config from '../scripts/native-config.cjs';

const program = `import * as torchbridge from 'torchbridge';
import { data, fft, io, linalg, models, nn, ops, optim, special, tensor, Tensor, training } from 'torchbridge';

const x: Tensor = tensor([[1, 2]]);
const [values, indices] = x.max(1);
const y: Tensor = ops.cat([x.add(1), x.sum(1, { keepdim: true })], 1).view(-1);
const all = [linalg.svd(x), fft.rfft(x), special.erf(x), new nn.Linear(2, 3), models.densenet121(), values, indices, y];
console.log(all, data.shapes(), io.load, training.train, new optim.SGD([x], { lr: 0.1 }), Object.keys(torchbridge));
`;

// tsc as it is, and the processor time of its process on the last line.
const timed = (tsc) => `process.argv.splice(1, 0, ${JSON.stringify(tsc)});
process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  console.log((user + system) / 1e6);
});
require(${JSON.stringify(tsc)});`;

/** @returns the seconds of processor time that each of `rounds` runs of tsc takes. */
export function checkTimes(rounds) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-types-'));
  try {
    fs.mkdirSync(path.join(folder, 'node_modules', '@types'), { recursive: true });
    fs.symlinkSync(config.root, path.join(folder, 'node_modules', 'torchbridge'));
    fs.symlinkSync(
      path.join(config.root, 'node_modules', '@types', 'node'),
      path.join(folder, 'node_modules', '@types', 'node'),
    );
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
    fs.writeFileSync(path.join(folder, 'program.ts'), program);
    const compilerOptions = { target: 'es2022', module: 'nodenext', strict: true, skipLibCheck: true, noEmit: true };
    fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    const tsc = path.join(config.root, 'node_modules', 'typescript', 'bin', 'tsc');
    return Array.from({ length: rounds }, () => {
      const run = spawnSync(process.execPath, ['-e', timed(tsc)], { cwd: folder, encoding: 'utf8' });
      if (run.status !== 0) throw new Error(`${run.stdout}${run.stderr}`);
      return Number(run.stdout.trim().split('\n').at(-1));
    });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
