import { scaleLinear, type ScaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { formatFixed } from './format.js';
import { colour, font, n, text } from './svg.js';

/** A point: epochs since the beginning, and a value. */
export type Point = readonly [x: number, y: number];

/** What the picture of a run shows. */
export interface CurveData {
  /** Loss of every training iteration. */
  readonly losses: readonly Point[];
  /** Means of the epochs. */
  readonly trainLoss: readonly Point[];
  readonly validLoss: readonly Point[];
  /** Top-1 errors, 0 to 1. */
  readonly trainError: readonly Point[];
  readonly validError: readonly Point[];
  /** Where the learning rate changed, and to what. */
  readonly lrChanges: readonly { readonly x: number; readonly lr: number }[];
  readonly testError: number | null;
  /** How the second pass of an epoch is called. */
  readonly validName: 'validation' | 'test';
}

const width = 1120;
const height = 470;
const panel = { width: 460, height: 300, top: 96 };
const lefts = [74, 630] as const;
/**
 * The training curves of a run as an SVG document: losses on the left (every iteration faint, means of the epochs
 * bold), errors on the right. It brings its own light card, so that it reads the same on light and dark pages.
 */
export function curvesSvg(data: CurveData): string {
  const xEnd = Math.max(1, Math.ceil(lastX(data.losses)), Math.ceil(lastX(data.trainLoss)));
  const x = scaleLinear([0, xEnd], [0, panel.width]);
  const test = data.testError === null ? '' : `, final test error ${percent(data.testError)}`;
  const epochs = data.trainLoss.length;
  const subtitle = `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}${test}`;
  // An early spike would flatten everything after it: the axis ends where all but the highest half percent are.
  const lossTop = upper([...quantileTop(data.losses), ...values(data.trainLoss), ...values(data.validLoss)], 0.1);
  const errorTop = Math.min(1, upper([...values(data.trainError), ...values(data.validError)], 0.01) * 1.05);
  const loss = scaleLinear([0, lossTop], [panel.height, 0]).nice(5);
  const error = scaleLinear([0, errorTop], [panel.height, 0]).nice(5);
  const left = [
    axes(x, loss, 'loss', (v) => loss.tickFormat(5)(v)),
    lrMarks(data, x),
    `<g clip-path="url(#panel)">`,
    path(thin(data.losses, x), x, loss, colour.train, 1, 0.3),
    curve(data.validLoss, x, loss, colour.valid),
    curve(data.trainLoss, x, loss, colour.train),
    '</g>',
    legend([
      [colour.train, 1, 0.4, 'training, each iteration'],
      [colour.train, 2.5, 1, 'training, mean of the epoch'],
      [colour.valid, 2.5, 1, data.validName],
    ]),
  ];
  const right = [
    axes(x, error, 'top-1 error', (v) => `${error.tickFormat(5, '~%')(v).replace('%', '')} %`),
    lrMarks(data, x),
    lrCurve(data, x),
    `<g clip-path="url(#panel)">`,
    curve(data.validError, x, error, colour.valid),
    curve(data.trainError, x, error, colour.train),
    '</g>',
    legend([
      [colour.train, 2.5, 1, 'training'],
      [colour.valid, 2.5, 1, data.validName],
      ...(isGradual(data) ? [[colour.faded, 1, 1, `learning rate, up to ${rate(highestLr(data))}`] as const] : []),
    ]),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ${font}>`,
    `<title>Training curves, ${subtitle}</title>`,
    `<defs><clipPath id="panel"><rect x="-4" y="-4" width="${panel.width + 8}" height="${panel.height + 8}"/></clipPath></defs>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${colour.card}" stroke="#d1d5db"/>`,
    text(lefts[0], 36, 'Training curves', 18, colour.ink, 'start', 'bold'),
    text(width - 30, 36, subtitle, 14, colour.faded, 'end'),
    `<g transform="translate(${lefts[0]},${panel.top})">`,
    ...left,
    '</g>',
    `<g transform="translate(${lefts[1]},${panel.top})">`,
    ...right,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

type Scale = ScaleLinear<number, number>;

function axes(x: Scale, y: Scale, label: string, format: (value: number) => string): string {
  const parts: string[] = [];
  for (const tick of y.ticks(5)) {
    const at = n(y(tick));
    parts.push(`<line x1="0" x2="${panel.width}" y1="${at}" y2="${at}" stroke="${colour.grid}"/>`);
    parts.push(text(-8, y(tick) + 4, format(tick), 12, colour.faded, 'end'));
  }
  for (const tick of x.ticks(8).filter(Number.isInteger)) {
    const at = n(x(tick));
    parts.push(`<line x1="${at}" x2="${at}" y1="${panel.height}" y2="${panel.height + 5}" stroke="${colour.faded}"/>`);
    parts.push(text(x(tick), panel.height + 20, String(tick), 12, colour.faded, 'middle'));
  }
  parts.push(`<line x1="0" x2="${panel.width}" y1="${panel.height}" y2="${panel.height}" stroke="${colour.faded}"/>`);
  parts.push(text(panel.width / 2, panel.height + 44, 'epoch', 13, colour.ink, 'middle'));
  parts.push(
    `<text transform="translate(-48,${panel.height / 2}) rotate(-90)" font-size="13" fill="${colour.ink}" text-anchor="middle">${label}</text>`,
  );
  return parts.join('\n');
}

/** So many changes of the learning rate are marked one by one; a rate that changes more often is a curve. */
const MOST_MARKS = 8;
const isGradual = ({ lrChanges }: CurveData): boolean => lrChanges.length > MOST_MARKS;
const highestLr = ({ lrChanges }: CurveData): number =>
  lrChanges.reduce((highest, { lr }) => Math.max(highest, lr), Number.MIN_VALUE);
const rate = (lr: number): string => String(Number(lr.toPrecision(6)));

/** The learning rate from 0 to its highest, over the panel's height. */
function lrCurve(data: CurveData, x: Scale): string {
  if (!isGradual(data)) return '';
  const points = data.lrChanges.map(({ x: epoch, lr }): Point => [epoch, lr]);
  const y = scaleLinear([0, highestLr(data)], [panel.height, 0]);
  return path(thin(points, x), x, y, colour.faded, 1, 1);
}

/** A dotted line where the learning rate changed, with the new one beside its foot. */
function lrMarks(data: CurveData, x: Scale): string {
  if (isGradual(data)) return '';
  return data.lrChanges
    .map(({ x: epoch, lr }) => {
      const at = x(epoch);
      const mark = `<line x1="${n(at)}" x2="${n(at)}" y1="0" y2="${panel.height}" stroke="${colour.faded}" stroke-dasharray="2 4"/>`;
      return `${mark}\n${text(at + 4, 11, `lr ${rate(lr)}`, 11, colour.faded, 'start')}`;
    })
    .join('\n');
}

function legend(entries: readonly (readonly [string, number, number, string])[]): string {
  let at = 0;
  const parts = entries.map(([stroke, strokeWidth, opacity, label]) => {
    const sample = `<line x1="${at}" x2="${at + 22}" y1="-24" y2="-24" stroke="${stroke}" stroke-width="${strokeWidth}" stroke-opacity="${opacity}"/>`;
    const words = text(at + 28, -20, label, 12, colour.ink, 'start');
    at += 28 + label.length * 6.2 + 12;
    return `${sample}\n${words}`;
  });
  return parts.join('\n');
}

/** A bold line with a dot on each point while there are few enough to tell apart. */
function curve(points: readonly Point[], x: Scale, y: Scale, stroke: string): string {
  const dots = points.length > 40 ? [] : points.filter(finite);
  const marks = dots.map(([px, py]) => `<circle cx="${n(x(px))}" cy="${n(y(py))}" r="3" fill="${stroke}"/>`);
  return [path(points, x, y, stroke, 2.5, 1), ...marks].join('\n');
}

function path(
  points: readonly Point[],
  x: Scale,
  y: Scale,
  stroke: string,
  strokeWidth: number,
  opacity: number,
): string {
  const draw = line<Point>()
    .defined(finite)
    .x(([px]) => x(px))
    .y(([, py]) => y(py))
    .digits(1);
  const d = draw(points);
  if (d === null) return '';
  return `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${strokeWidth}" stroke-opacity="${opacity}" stroke-linejoin="round" stroke-linecap="round"/>`;
}

/** At most the lowest and the highest point of each half pixel, so that the file stays small for long runs. */
function thin(points: readonly Point[], x: Scale): Point[] {
  const columns = 2 * panel.width;
  if (points.length <= 2 * columns) return [...points];
  const kept: Point[] = [];
  let column = -1;
  let low: Point | null = null;
  let high: Point | null = null;
  const flush = (): void => {
    if (low === null || high === null) return;
    kept.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
  };
  for (const point of points) {
    if (!finite(point)) continue;
    const here = Math.floor(2 * x(point[0]));
    if (here !== column) {
      flush();
      column = here;
      low = high = point;
      continue;
    }
    if (low === null || point[1] < low[1]) low = point;
    if (high === null || point[1] > high[1]) high = point;
  }
  flush();
  return kept;
}

function quantileTop(points: readonly Point[]): number[] {
  const sorted = values(points).sort((a, b) => a - b);
  const top = sorted[Math.floor(0.995 * (sorted.length - 1))];
  return top === undefined ? [] : [top];
}

function values(points: readonly Point[]): number[] {
  return points.filter(finite).map(([, y]) => y);
}

function upper(numbers: readonly number[], least: number): number {
  return numbers.reduce((a, b) => Math.max(a, b), least);
}

function lastX(points: readonly Point[]): number {
  return points.at(-1)?.[0] ?? 0;
}

function finite([, y]: Point): boolean {
  return Number.isFinite(y);
}

function percent(error: number): string {
  return `${formatFixed(100 * error, 2)} %`;
}
