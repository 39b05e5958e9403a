import { readFileSync } from 'node:fs';
import { atomicWriteFile } from '../io/index.js';
import { curvesSvg, type CurveData, type Point } from './curves.js';
import { parseNumber } from './format.js';
import type { RunPaths } from './run-files.js';

/** Seconds between two pictures of a run that goes on. */
const pause = 20;

/** Draws `curves.svg` and `curves.png` from a run's logs. */
export class CurvePainter {
  readonly #paths: RunPaths;
  readonly #validName: CurveData['validName'];
  #painted = performance.now();

  constructor(paths: RunPaths, validName: CurveData['validName']) {
    this.#paths = paths;
    this.#validName = validName;
  }

  /** Draws, unless it was done within the last seconds: short epochs should not spend their time on pictures. */
  async paintSometimes(): Promise<void> {
    if (performance.now() - this.#painted < 1000 * pause) return;
    await this.paint();
  }

  async paint(): Promise<void> {
    const losses = readFileSync(this.#paths.losses, 'utf8');
    const results = readFileSync(this.#paths.results, 'utf8');
    const svg = curvesSvg(curveData(losses, results, this.#validName));
    // Loaded here because a start should not wait for a library that is needed at the end of an epoch.
    const { default: sharp } = await import('sharp');
    const png = await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer();
    atomicWriteFile(this.#paths.svg, Buffer.from(svg));
    atomicWriteFile(this.#paths.png, png);
    this.#painted = performance.now();
  }
}

/**
 * Reads the two logs into points. Iterations lie between whole epochs, an epoch's training mean in its middle, and
 * what was measured after it at its end.
 */
export function curveData(losses: string, results: string, validName: CurveData['validName']): CurveData {
  const rows = table(losses);
  const perEpoch = new Map<number, number>();
  for (const [epoch = 0, iteration = 0] of rows) {
    perEpoch.set(epoch, Math.max(perEpoch.get(epoch) ?? 0, iteration));
  }
  // An epoch that has just begun has the length of the first one.
  const length = (epoch: number): number => Math.max(perEpoch.get(1) ?? 1, perEpoch.get(epoch) ?? 1);
  const lossPoints: Point[] = [];
  const lrChanges: { x: number; lr: number }[] = [];
  let previous: number | null = null;
  for (const [epoch = 1, iteration = 1, loss = NaN, , lr = NaN] of rows) {
    lossPoints.push([epoch - 1 + iteration / length(epoch), loss]);
    if (previous !== null && lr !== previous) lrChanges.push({ x: epoch - 1 + (iteration - 1) / length(epoch), lr });
    previous = lr;
  }
  const epochs = table(results);
  const test = epochs.find((row) => Number.isNaN(row[0] ?? NaN))?.[5];
  const done = epochs.filter((row) => !Number.isNaN(row[0] ?? NaN));
  const column = (index: number, offset: number): Point[] =>
    done.map((row) => [(row[0] ?? 1) + offset, row[index] ?? NaN]);
  return {
    losses: lossPoints,
    trainLoss: column(1, -0.5),
    trainError: column(2, -0.5),
    validLoss: column(3, 0),
    validError: column(4, 0),
    lrChanges,
    testError: test ?? null,
    validName,
  };
}

function table(csv: string): number[][] {
  const lines = csv.split('\n').slice(1);
  return lines.filter((row) => row !== '').map((row) => row.split(',').map(parseNumber));
}
