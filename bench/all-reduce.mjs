/**
 * Measures all-reduce and broadcast between the processes of a job and fits the constants of docs/scaling.md: alpha, seconds of a step,
 * and beta, seconds of a byte.
 *
 *     node bench/all-reduce.mjs --nproc 4
 *     torchrun --nnodes 16 --nproc-per-node 8 --rdzv-endpoint HOST:29500 --no-python node bench/all-reduce.mjs --backend nccl
 *     srun node bench/all-reduce.mjs --backend nccl --json constants.json
 *
 * With NCCL each process takes the GPU of its LOCAL_RANK; a time is that of the clock on the wall, from
 * one synchronised device to the next.
 *
 * A time is that of the slowest process, the least of the repetitions: what others do on the machine only ever adds to it.
 */
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { fit, FORMS, secondsOf } from './scaling/fit.mjs';
import { slowest, startRanks } from './scaling/ranks.mjs';

const { values: options } = parseArgs({
  options: {
    nproc: { type: 'string' },
    backend: { type: 'string', default: 'gloo' },
    least: { type: 'string', default: '4096' },
    most: { type: 'string', default: String(64 << 20) },
    repetitions: { type: 'string', default: '40' },
    json: { type: 'string' },
  },
});

/** Before any process is waited for. */
function checkNccl({ cuda, distributed }) {
  const without = cuda.whyNotAvailable() ?? (distributed.isNcclAvailable() ? undefined : 'NCCL is not built in');
  if (without !== undefined) throw new Error(`the backend ${options.backend} cannot be used: ${without}`);
}

/** Starts the processes; what they would all say is said here. */
async function start() {
  if (options.backend.includes('nccl')) checkNccl(await import('../dist/lib/index.js'));
  process.exitCode = await startRanks(Number(options.nproc));
}

async function measure() {
  const torchbridge = await import('../dist/lib/index.js');
  const { gpuOf } = await import('../dist/lib/train/rank-device.js');
  const { cuda, distributed, setNumThreads, zeros } = torchbridge;
  setNumThreads(1);
  const onGpu = options.backend.includes('nccl');
  const place = onGpu ? { device: 'cuda' } : {};
  if (onGpu) {
    checkNccl(torchbridge);
    const { localRank } = distributed.launchFromEnvironment();
    cuda.setDevice(gpuOf('cuda', { localRank, gpus: cuda.deviceCount() }));
  }
  const { size, rank } = await distributed.initProcessGroup({ backend: options.backend, timeout: 300_000 });
  const begin = zeros([1], place);
  const run = {
    allReduce: (data) => distributed.allReduce(data).wait(),
    broadcast: (data) => distributed.broadcast(data).wait(),
  };
  const time = (kind, data) => {
    distributed.allReduce(begin).wait(); // all begin together
    if (onGpu) cuda.synchronize();
    const start = process.hrtime.bigint();
    run[kind](data);
    if (onGpu) cuda.synchronize();
    return Number(process.hrtime.bigint() - start) / 1e9;
  };
  const rows = [];
  for (const kind of Object.keys(FORMS)) {
    for (let bytes = Number(options.least); bytes <= Number(options.most); bytes *= 2) {
      const data = zeros([bytes / 4], place);
      const repetitions = Math.max(10, Math.round(Number(options.repetitions) / Math.max(1, bytes / (4 << 20))));
      time(kind, data);
      const times = Array.from({ length: repetitions }, () => time(kind, data));
      rows.push({ kind, bytes, seconds: Math.min(...(await slowest(torchbridge, times, place))) });
      data.dispose();
    }
  }
  const fits = Object.fromEntries(
    Object.entries(FORMS).map(([kind, form]) => [
      kind,
      fit(rows.filter((row) => row.kind === kind).map(({ bytes, seconds }) => ({ ...form(bytes, size), seconds }))),
    ]),
  );
  begin.dispose();
  distributed.destroyProcessGroup();
  if (rank !== 0) return;
  console.log(`${size} processes, ${options.backend}\n\ncollective     bytes      fitted / measured`);
  for (const { kind, bytes, seconds } of rows) {
    const ratio = secondsOf(kind, bytes, size, fits[kind]) / seconds;
    console.log(`${kind.padEnd(10)} ${String(bytes).padStart(9)}   ${ratio.toFixed(2)}`);
  }
  for (const [kind, { alpha, beta }] of Object.entries(fits)) {
    console.log(`${kind}: alpha ${(alpha * 1e6).toFixed(1)} µs, 1 / beta ${(1e-9 / beta).toFixed(2)} GB/s`);
  }
  if (options.json !== undefined) {
    fs.writeFileSync(
      options.json,
      `${JSON.stringify({ backend: options.backend, ranks: size, fits, rows }, null, 2)}\n`,
    );
  }
}

const work = options.nproc !== undefined && process.env.RANK === undefined ? start : measure;
await work().catch((error) => {
  process.exitCode = 1;
  console.error(`all-reduce: ${error.message.split('\n')[0]}`);
});
