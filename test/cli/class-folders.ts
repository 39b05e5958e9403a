import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { drawShape, SHAPES_CLASSES } from '../../lib/data/shapes-draw.js';
import { ShapesRandom } from '../../lib/data/shapes-random.js';

/** Writes drawn shapes of the first classes as PNG and JPEG, each of another size: `folder/class/0.png`. */
export async function writeClassFolders(
  folder: string,
  { classes = 3, pictures, seed = 0 }: { classes?: number; pictures: number; seed?: number },
): Promise<void> {
  const [random, side] = [new ShapesRandom(seed, 1), 32];
  for (const [label, title] of SHAPES_CLASSES.slice(0, classes).entries()) {
    const name = title.replaceAll(' ', '-');
    fs.mkdirSync(path.join(folder, name), { recursive: true });
    for (let index = 0; index < pictures; index++) {
      const planes = new Uint8Array(3 * side * side);
      drawShape(label, random, planes, 0);
      const pixels = planes.map((_, at) => planes[(at % 3) * side * side + Math.floor(at / 3)]!);
      const size = { width: 30 + ((7 * index + label) % 23), height: 30 + ((5 * index) % 19), fit: 'fill' } as const;
      const picture = sharp(pixels, { raw: { channels: 3, height: side, width: side } }).resize(size);
      await picture.toFile(path.join(folder, name, `${index}.${index % 2 === 0 ? 'png' : 'jpg'}`));
    }
  }
}
