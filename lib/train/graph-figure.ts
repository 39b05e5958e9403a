import { scaleLinear } from 'd3-scale';
import type { GraphNode, NetworkGraph } from '../nn/index.js';
import { layoutGraph, type PlacedEdge, type PlacedGroup, type PlacedNode, type PlacedRow } from './graph-layout.js';
import { colour, escaped, font, n, text } from './svg.js';

const MARGIN = { left: 28, top: 84, right: 28, bottom: 24 };
const ROW_GAP = 26;
const FRAME = { side: 12, above: 12, below: 26 };

/** A step's colours: what it does is told apart without them too, by its words. */
const FILLS: Readonly<Record<GraphNode['kind'], readonly [fill: string, stroke: string]>> = {
  conv: ['#dbeafe', '#1d4ed8'],
  linear: ['#dcfce7', '#15803d'],
  pool: ['#fef3c7', '#b45309'],
  add: ['#ffffff', '#374151'],
  concat: ['#ffffff', '#374151'],
  other: ['#f3f4f6', '#4b5563'],
};

/** How arcs are drawn, by how many there are in a row. */
const PENS = [
  { most: 12, width: 1.5, opacity: 1, tips: true },
  { most: 400, width: 1.1, opacity: 0.75, tips: false },
  { most: Infinity, width: 0.6, opacity: 0.55, tips: false },
] as const;

/** Arcs by where they come from, dark enough for thin lines on white. */
const ARCS = ['#1d4ed8', '#0e7490', '#15803d', '#a16207', '#c2410c', '#be123c', '#7e22ce'];

/**
 * A network as an SVG document: its steps from left to right in rows, dense connections and shortcuts as arcs from what is read to what
 * reads it. A row begins with what the row before ended with.
 * @param graph as `nn.networkGraph` gives it.
 */
export function graphFigure(graph: NetworkGraph, title: string): string {
  const rows = layoutGraph(graph);
  const width = Math.max(640, Math.ceil(MARGIN.left + Math.max(...rows.map((row) => row.width)) + MARGIN.right));
  const body: string[] = [];
  let y = MARGIN.top;
  for (const row of rows) {
    const frames = row.groups.length > 0;
    const above = row.top + (frames ? FRAME.above : 0);
    const below = row.bottom + (frames ? FRAME.below : 0);
    body.push(`<g transform="translate(${MARGIN.left},${n(y + above)})">`, ...rowParts(row), '</g>');
    y += above + below + ROW_GAP;
  }
  const height = Math.ceil(y - ROW_GAP + MARGIN.bottom);
  const { inputShape, nodes, edges, depth } = graph;
  const layers = nodes.reduce((sum, node) => sum + node.layers, 0);
  const output = nodes.at(-1)?.shape ?? inputShape;
  const words =
    `${sizes(inputShape)} to ${sizes(output)}; ${layers} layers with weights, ${depth} on the longest way; ` +
    `${edges.length} connections between ${nodes.length} steps`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ${font}>`,
    `<title>${escaped(title)}: ${words}</title>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0.8 L8,4 L0,7.2 z" fill="context-stroke"/></marker></defs>',
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${colour.card}" stroke="#d1d5db"/>`,
    text(MARGIN.left, 36, escaped(title), 18, colour.ink, 'start', 'bold'),
    text(MARGIN.left, 58, words, 13, colour.faded, 'start'),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

const sizes = (shape: readonly number[]): string => shape.join('×');

function rowParts({ nodes, edges, groups, top, bottom }: PlacedRow): string[] {
  const sources = [...new Set(edges.filter(({ rise }) => rise > 0).map(({ from }) => from))];
  const hue = scaleLinear<string>(
    ARCS.map((_, index) => (index * Math.max(1, sources.length - 1)) / (ARCS.length - 1)),
    ARCS,
  );
  const arcs = edges.filter(({ rise }) => rise > 0).length;
  const pen = PENS.find(({ most }) => arcs <= most)!;
  return [
    ...groups.map((group, index) => frame(group, top, bottom, groups[index + 1])),
    ...edges.map((edge) => connection(edge, edge.rise > 0 ? hue(sources.indexOf(edge.from)) : '', pen)),
    ...nodes.flatMap((node) => nodeParts(node)),
  ];
}

/** A tint behind what belongs to one module, with its name below. @param next to the right of it. */
function frame(
  { path, className, members }: PlacedGroup,
  top: number,
  rowBottom: number,
  next: PlacedGroup | undefined,
): string {
  const left = leftOf(members) - FRAME.side;
  const right = Math.max(...members.map((node) => node.x + node.width / 2)) + FRAME.side;
  const discs = members.filter(({ form }) => form === 'disc');
  const one = discs[0]?.node;
  // The words on discs may be longer than their frame: they stand below everything else.
  const lowest = one === undefined ? Math.max(...members.map((node) => node.y + node.height / 2)) : rowBottom;
  const bottom = lowest + FRAME.below - 4;
  const brief = one === undefined ? `${path} · ${className}` : `${path} · ${discs.length} × ${one.className}`;
  const what = one?.label.replaceAll(' + ', ', ') ?? '';
  const wordings = one === undefined ? [] : [`${brief}: ${what}, each gives ${sizes(one.shape)}`, `${brief}: ${what}`];
  const room = Math.floor(((next === undefined ? Infinity : leftOf(next.members) - FRAME.side) - left - 12) / 6.6);
  const most = one === undefined ? Math.floor((right - left - 12) / 6.4) : room;
  const words = wordings.find((each) => each.length <= most) ?? shortened(brief, most);
  return [
    `<rect x="${n(left)}" y="${n(-top - 6)}" width="${n(right - left)}" height="${n(bottom + top + 6)}" rx="8" fill="#f8fafc" stroke="#e2e8f0"/>`,
    text(left + 8, bottom - 6, escaped(words), 11, '#475569', 'start'),
  ].join('');
}

const leftOf = (members: readonly PlacedNode[]): number => Math.min(...members.map((node) => node.x - node.width / 2));

/** One connection: an arc over what stands between, a line, or a bend to another lane. */
function connection({ from, to, rise }: PlacedEdge, hue: string, pen: (typeof PENS)[number]): string {
  const tip = rise > 0 && !pen.tips ? '' : ' marker-end="url(#tip)"';
  if (rise > 0) {
    const [x1, x2] = [from.x, to.x];
    const [y1, y2] = [from.y - from.height / 2, to.y - to.height / 2];
    const d = `M${n(x1)},${n(y1)} C${n(x1)},${n(y1 - rise)} ${n(x2)},${n(y2 - rise)} ${n(x2)},${n(y2)}`;
    return `<path d="${d}" fill="none" stroke="${hue}" stroke-width="${pen.width}" stroke-opacity="${pen.opacity}"${tip}/>`;
  }
  const [x1, x2] = [from.x + from.width / 2, to.x - to.width / 2];
  const stroke = `fill="none" stroke="${FILLS.other[1]}" stroke-width="1.4"${tip}`;
  if (Math.abs(from.y - to.y) < 0.5) return `<path d="M${n(x1)},${n(from.y)} H${n(x2)}" ${stroke}/>`;
  // Along its own lane as far as it is free, then to the other.
  const bend = Math.min(24, x2 - x1);
  const [start, end] = Math.abs(from.y) > Math.abs(to.y) ? [x2 - bend, x2] : [x1, x1 + bend];
  const middle = (start + end) / 2;
  const d = `M${n(x1)},${n(from.y)} H${n(start)} C${n(middle)},${n(from.y)} ${n(middle)},${n(to.y)} ${n(end)},${n(to.y)} H${n(x2)}`;
  return `<path d="${d}" ${stroke}/>`;
}

function nodeParts(placed: PlacedNode): string[] {
  const { node, form, x, y, width, height, number } = placed;
  const [left, top] = [x - width / 2, y - height / 2];
  const rectangle = (fill: string, stroke: string, more = ''): string =>
    `<rect x="${n(left)}" y="${n(top)}" width="${width}" height="${height}" rx="6" fill="${fill}" stroke="${stroke}"${more}/>`;
  if (form === 'port') {
    const shape = node === undefined ? 'input' : nameOf(node, 13);
    return [
      rectangle('#ffffff', colour.faded, ' stroke-dasharray="3 3"'),
      text(x, y + 4, escaped(shape), 11, colour.faded, 'middle'),
    ];
  }
  const [fill, stroke] = FILLS[node!.kind];
  const title = `<title>${escaped(`${node!.path} (${node!.className}): ${node!.label}, ${sizes(node!.shape)}`)}</title>`;
  if (form === 'disc' || form === 'sign') {
    const sign = form === 'disc' ? String(number) : node!.kind === 'add' ? '+' : '⧺';
    const size = form === 'disc' ? 11 : 15;
    return [
      `<g>${title}<circle cx="${n(x)}" cy="${n(y)}" r="${width / 2}" fill="${fill}" stroke="${stroke}"/>`,
      form === 'sign' && node!.kind === 'concat'
        ? text(x, y + height / 2 + 12, 'concat', 10, colour.faded, 'middle')
        : '',
      form === 'sign' && node!.kind === 'concat'
        ? `<path d="M${n(x - 6)},${n(y - 3)} h12 M${n(x - 6)},${n(y + 3)} h12" stroke="${stroke}" stroke-width="2"/>`
        : text(x, y + size * 0.36, sign, size, stroke, 'middle', 'bold'),
      '</g>',
    ];
  }
  const name = nameOf(node!, 17);
  const lines = [...(name === '' ? [] : [name]), ...node!.label.split(' + '), sizes(node!.shape)];
  return [
    `<g>${title}`,
    rectangle(fill, stroke),
    ...lines.map((line, index) => {
      const at = y + (index - (lines.length - 1) / 2) * 14 + 4;
      const tone = index === lines.length - 1 ? colour.faded : colour.ink;
      return text(x, at, escaped(shortened(line, 19)), 10.5, tone, 'middle', line === name ? 'bold' : 'normal');
    }),
    '</g>',
  ];
}

/** A path without its group, or as much of its end as fits. */
function nameOf({ path, group, kind }: GraphNode, most: number): string {
  if (kind === 'add' || kind === 'concat') return nameOf({ path, group: undefined, kind: 'other' } as GraphNode, most);
  const own = group === undefined || !path.startsWith(`${group.path}.`) ? path : path.slice(group.path.length + 1);
  const parts = own.split('.');
  while (parts.length > 1 && parts.join('.').length > most) parts.shift();
  return shortened(parts.join('.'), most);
}

const shortened = (words: string, most: number): string =>
  words.length > most ? `${words.slice(0, Math.max(1, most - 1))}…` : words;
