import { scaleLinear } from 'd3-scale';
import type { BlockStrengths } from '../models/index.js';
import { colour, escaped, font, n, text } from './svg.js';

const panel = { size: 300, gap: 62, left: 66, top: 92 };
const key = { width: 16, gap: 34 };
const height = 480;

/** From pale to dark in even steps of lightness, so that it reads without colours too. */
const ramp = scaleLinear<string>(
  [0, 0.25, 0.5, 0.75, 1],
  ['#eef4fb', '#a9cbe4', '#5b9fcb', '#1f6cab', '#08306b'],
).clamp(true);

/**
 * The paper's figure 5 as an SVG document: a square for every dense block, in it a cell for every pair of layers, the darker the larger
 * the mean absolute weight between them is. Columns read, rows are read; a black frame marks the transitions and the classifier.
 * @param blocks as `models.connectionStrengths` gives them.
 */
export function heatmapFigure(blocks: readonly BlockStrengths[], title: string): string {
  const largest = Math.max(...blocks.flatMap(({ strengths }) => strengths.flat()));
  const width = panel.left + blocks.length * (panel.size + panel.gap) + key.gap + 36;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ${font}>`,
    `<title>Mean absolute weights between layers, ${escaped(title)}</title>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${colour.card}" stroke="#d1d5db"/>`,
    text(panel.left, 36, 'How much layers take from each other', 18, colour.ink, 'start', 'bold'),
    text(panel.left, 58, `mean absolute weight between two layers, ${escaped(title)}`, 13, colour.faded, 'start'),
  ];
  blocks.forEach((block, index) => {
    const left = panel.left + index * (panel.size + panel.gap);
    parts.push(`<g transform="translate(${left},${panel.top})">`, ...blockPanel(block, index, largest), '</g>');
  });
  const keyLeft = panel.left + blocks.length * (panel.size + panel.gap) - panel.gap + key.gap;
  parts.push(`<g transform="translate(${keyLeft},${panel.top})">`, ...colourKey(largest), '</g>', '</svg>', '');
  return parts.join('\n');
}

function blockPanel({ layers, reader, strengths }: BlockStrengths, index: number, largest: number): string[] {
  const cell = panel.size / (layers + 1);
  const parts = [`<rect width="${panel.size}" height="${panel.size}" fill="#f3f4f6"/>`];
  parts.push('<g shape-rendering="crispEdges">');
  strengths.forEach((sources, target) => {
    sources.forEach((value, source) => {
      const share = largest > 0 ? value / largest : 0;
      parts.push(
        `<rect x="${n(target * cell)}" y="${n(source * cell)}" width="${n(cell + 0.05)}" height="${n(cell + 0.05)}" fill="${ramp(share)}">` +
          `<title>${source === 0 ? 'input' : `layer ${source}`} to ${target === layers ? reader : `layer ${target + 1}`}: ${value.toPrecision(3)}</title></rect>`,
      );
    });
  });
  parts.push(
    '</g>',
    `<rect x="${n(layers * cell)}" y="0" width="${n(cell)}" height="${panel.size}" fill="none" stroke="#000000" stroke-width="1.5"/>`,
  );
  const step = Math.max(1, Math.ceil((layers + 1) / 12));
  for (let at = 0; at <= layers; at += step) {
    const middle = (at + 0.5) * cell;
    parts.push(text(-7, middle + 4, at === 0 ? 'in' : String(at), 11, colour.faded, 'end'));
    if (at < layers) parts.push(text(middle, panel.size + 16, String(at + 1), 11, colour.faded, 'middle'));
  }
  parts.push(
    text(panel.size / 2, -10, `dense block ${index + 1}`, 13, colour.ink, 'middle', 'bold'),
    text(panel.size / 2, panel.size + 40, `target layer; framed: the ${reader}`, 12, colour.ink, 'middle'),
  );
  if (index === 0) {
    parts.push(
      `<text transform="translate(-42,${panel.size / 2}) rotate(-90)" font-size="12" fill="${colour.ink}" text-anchor="middle">source layer</text>`,
    );
  }
  return parts;
}

function colourKey(largest: number): string[] {
  const steps = 60;
  const cells = Array.from({ length: steps }, (_, i) => {
    const share = 1 - (i + 0.5) / steps;
    const y = (i * panel.size) / steps;
    return `<rect x="0" y="${n(y)}" width="${key.width}" height="${n(panel.size / steps + 0.5)}" fill="${ramp(share)}"/>`;
  });
  const labels = [0, 0.5, 1].map((share) =>
    text(key.width + 6, (1 - share) * panel.size + 4, (share * largest).toPrecision(2), 11, colour.faded, 'start'),
  );
  return ['<g shape-rendering="crispEdges">', ...cells, '</g>', ...labels];
}
