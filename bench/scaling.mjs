/**
 * `npm run bench -- scaling`, or `node bench/scaling.mjs [--costs] [--networks a,b] [--gpu a100] …`: the tables of docs/scaling.md. What a step
 * costs is counted by the networks; how long it takes on many GPUs is a model, whose constants are options.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { costsOf, networks } from './scaling/costs.mjs';
import { DEFAULTS, efficiencyFrom, GPUS, NETWORKS, PUBLISHED } from './scaling/model.mjs';
import { assumptions, costTable, readyTable, strongTable, syncTable, weakTable } from './scaling/tables.mjs';

const numbers = Object.keys(DEFAULTS);
const { values: options } = parseArgs({
  args: process.argv.slice(2),
  options: {
    costs: { type: 'boolean', default: false },
    networks: { type: 'string' },
    efficient: { type: 'string', default: 'none' },
    gpu: { type: 'string', default: 'a100' },
    /** Bytes a second and seconds a step between machines, instead of those of data sheets: measured by all-reduce.mjs. */
    bandwidth: { type: 'string' },
    latency: { type: 'string' },
    ...Object.fromEntries(numbers.map((name) => [name, { type: 'string' }])),
  },
});

/** What the model's tables are about. */
const SHOWN = ['densenet-bc-100-12', 'densenet-bc-190-40', 'densenet121', 'densenet201'];
const batches = ({ side }) => (side === 32 ? [64, 1024] : [256, 8192]);

/** Counts what is asked for. */
export async function allCosts(wanted, efficient) {
  const torchbridge = await import('../dist/lib/index.js');
  const { distributed, setNumThreads } = torchbridge;
  setNumThreads(1);
  const store = new distributed.HashStore();
  await distributed.initProcessGroup({ store, rank: 0, worldSize: 1, host: '127.0.0.1' });
  const chosen = networks(torchbridge).filter(({ name }) => wanted === undefined || wanted.includes(name));
  const all = chosen.map((network) => costsOf(torchbridge, network, efficient));
  distributed.destroyProcessGroup();
  store.dispose();
  return all;
}

async function print() {
  const all = await allCosts(options.networks?.split(','), options.efficient);
  console.log(costTable(all));
  console.log(`\n${readyTable(all)}`);
  if (options.costs) return;
  const gpu = GPUS[options.gpu];
  if (gpu === undefined)
    throw new Error(`Expected ${Object.keys(GPUS).join(', ')} for --gpu but received ${options.gpu}`);
  const published = all.find(({ name }) => name === PUBLISHED.network);
  const given = Object.fromEntries(numbers.filter((n) => options[n] !== undefined).map((n) => [n, Number(options[n])]));
  const cluster = { ...DEFAULTS, efficiency: efficiencyFrom(published), ...given, gpu };
  if (options.bandwidth !== undefined) {
    const own = { bandwidth: Number(options.bandwidth), latency: Number(options.latency ?? NETWORKS.hdr.latency) };
    for (const key of Object.keys(NETWORKS)) delete NETWORKS[key];
    NETWORKS.own = { name: 'your network', ...own };
  }
  const shown = all.filter(({ name }) => SHOWN.includes(name));
  const places = Object.keys(NETWORKS).filter((key) => key !== 'ndr' || options.gpu === 'h100');
  console.log(`\n${assumptions(cluster)}`);
  console.log(`\nWeak scaling\n\n${weakTable(shown, places, cluster)}`);
  console.log(`\nStrong scaling\n\n${strongTable(shown, batches, places, cluster)}`);
  console.log(`\nSyncBatchNorm\n\n${syncTable(shown, places, cluster)}`);
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await print();
