import { setNumThreads } from '../tensor/index.js';
import { depthFigure } from '../train/depth-figure.js';
import { formatFixed } from '../train/format.js';
import { memoryByDepth, memoryReport, type DepthMemory, type MemoryReport } from '../train/memory-report.js';
import { bytes } from './inspect.js';
import type { MemoryCommandOptions } from './memory-options.js';
import { coloursFor, isTerminal, type Output } from './output.js';
import { checkFolder, writePicture } from './write-picture.js';

/** `torchbridge memory`. @returns the exit code. */
export async function runMemory(options: MemoryCommandOptions, stdout: Output, stderr: Output): Promise<number> {
  if (options.threads !== undefined) setNumThreads(options.threads);
  const progress = (text: string): void => {
    if (isTerminal(stderr)) stderr.write(`\r\x1b[K${text}`);
  };
  if ('model' in options) {
    const report = memoryReport({
      ...options,
      onStep: (done, total, mode) => progress(done === total ? '' : `step ${done + 1} of ${total}, after ${mode}`),
    });
    stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report, stdout));
    return 0;
  }
  checkFolder(options.plot);
  const points = memoryByDepth({
    ...options,
    onStep: (done, total, depth) => progress(done === total ? '' : `network ${done + 1} of ${total}, depth ${depth}`),
  });
  await writePicture(options.plot, depthFigure(points, options));
  stdout.write(options.json ? `${JSON.stringify(points, null, 2)}\n` : depthText(points, options, stdout));
  return 0;
}

function reportText(report: MemoryReport, stdout: Output): string {
  const { bold, dim } = coloursFor(stdout);
  const { model, batchSize, imageSize, dtype, threads, modelBytes, limit, modes } = report;
  const plain = modes.find(({ mode }) => mode === 'none') ?? modes[0]!;
  const share = (value: number, of: number): string => `${formatFixed(value / of, 2)} x`;
  const rows = modes.map((each) => [
    each.mode,
    bytes(each.held),
    share(each.held, plain.held),
    bytes(each.peak),
    share(each.peak, plain.peak),
    `${formatFixed(each.seconds, each.seconds < 1 ? 3 : 2)} s`,
    share(each.seconds, plain.seconds),
    each.largestBatch.toLocaleString('en'),
  ]);
  const head = ['mode', 'held after forward', '', 'peak', '', 'step', '', `largest batch in ${bytes(limit)}`];
  const [titles = '', ...lines] = table([head, ...rows]);
  return [
    `${bold(model)}, ${batchSize} ${batchSize === 1 ? 'picture' : 'pictures'} of ${imageSize}x${imageSize}, ${dtype}, ` +
      `${threads} ${threads === 1 ? 'thread' : 'threads'}; the network itself takes ${bytes(modelBytes)}`,
    '',
    dim(titles),
    ...lines,
    '',
    dim('held: what forward leaves for backward. peak: the most at once, with network, gradients and momentum.'),
    dim('x: of the first line. step: forward, loss, backward and SGD. largest batch: bytes grow linearly with it.'),
    '',
  ].join('\n');
}

function depthText(
  points: readonly DepthMemory[],
  { plot, batchSize, growthRate }: { plot: string; batchSize: number; growthRate: number },
  stdout: Output,
): string {
  const { bold, dim } = coloursFor(stdout);
  const modes = [...new Set(points.map(({ mode }) => mode))];
  const depths = [...new Set(points.map(({ depth }) => depth))];
  const rows = depths.map((depth) => [
    String(depth),
    ...modes.map((mode) => bytes(points.find((each) => each.depth === depth && each.mode === mode)!.peak)),
  ]);
  const [titles = '', ...lines] = table([['depth', ...modes], ...rows]);
  return [
    `Peak of a training step of ${bold('DenseNet-BC')}, growth rate ${growthRate}, ${batchSize} pictures of 32x32`,
    '',
    dim(titles),
    ...lines,
    '',
    `written to ${plot}`,
    '',
  ].join('\n');
}

/** Columns, the first to the left and the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(
    (row) =>
      `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]! + (cell.endsWith('x') ? 0 : 1)))).join(' ')}`,
  );
}
