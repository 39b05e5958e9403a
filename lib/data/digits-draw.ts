import { GLYPHS, type Stroke } from './digits-glyphs.js';
import type { ShapesRandom } from './shapes-random.js';

/** The classes of the embedded digits, in label order; the names are those that torchvision gives MNIST's. */
export const DIGITS_CLASSES = [
  '0 - zero',
  '1 - one',
  '2 - two',
  '3 - three',
  '4 - four',
  '5 - five',
  '6 - six',
  '7 - seven',
  '8 - eight',
  '9 - nine',
] as const;

/** Pixels of a side. */
export const DIGITS_SIZE = 28;

const PIECES = 4;
/** Points in pixels, one after the other: x, y, x, y, … */
type Path = number[];

/**
 * Draws one digit: one of the ways to write it, its points moved by chance, slanted, turned, stretched and shifted, with a pen
 * of some width and strength, under noise; light on black as MNIST's. Sums, products, quotients and square roots alone, which
 * are the same on every machine.
 * @param out where the picture goes, `[28, 28]` from `start` on.
 */
export function drawDigit(label: number, random: ShapesRandom, out: Uint8Array, start: number): void {
  const ways = GLYPHS[label];
  if (ways === undefined) throw new RangeError(`Expected a digit from 0 to 9 but received ${label}`);
  const strokes = ways[random.between(0, ways.length - 1)]!;
  const place = placement(random);
  const wobble = real(random, 0.01, 0.055);
  const paths = strokes.map((stroke) => place(flatten(shaken(stroke, wobble, random))));
  const ink = new Float64Array(DIGITS_SIZE * DIGITS_SIZE);
  const width = real(random, 0.65, 1.9);
  const soft = real(random, 0.5, 1.1);
  for (const path of paths) trace(ink, path, width, soft);
  for (let blots = random.between(0, 2) - 1; blots > 0; blots--) {
    const [x, y] = [real(random, 1, 27), real(random, 1, 27)];
    trace(ink, [x, y, x + real(random, -5, 5), y + real(random, -5, 5)], 0.6, soft);
  }
  finish(ink, random, out, start);
}

/** A number from `low` to `high`, in a million steps. */
function real(random: ShapesRandom, low: number, high: number): number {
  return low + ((high - low) * random.between(0, 1_000_000)) / 1_000_000;
}

/** The sum of two even draws: seldom far from 0. */
function around(random: ShapesRandom, reach: number): number {
  return real(random, -reach / 2, reach / 2) + real(random, -reach / 2, reach / 2);
}

function shaken({ smooth, points }: Stroke, wobble: number, random: ShapesRandom): Stroke {
  return { smooth, points: points.map(([x, y]) => [x + around(random, 2 * wobble), y + around(random, 2 * wobble)]) };
}

/** A stroke as straight pieces: a smooth one goes through its points as Catmull and Rom's spline. */
function flatten({ smooth, points }: Stroke): Path {
  const path: Path = [];
  points.forEach((point, i) => {
    path.push(point[0], point[1]);
    const next = points[i + 1];
    if (!smooth || next === undefined) return;
    const before = points[i - 1] ?? point;
    const after = points[i + 2] ?? next;
    for (let k = 1; k < PIECES; k++) {
      path.push(spline(before[0], point[0], next[0], after[0], k / PIECES));
      path.push(spline(before[1], point[1], next[1], after[1], k / PIECES));
    }
  });
  return path;
}

/** From `b` (t = 0) to `c` (t = 1). */
function spline(a: number, b: number, c: number, d: number, t: number): number {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/** Where a digit stands, and how: from its own square to pixels. */
function placement(random: ShapesRandom): (path: Path) => Path {
  const height = real(random, 14, 21);
  const width = height * real(random, 0.45, 0.9);
  const slant = around(random, 0.4);
  // The tangent of half of the angle gives sine and cosine without either: up to 17 degrees to each side.
  const t = around(random, 0.15);
  const [sine, cosine] = [(2 * t) / (1 + t * t), (1 - t * t) / (1 + t * t)];
  const [shiftX, shiftY] = [DIGITS_SIZE / 2 + around(random, 3.5), DIGITS_SIZE / 2 + around(random, 3)];
  return (path) => {
    const placed: Path = [];
    for (let i = 0; i < path.length; i += 2) {
      const v = (path[i + 1]! - 0.5) * height;
      const u = (path[i]! - 0.5) * width - slant * v;
      placed.push(shiftX + cosine * u - sine * v, shiftY + sine * u + cosine * v);
    }
    return placed;
  };
}

/** Lays a line of a pen `width` pixels to each side into `ink`; from there the ink ends within `soft` pixels. */
function trace(ink: Float64Array, path: Path, width: number, soft: number): void {
  const reach = width + soft;
  for (let i = 0; i + 3 < path.length; i += 2) {
    traceLine(ink, path[i]!, path[i + 1]!, path[i + 2]!, path[i + 3]!, reach, soft);
  }
}

/** One straight piece from `a` to `b`: the pixels that it can reach take the strength of their distance from it. */
function traceLine(
  ink: Float64Array,
  ax: number,
  ay: number,
  bx: number,
  by: number,
  reach: number,
  soft: number,
): void {
  const dx = bx - ax;
  const dy = by - ay;
  const length = dx * dx + dy * dy;
  const left = Math.max(0, Math.floor(Math.min(ax, bx) - reach));
  const right = Math.min(DIGITS_SIZE - 1, Math.ceil(Math.max(ax, bx) + reach));
  const bottom = Math.min(DIGITS_SIZE - 1, Math.ceil(Math.max(ay, by) + reach));
  for (let y = Math.max(0, Math.floor(Math.min(ay, by) - reach)); y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const px = x + 0.5 - ax;
      const py = y + 0.5 - ay;
      const along = length === 0 ? 0 : Math.max(0, Math.min(1, (px * dx + py * dy) / length));
      const ox = px - along * dx;
      const oy = py - along * dy;
      const square = ox * ox + oy * oy;
      if (square >= reach * reach) continue;
      const strength = Math.min(1, (reach - Math.sqrt(square)) / soft);
      const at = y * DIGITS_SIZE + x;
      if (strength > ink[at]!) ink[at] = strength;
    }
  }
}

/** Strength of the ink, grain in it, and noise beside it. */
function finish(ink: Float64Array, random: ShapesRandom, out: Uint8Array, start: number): void {
  const strength = random.between(130, 255);
  const noise = random.between(0, 60);
  // 784 is one more than a multiple of 3: the last draw serves one pixel.
  for (let i = 0; i < ink.length;) {
    const bits = random.next();
    for (let shift = 0; shift < 30 && i < ink.length; shift += 10, i++) {
      const grain = (((bits >>> shift) & 1023) - 512) / 512;
      const value = ink[i]! * strength + (ink[i]! > 0 ? 0.5 : 1) * grain * noise;
      out[start + i] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
}
