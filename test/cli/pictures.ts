import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { save } from '../../lib/io/index.js';
import { DenseNet } from '../../lib/models/index.js';
import { manualSeed, scope } from '../../lib/tensor/index.js';

/** Writes `count` pictures, each of another size and colour. */
export async function writePictures(folder: string, count: number): Promise<void> {
  fs.mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const background = { r: (40 + 60 * i) % 256, g: (200 - 70 * i) & 255, b: 90 };
    const create = {
      width: 60 + 9 * i,
      height: 50 + 4 * i,
      channels: 3,
      background,
      noise: { type: 'gaussian', mean: 128, sigma: 50 },
    } as const;
    await sharp({ create }).toFile(path.join(folder, `${i}.${i % 2 === 0 ? 'png' : 'jpg'}`));
  }
}

/** Writes the weights of a small network for pictures of any size: a state dict, or a checkpoint with one in each of `entries`. */
export function writeWeights(file: string, numClasses: number, entries?: readonly string[]): void {
  scope(() => {
    manualSeed(3);
    const model = new DenseNet({ growthRate: 4, blockConfig: [1, 2], numInitFeatures: 8, numClasses });
    const state = model.stateDict();
    save(entries === undefined ? state : new Map(entries.map((entry) => [entry, state])), file);
    for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
  });
}
