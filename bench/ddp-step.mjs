/**
 * A step under DistributedDataParallel against the same step without it, in processes on this machine that run at the same time, and
 * what the model of docs/scaling.md says of it from the constants that all-reduce.mjs fitted:
 *
 *     node bench/all-reduce.mjs --nproc 2 --json constants.json
 *     node bench/ddp-step.mjs --nproc 1 --json own.json                           # what it costs without any other process
 *     node bench/ddp-step.mjs --nproc 2 --constants constants.json --own own.json --predict   # takes steps without it alone
 *     node bench/ddp-step.mjs --nproc 2 --constants constants.json --own own.json
 */
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { costsOf, networks } from './scaling/costs.mjs';
import { secondsOf } from './scaling/fit.mjs';
import { exposed } from './scaling/model.mjs';
import { median, slowest, startRanks } from './scaling/ranks.mjs';

const { values: options } = parseArgs({
  options: {
    nproc: { type: 'string' },
    network: { type: 'string', multiple: true, default: ['densenet-bc-40-12', 'densenet-bc-100-12'] },
    batch: { type: 'string', default: '8' },
    side: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '15' },
    constants: { type: 'string' },
    own: { type: 'string' },
    json: { type: 'string' },
    predict: { type: 'boolean', default: false },
  },
});

/** DDP's step over the plain one: when all communication is apart from backward, and when buckets travel while it goes on. */
function predicted(costs, plain, own, { ranks, fits }) {
  const reduce = (bytes) => secondsOf('allReduce', bytes, ranks, fits.allReduce);
  const buffers = costs.bufferBytes.reduce(
    (sum, bytes) => sum + secondsOf('broadcast', bytes, ranks, fits.broadcast),
    0,
  );
  const all = costs.buckets.reduce((sum, bytes) => sum + reduce(bytes), 0);
  const left = exposed(costs.buckets, costs.ready, (plain * costs.backward) / costs.flops, reduce);
  return { apart: own + (all + buffers) / plain, overlapped: own + (left + buffers) / plain };
}

async function compare(torchbridge, network) {
  const { distributed, nn, optim, randint, randn, scope } = torchbridge;
  const batch = Number(options.batch);
  const images = randn([batch, 3, Number(options.side), Number(options.side)]);
  const labels = randint(0, 10, [batch]);
  const steps = [false, true].map((parallel) => {
    const net = network.make('none');
    const model = parallel ? new distributed.DistributedDataParallel(net) : net;
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9 });
    return () =>
      scope(() => {
        optimizer.zeroGrad();
        nn.functional.crossEntropy(model.call(images), labels).backward();
        optimizer.step();
      });
  });
  const time = (step) => {
    distributed.barrier().wait();
    const start = process.hrtime.bigint();
    step();
    return Number(process.hrtime.bigint() - start) / 1e9;
  };
  const [plain, parallel] = steps;
  const times = [[], []];
  for (let round = -2; round < Number(options.rounds); round++) {
    const seconds = [time(plain), options.predict ? 1 : time(parallel)];
    if (round >= 0) seconds.forEach((each, index) => times[index].push(each));
  }
  const [alone, together] = [await slowest(torchbridge, times[0]), await slowest(torchbridge, times[1])];
  return {
    plain: Math.min(...alone),
    least: Math.min(...together) / Math.min(...alone),
    median: median(together.map((each, index) => each / alone[index])),
  };
}

async function measure() {
  const torchbridge = await import('../dist/lib/index.js');
  const { distributed, setNumThreads } = torchbridge;
  setNumThreads(1);
  const group = await distributed.initProcessGroup({ timeout: 300_000 });
  const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
  const nothing = { alpha: 0, beta: 0 };
  const constants =
    group.size === 1 ? { ranks: 1, fits: { allReduce: nothing, broadcast: nothing } } : read(options.constants);
  if (constants.ranks !== group.size) throw new Error(`the constants are those of ${constants.ranks} processes`);
  const own = options.own === undefined ? {} : read(options.own);
  const ratios = {};
  for (const network of networks(torchbridge).filter(({ name }) => options.network.includes(name))) {
    const costs = costsOf(torchbridge, network);
    const { plain, least, median } = await compare(torchbridge, network);
    const { apart, overlapped } = predicted(costs, plain, own[network.name] ?? 1, constants);
    const said = `${network.name}, ${group.size} processes: predicted ${apart.toFixed(3)} (overlapped ${overlapped.toFixed(3)})`;
    const found = options.predict ? '' : `, measured ${least.toFixed(3)} (median of pairs ${median.toFixed(3)})`;
    if (group.rank === 0) console.log(said + found);
    ratios[network.name] = median;
  }
  if (options.json !== undefined && group.rank === 0) fs.writeFileSync(options.json, `${JSON.stringify(ratios)}\n`);
  distributed.destroyProcessGroup();
}

if (options.nproc !== undefined && process.env.RANK === undefined)
  process.exitCode = await startRanks(Number(options.nproc));
else await measure();
