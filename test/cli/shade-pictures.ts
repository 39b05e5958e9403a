import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { randomNumbers } from './small-cifar.js';

/** Classes that differ in their brightness alone: any network that learns at all tells them apart in a few steps. */
export const SHADES = ['dark', 'grey', 'light'];

/** A picture of 32x32 pixels in one of the shades, with a little noise. @param format as a file has it. */
export function shadePicture(shade: number, random: () => number, format: 'png' | 'jpeg'): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 3 * 32 * 32 }, () => 8 + 115 * shade + Math.floor(10 * random()));
  return sharp(pixels, { raw: { channels: 3, width: 32, height: 32 } })
    [format]()
    .toBuffer();
}

/** Writes a folder for each shade: `folder/dark/0.png`. @param pictures of each. */
export async function writeShadeFolders(folder: string, pictures: number, seed: number): Promise<void> {
  const random = randomNumbers(seed);
  for (const [shade, name] of SHADES.entries()) {
    fs.mkdirSync(path.join(folder, name), { recursive: true });
    for (let i = 0; i < pictures; i++)
      fs.writeFileSync(path.join(folder, name, `${i}.png`), await shadePicture(shade, random, 'png'));
  }
}
