import type { ShapesRandom } from './shapes-random.js';

/** The classes of the embedded data set, in label order. Mirroring a picture left to right never changes its class. */
export const SHAPES_CLASSES = [
  'disk',
  'square',
  'triangle',
  'ring',
  'cross',
  'horizontal stripes',
  'vertical stripes',
  'checkerboard',
  'diagonal stripes',
  'dots',
] as const;

const SIZE = 32;
const PIXELS = SIZE * SIZE;

/** Is the point, in half pixels from the centre of the drawing, inside it? */
type Inside = (dx: number, dy: number) => boolean;

type Colour = readonly [number, number, number];

/**
 * Draws one picture: a background with a gradient, some clutter, one figure of the class, noise over all.
 * @param out where the picture goes, `[3, 32, 32]` from `start` on.
 */
export function drawShape(label: number, random: ShapesRandom, out: Uint8Array, start: number): void {
  const canvas = new Int16Array(3 * PIXELS);
  const background = colour(random, DARK);
  paintGradient(canvas, background, random);
  for (let clutter = random.between(0, CLUTTER); clutter > 0; clutter--) {
    const width = random.between(2, 9);
    const height = random.between(2, 9);
    const [cx, cy] = [random.between(0, 2 * SIZE), random.between(0, 2 * SIZE)];
    paint(canvas, colour(random, ANY), cx, cy, (dx, dy) => Math.abs(dx) <= width && Math.abs(dy) <= height);
  }
  const radius = random.between(...RADIUS);
  const reach = 2 * SIZE - 2 * radius > 2 * MARGIN ? radius + MARGIN : SIZE;
  const cx = random.between(Math.min(reach, SIZE - 2), Math.max(2 * SIZE - reach, SIZE + 2));
  const cy = random.between(Math.min(reach, SIZE - 2), Math.max(2 * SIZE - reach, SIZE + 2));
  paint(canvas, contrastingColour(background, random), cx, cy, figure(label, radius, random));
  finish(canvas, random, out, start);
}

// Half pixels. Small figures at low contrast, under noise and clutter, are what keeps the error from reaching zero.
const RADIUS: [number, number] = [8, 20];
const MARGIN = 4;
const CLUTTER = 3;

// Figures are lighter than their background: a first layer learns that within a few steps, whatever the hues.
const DARK: [number, number] = [10, 120];
const LIGHT: [number, number] = [90, 245];
const ANY: [number, number] = [10, 245];
const MIN_CONTRAST = 75;
const MAX_NOISE = 90;

function colour(random: ShapesRandom, range: [number, number]): Colour {
  return [random.between(...range), random.between(...range), random.between(...range)];
}

function contrastingColour(background: Colour, random: ShapesRandom): Colour {
  for (;;) {
    const light = colour(random, LIGHT);
    if (light.reduce((sum, value, c) => sum + value - background[c]!, 0) >= MIN_CONTRAST) return light;
  }
}

function paintGradient(canvas: Int16Array, base: Colour, random: ShapesRandom): void {
  for (let c = 0; c < 3; c++) {
    const [slopeX, slopeY] = [random.between(-32, 32), random.between(-32, 32)];
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        canvas[c * PIXELS + y * SIZE + x] = base[c]! + ((slopeX * (x - 16) + slopeY * (y - 16)) >> 5);
      }
    }
  }
}

function paint(canvas: Int16Array, ink: Colour, cx: number, cy: number, inside: Inside): void {
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      if (!inside(2 * x + 1 - cx, 2 * y + 1 - cy)) continue;
      const at = y * SIZE + x;
      canvas[at] = ink[0];
      canvas[PIXELS + at] = ink[1];
      canvas[2 * PIXELS + at] = ink[2];
    }
  }
}

function finish(canvas: Int16Array, random: ShapesRandom, out: Uint8Array, start: number): void {
  const noise = random.between(4, MAX_NOISE);
  for (let i = 0; i < PIXELS; i++) {
    const bits = random.next();
    for (let c = 0; c < 3; c++) {
      const value = canvas[c * PIXELS + i]! + (((((bits >>> (10 * c)) & 1023) - 512) * noise) >> 9);
      out[start + c * PIXELS + i] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
}

function figure(label: number, r: number, random: ShapesRandom): Inside {
  const make = FIGURES[label];
  if (make === undefined)
    throw new RangeError(`Expected a class from 0 to ${FIGURES.length - 1} but received ${label}`);
  return make(r, random);
}

/** Figures of about the same area for the same `r`. */
const FIGURES: readonly ((r: number, random: ShapesRandom) => Inside)[] = [
  (r) => (dx, dy) => dx * dx + dy * dy <= r * r,
  (r) => (dx, dy) => 8 * Math.max(Math.abs(dx), Math.abs(dy)) <= 7 * r,
  (r, random) => {
    const up = random.between(0, 1) === 0 ? 1 : -1;
    return (dx, dy) => {
      const depth = up * dy + r; // from the tip
      return depth >= 0 && depth <= 2 * r && 8 * Math.abs(dx) <= 5 * depth;
    };
  },
  (r) => (dx, dy) => {
    const square = dx * dx + dy * dy;
    return square <= r * r && 4 * square >= r * r;
  },
  (r, random) => {
    const upright = random.between(0, 1) === 0;
    const bars: Inside = (u, v) =>
      Math.max(Math.abs(u), Math.abs(v)) <= r && 3 * Math.min(Math.abs(u), Math.abs(v)) <= r;
    return upright ? bars : (dx, dy) => bars(Math.trunc(((dx + dy) * 181) / 256), Math.trunc(((dx - dy) * 181) / 256));
  },
  textured((random) => {
    const [period, phase] = [random.between(6, 11), random.between(0, 11)];
    return (_, dy) => wave(dy + phase, period);
  }),
  textured((random) => {
    const [period, phase] = [random.between(6, 11), random.between(0, 11)];
    return (dx) => wave(dx + phase, period);
  }),
  textured((random) => {
    const [period, phaseX, phaseY] = [random.between(8, 13), random.between(0, 13), random.between(0, 13)];
    return (dx, dy) => wave(dx + phaseX, period) !== wave(dy + phaseY, period);
  }),
  textured((random) => {
    const [period, phase, slant] = [random.between(9, 15), random.between(0, 15), random.between(0, 1) === 0 ? 1 : -1];
    return (dx, dy) => wave(dx + slant * dy + phase, period);
  }),
  textured((random) => {
    const [pitch, phaseX, phaseY] = [random.between(8, 12), random.between(0, 12), random.between(0, 12)];
    return (dx, dy) => {
      const [u, v] = [2 * modulo(dx + phaseX, pitch) - pitch, 2 * modulo(dy + phaseY, pitch) - pitch];
      return 3 * (u * u + v * v) <= pitch * pitch;
    };
  }),
];

/** A texture that fills a disk or a square. */
function textured(texture: (random: ShapesRandom) => Inside): (r: number, random: ShapesRandom) => Inside {
  return (r, random) => {
    const round = random.between(0, 1) === 0;
    const inside = texture(random);
    const reach = r + 3;
    return (dx, dy) =>
      (round ? dx * dx + dy * dy <= reach * reach : Math.max(Math.abs(dx), Math.abs(dy)) <= reach - 2) &&
      inside(dx, dy);
  };
}

/** The first half of every period. */
function wave(position: number, period: number): boolean {
  return 2 * modulo(position, period) < period;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
