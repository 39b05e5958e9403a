/** `node --import=tsx test/native/fuzz/main.ts --lists 1000000 --seed 7 [--only regexp] [--flavour mkldnn] [--json] [--unconfirmed]`: the
 * fuzz test by hand. With `--unconfirmed` a crash is not called again in fresh processes. */
import { parseArgs } from 'node:util';
import { fuzz } from './driver.js';
import { describe, flavours } from './values.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    lists: { type: 'string', default: '100000' },
    only: { type: 'string', default: '' },
    most: { type: 'string', default: '3' },
    unconfirmed: { type: 'boolean', default: false },
    flavour: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const began = Date.now();
const report = await fuzz({
  seed: Number(values.seed),
  lists: Number(values.lists),
  only: new RegExp(values.only),
  crashesPerTarget: Number(values.most),
  confirm: !values.unconfirmed,
  flavour: flavours.find((each) => each === values.flavour),
  onFinding({ how, entries, reproduced, stderr }) {
    process.stdout.write(
      `${how}${reproduced || values.unconfirmed ? '' : ' (not seen again)'}: ${entries.map((each) => describe(each.call)).join('; then ')}\n`,
    );
    if (values.json) process.stdout.write(`    ${JSON.stringify(entries.at(-1))}\n`);
    const said = stderr
      .trim()
      .split('\n')
      .filter((line) => !/Warning/.test(line))
      .slice(-2)
      .join(' | ');
    if (said !== '') process.stdout.write(`    ${said.slice(0, 300)}\n`);
  },
});
const seconds = ((Date.now() - began) / 1000).toFixed(0);
process.stdout.write(
  `${String(report.tried)} lists at ${String(report.targets)} targets (${String(report.taken)} taken by the last worker), ${String(report.findings.length)} crashes, ${seconds} s\n`,
);
if (report.findings.length > 0) process.exitCode = 1;
