import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import type { EfficientMode } from '../models/index.js';
import type { DepthMemory } from './memory-report.js';
import { colour, font, n, text } from './svg.js';

/** What the measured networks have in common, for the line under the title. */
export interface DepthFigureOptions {
  readonly growthRate: number;
  readonly batchSize: number;
}

const width = 820;
const height = 500;
const panel = { left: 78, top: 84, width: 580, height: 340 };
const strokes: Record<EfficientMode, string> = {
  none: '#b91c1c',
  checkpoint: '#d97706',
  shared: '#1d4ed8',
  fused: '#047857',
};
const GIGABYTE = 1e9;

/**
 * Memory of a training step against depth as an SVG document, a line for each mode: without recomputing it grows with the square of the
 * depth, with it linearly. As figure 3 of the report on memory-efficient DenseNets.
 * @param points as `memoryByDepth` gives them, in the order of their depths.
 * @see https://arxiv.org/abs/1707.06990
 */
export function depthFigure(points: readonly DepthMemory[], { growthRate, batchSize }: DepthFigureOptions): string {
  const depths = points.map(({ depth }) => depth);
  const x = scaleLinear([Math.min(...depths), Math.max(...depths)], [0, panel.width]);
  const top = Math.max(...points.map(({ peak }) => peak)) / GIGABYTE;
  const y = scaleLinear([0, top], [panel.height, 0]).nice(6);
  const subtitle = `DenseNet-BC, growth rate ${growthRate}, batches of ${batchSize} pictures of 32×32`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ${font}>`,
    `<title>Memory of a training step against depth. ${subtitle}</title>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${colour.card}" stroke="#d1d5db"/>`,
    text(panel.left, 36, 'Memory of a training step against depth', 18, colour.ink, 'start', 'bold'),
    text(panel.left, 58, subtitle, 13, colour.faded, 'start'),
    `<g transform="translate(${panel.left},${panel.top})">`,
  ];
  for (const tick of y.ticks(6)) {
    parts.push(`<line x1="0" x2="${panel.width}" y1="${n(y(tick))}" y2="${n(y(tick))}" stroke="${colour.grid}"/>`);
    parts.push(text(-8, y(tick) + 4, y.tickFormat(6)(tick), 12, colour.faded, 'end'));
  }
  for (const depth of new Set(depths)) {
    const at = n(x(depth));
    parts.push(`<line x1="${at}" x2="${at}" y1="${panel.height}" y2="${panel.height + 5}" stroke="${colour.faded}"/>`);
    parts.push(text(x(depth), panel.height + 20, String(depth), 12, colour.faded, 'middle'));
  }
  parts.push(`<line x1="0" x2="${panel.width}" y1="${panel.height}" y2="${panel.height}" stroke="${colour.faded}"/>`);
  parts.push(text(panel.width / 2, panel.height + 46, 'depth: layers with weights', 13, colour.ink, 'middle'));
  parts.push(
    `<text transform="translate(-50,${panel.height / 2}) rotate(-90)" font-size="13" fill="${colour.ink}" text-anchor="middle">most memory at once, GB</text>`,
  );
  const modes = [...new Set(points.map(({ mode }) => mode))];
  const labels = spread(modes.map((mode) => ends(points, mode, y)));
  modes.forEach((mode, index) => {
    const own = points.filter((point) => point.mode === mode);
    const stroke = strokes[mode];
    const path =
      line<DepthMemory>(
        (point) => x(point.depth),
        (point) => y(point.peak / GIGABYTE),
      ).digits(1)(own) ?? '';
    parts.push(`<path d="${path}" fill="none" stroke="${stroke}" stroke-width="2.5" stroke-linejoin="round"/>`);
    for (const { depth, peak } of own)
      parts.push(`<circle cx="${n(x(depth))}" cy="${n(y(peak / GIGABYTE))}" r="3.2" fill="${stroke}"/>`);
    const last = own.at(-1)!;
    const words = `${mode}  ${(last.peak / GIGABYTE).toFixed(1)} GB`;
    parts.push(text(panel.width + 12, labels[index]! + 4, words, 13, stroke, 'start', 'bold'));
  });
  parts.push('</g>', '</svg>', '');
  return parts.join('\n');
}

/** Where a mode's line ends. */
function ends(points: readonly DepthMemory[], mode: EfficientMode, y: (value: number) => number): number {
  return y((points.findLast((point) => point.mode === mode)?.peak ?? 0) / GIGABYTE);
}

/** Heights for labels that would lie over each other: pushed up from the lowest, as far apart as a line of text. */
function spread(heights: readonly number[]): number[] {
  const gap = 17;
  const order = heights.map((_, index) => index).sort((a, b) => heights[b]! - heights[a]!);
  const placed = [...heights];
  let below = Infinity;
  for (const index of order) {
    placed[index] = Math.min(placed[index]!, below - gap);
    below = placed[index]!;
  }
  return placed;
}
