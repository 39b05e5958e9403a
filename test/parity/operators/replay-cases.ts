/**
 * `replay-cases.ts FOLDER`: runs the cases of FOLDER and writes what came of them to FOLDER/ours.json. A process of its own: libtorch
 * warns on stderr of much that the cases do, and a case that ended the process would end the tests with it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setNumThreads } from '../../../lib/tensor/index.js';
import { readCases } from './cases.js';
import { runCase } from './replay.js';

const folder = process.argv[2]!;
setNumThreads(1);
const file = readCases(folder);
fs.writeFileSync(path.join(folder, 'ours.json'), JSON.stringify(file.cases.map((each) => runCase(each, file))));
