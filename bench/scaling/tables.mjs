/** The tables of docs/scaling.md, as Markdown. */
import { BATCH } from './costs.mjs';
import { allReduce, GPUS, NETWORKS, ringAllReduce, step } from './model.mjs';

const RANKS = [8, 64, 1024];

const whole = (value) => Math.round(value).toLocaleString('en-US');
const mega = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1);
const percent = (part) => (part < 0.0995 ? (100 * part).toFixed(1) : (100 * part).toFixed(0));

/** A table whose columns are as wide as what stands in them; the first is to the left. */
export function markdown(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n');
}

/** What is sent is received too: the ring's part of all that is reduced. */
const perRank = (bytes, ranks) => ringAllReduce(bytes, ranks, { alpha: 0, beta: 1 });

/** A step's communication, counted. */
export const costTable = (all) =>
  markdown([
    ['network', 'parameters', 'gradients MB', 'buckets MB', '2 ranks', '8', '1,024', 'buffers kB', 'GFLOP'],
    ...all.map(({ name, parameters, buckets, bufferBytes, flops }) => {
      const bytes = buckets.reduce((sum, each) => sum + each, 0);
      return [
        name,
        whole(parameters),
        mega(bytes),
        buckets.map(mega).join(' + '),
        ...[2, 8, 1024].map((ranks) => mega(perRank(bytes, ranks))),
        (bufferBytes.reduce((sum, each) => sum + each, 0) / 1e3).toFixed(1),
        whole(flops / 1e9),
      ];
    }),
  ]);

/** When buckets are full, as parts of backward's arithmetic. */
export const readyTable = (all) =>
  markdown([
    ['network', 'full at % of backward', 'only after it, MB'],
    ...all.map(({ name, buckets, ready }) => [name, ready.map(percent).join(', '), mega(buckets.at(-1))]),
  ]);

const cells = (networks, of) =>
  Object.entries(NETWORKS)
    .filter(([key]) => networks.includes(key))
    .map(([, network]) => of(network));

/** The part of time that is arithmetic where each GPU has as many pictures as before. */
export const weakTable = (all, networks, cluster) =>
  markdown([
    ['network', 'between machines', ...RANKS.map((ranks) => `${whole(ranks)} GPUs`), 'the rest at 1,024'],
    ...all.flatMap((costs) =>
      cells(networks, (network) => {
        const steps = RANKS.map((ranks) => step(costs, BATCH, ranks, BATCH, { ...cluster, network }));
        const { exposed, buffers, seconds, ways } = steps[2];
        const rest = `reduce ${percent(exposed / seconds)}, buffers ${percent(buffers / seconds)}; ${ways.join(', ')}`;
        return [costs.name, network.name, ...steps.map((each) => `${percent(each.compute / each.seconds)} %`), rest];
      }),
    ),
  ]);

/** Pictures a second against one GPU with {@link BATCH} of them, where the batch of all stays as it is. */
export const strongTable = (all, batches, networks, cluster) =>
  markdown([
    ['network', 'batch', 'between machines', ...RANKS.map((ranks) => `${whole(ranks)} GPUs`)],
    ...all.flatMap((costs) =>
      batches(costs).flatMap((batch) =>
        cells(networks, (network) => {
          const place = { ...cluster, network };
          const one = BATCH / step(costs, BATCH, 1, BATCH, place).seconds;
          const faster = RANKS.map((ranks) => {
            if (batch < ranks) return '–';
            const { seconds, launches } = step(costs, batch / ranks, ranks, BATCH, place);
            return `${(batch / seconds / one).toFixed(1)}${launches ? ' *' : ''}`;
          });
          return [costs.name, whole(batch), network.name, ...faster];
        }),
      ),
    ),
  ]);

/** Bytes that the norms of all processes tell each other in a step, and the part of a step that it takes. */
export const syncTable = (all, networks, cluster) =>
  markdown([
    ['network', 'norms', 'collectives', 'kB a rank', 'between machines', ...RANKS.map((r) => `${whole(r)} GPUs`)],
    ...all.flatMap((costs) =>
      cells(networks, (network) => {
        const { norms, channels } = costs;
        const place = { ...cluster, network };
        // A gather of (2C + 1) doubles from each forward, a sum of 2C backward; nothing else is done meanwhile.
        const mean = (16 * channels) / norms;
        const times = RANKS.map((ranks) => {
          const gather = allReduce((mean + 8) * ranks, ranks, place).seconds / 2;
          const more = norms * (gather + allReduce(mean, ranks, place).seconds);
          return `+ ${percent(more / step(costs, BATCH, ranks, BATCH, place).seconds)} %`;
        });
        const bytes = 16 * channels + 8 * norms + 16 * channels;
        return [costs.name, whole(norms), whole(2 * norms), (bytes / 1e3).toFixed(1), network.name, ...times];
      }),
    ),
  ]);

/** The assumptions that the tables stand on. */
export const assumptions = ({ gpu, linkEfficiency, base, nvlinkLatency, efficiency, activation, launch, kernels }) =>
  [
    `GPU: ${gpu.name}, ${gpu.flops / 1e12} TFLOP/s, ${gpu.memory / 1e12} TB/s, NVLink ${gpu.nvlink / 1e9} GB/s (data sheet: ${Object.keys(GPUS).join(', ')})`,
    `of arithmetic and memory at their peaks ${efficiency.toFixed(2)}, of links ${linkEfficiency}; ${activation} bytes an activation`,
    `latencies: all-reduce ${(base * 1e6).toFixed(1)} µs, NVLink ${(nvlinkLatency * 1e6).toFixed(1)} µs; kernels ${kernels} × ${(launch * 1e6).toFixed(1)} µs for each operator`,
    ...Object.values(NETWORKS).map(
      ({ name, bandwidth, latency }) =>
        `${name}: ${bandwidth / 1e9} GB/s a machine, ${(latency * 1e6).toFixed(0)} µs a step`,
    ),
  ].join('\n');
