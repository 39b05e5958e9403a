import type { GraphNode, NetworkGraph } from '../nn/index.js';

/** A step with its place on the page. */
export interface PlacedNode {
  /** Position in the graph's nodes; -1 for the input. */
  readonly index: number;
  readonly node: GraphNode | undefined;
  /** A box with words, a disc with a number, a sign for an addition or a concatenation, or where a row begins. */
  readonly form: 'box' | 'disc' | 'sign' | 'port';
  /** Middle of it. */
  x: number;
  y: number;
  readonly width: number;
  readonly height: number;
  /** Row above or below the straight way, 0 for that. */
  readonly lane: number;
  /** Number of a disc within its group, from 1. */
  readonly number: number;
}

/** A connection between two places. */
export interface PlacedEdge {
  readonly from: PlacedNode;
  readonly to: PlacedNode;
  /** How high an arc rises; 0 for what is straight or bends around nothing. */
  readonly rise: number;
}

/** Steps of one row that belong to one module. */
export interface PlacedGroup {
  readonly path: string;
  readonly className: string;
  readonly members: readonly PlacedNode[];
}

export interface PlacedRow {
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly groups: readonly PlacedGroup[];
  /** Space that arcs take above the highest node. */
  readonly top: number;
  readonly bottom: number;
  readonly width: number;
}

/** Nodes between two places where all that goes on comes from one of them. */
interface Segment {
  readonly members: readonly number[];
  /** What the first of them read. */
  readonly source: number;
}

const BOX = { width: 126, line: 14, height: 36, gap: 26 };
const DISC = { size: 26, gap: 11 };
const SIGN = 24;
const PORT = { width: 84, height: 34 };
const LANE = 66;
/** How high arcs rise: at least so much, and by so much for each pixel of their way, as long as the longest stays below the most. */
const ARC = { least: 22, steepness: 0.19, most: 330 };
const MOST_WIDTH = 1180;
/** As many alike in a group, which do the same, are drawn as discs. */
const MANY = 5;

/** Rows of a network: its steps from left to right, those that run side by side one below the other. */
export function layoutGraph(graph: NetworkGraph): PlacedRow[] {
  const segments = segmentsOf(graph);
  const rows: Segment[][] = [];
  let width = Infinity;
  for (const segment of segments) {
    const own = placeSegment(graph, segment).width;
    const many = formsOf(graph, segment.members).includes('disc');
    if (width + own > MOST_WIDTH || many) {
      rows.push([]);
      width = 0;
    }
    rows.at(-1)!.push(segment);
    width += own;
  }
  return rows.map((row, index) => placeRow(graph, row, index === 0));
}

/** Cuts the order of the steps wherever a single one of them leads on. */
function segmentsOf({ nodes, edges }: NetworkGraph): Segment[] {
  const segments: Segment[] = [];
  let start = 0;
  let source = -1;
  for (let at = 0; at < nodes.length; at++) {
    const crossing = new Set(edges.filter(([from, to]) => from <= at && to > at).map(([from]) => from));
    if (crossing.size > 1) continue;
    const members = Array.from({ length: at - start + 1 }, (_, offset) => start + offset);
    segments.push({ members, source });
    [source = at] = crossing;
    start = at + 1;
  }
  return segments;
}

/** What each of a segment's nodes is drawn as. */
function formsOf({ nodes }: NetworkGraph, members: readonly number[]): PlacedNode['form'][] {
  const alike = new Map<string, number>();
  const key = (node: GraphNode): string => `${node.group?.path ?? ''}\n${node.className}\n${node.label}`;
  for (const member of members) {
    const node = nodes[member]!;
    if (node.group !== undefined) alike.set(key(node), (alike.get(key(node)) ?? 0) + 1);
  }
  return members.map((member) => {
    const node = nodes[member]!;
    if (node.kind === 'add' || node.kind === 'concat') return 'sign';
    return node.group !== undefined && alike.get(key(node))! >= MANY ? 'disc' : 'box';
  });
}

/** Places a segment's nodes from x = 0, around y = 0. */
function placeSegment(
  graph: NetworkGraph,
  { members }: Segment,
): { readonly placed: PlacedNode[]; readonly width: number } {
  const forms = formsOf(graph, members);
  const inside = new Set(members);
  const levels = new Map<number, number>();
  const lanes = new Map<number, number>();
  const taken = new Map<number, Set<number>>();
  for (const member of members) {
    const before = sourcesOf(graph, member).filter((source) => inside.has(source));
    const level = before.length === 0 ? 0 : 1 + Math.max(...before.map((source) => levels.get(source)!));
    const used = taken.get(level) ?? new Set<number>();
    taken.set(level, used);
    const { kind } = graph.nodes[member]!;
    const wanted = before.length === 0 ? 0 : Math.min(...before.map((source) => lanes.get(source)!));
    let lane = wanted;
    while (used.has(lane)) lane++;
    // What joins branches stands in their middle.
    if (kind === 'concat' && before.length > 1)
      lane = before.reduce((sum, source) => sum + lanes.get(source)!, 0) / before.length;
    used.add(lane);
    levels.set(member, level);
    lanes.set(member, lane);
  }
  const joins = members.some((member) => graph.nodes[member]!.kind === 'concat');
  const middle = joins ? Math.max(...lanes.values()) / 2 : 0;
  const placed: PlacedNode[] = [];
  const numbers = new Map<string, number>();
  let x = 0;
  for (let level = 0; level <= Math.max(...levels.values()); level++) {
    const column = members.filter((member) => levels.get(member) === level);
    const sizes = column.map((member) => sizeOf(forms[members.indexOf(member)]!, graph.nodes[member]!));
    const width = Math.max(...sizes.map((size) => size.width));
    const gap = level > 0 && column.every((member) => forms[members.indexOf(member)] === 'disc') ? DISC.gap : BOX.gap;
    column.forEach((member, index) => {
      const node = graph.nodes[member]!;
      const form = forms[members.indexOf(member)]!;
      const path = node.group?.path ?? '';
      const number = form === 'disc' ? (numbers.get(path) ?? 0) + 1 : 0;
      if (form === 'disc') numbers.set(path, number);
      const lane = lanes.get(member)!;
      placed.push({
        index: member,
        node,
        form,
        x: x + gap + width / 2,
        y: (lane - middle) * LANE,
        ...sizes[index]!,
        lane: lane - middle,
        number,
      });
    });
    x += gap + width;
  }
  return { placed: placed.sort((a, b) => a.index - b.index), width: x };
}

const sourcesOf = ({ edges }: NetworkGraph, member: number): number[] =>
  edges.filter(([, to]) => to === member).map(([from]) => from);

function sizeOf(form: PlacedNode['form'], node: GraphNode): { readonly width: number; readonly height: number } {
  if (form === 'disc') return { width: DISC.size, height: DISC.size };
  if (form === 'sign') return { width: SIGN, height: SIGN };
  return { width: BOX.width, height: BOX.height + BOX.line * node.label.split(' + ').length };
}

function placeRow(graph: NetworkGraph, segments: readonly Segment[], isFirst: boolean): PlacedRow {
  const source = segments[0]!.source;
  const port: PlacedNode = {
    index: source,
    node: source < 0 ? undefined : graph.nodes[source]!,
    form: 'port',
    x: PORT.width / 2,
    y: 0,
    ...PORT,
    lane: 0,
    number: 0,
  };
  const nodes: PlacedNode[] = [port];
  const edges: PlacedEdge[] = [];
  const groups: PlacedGroup[] = [];
  let x = PORT.width;
  for (const segment of segments) {
    const { placed, width } = placeSegment(graph, segment);
    for (const node of placed) node.x += x;
    x += width;
    nodes.push(...placed);
    for (const node of placed) {
      const last = groups.at(-1);
      const group = node.node!.group;
      if (group === undefined) continue;
      if (last?.path === group.path) (last.members as PlacedNode[]).push(node);
      else groups.push({ ...group, members: [node] });
    }
  }
  // Straight ahead of it, where the first step stands.
  if (!isFirst && segments[0]!.members.length === 1) port.y = nodes[1]!.y;
  const steepness = Math.min(ARC.steepness, ARC.most / x);
  for (const to of nodes.slice(1)) {
    for (const each of sourcesOf(graph, to.index)) {
      const from = nodes.find((node) => node.index === each);
      if (from !== undefined) edges.push({ from, to, rise: riseOf(from, to, nodes, steepness) });
    }
  }
  const top = Math.max(
    ...nodes.map((node) => node.height / 2 - node.y),
    ...edges.map(({ from, to, rise }) =>
      rise === 0 ? 0 : rise * 0.75 + Math.max(from.height, to.height) / 2 - from.y,
    ),
  );
  const bottom = Math.max(...nodes.map((node) => node.y + node.height / 2));
  return { nodes, edges, groups, top, bottom, width: x };
}

/** An arc leads over what stands between two places on one line; the longest is the highest. */
function riseOf(from: PlacedNode, to: PlacedNode, nodes: readonly PlacedNode[], steepness: number): number {
  if (from.lane !== to.lane) return 0;
  const between = nodes.some((node) => node.x > from.x && node.x < to.x && Math.abs(node.y - from.y) < LANE / 2);
  return between ? ARC.least + steepness * (to.x - from.x) : 0;
}
