import path from 'node:path';
import { connectionStrengths, DenseNet } from '../models/index.js';
import { UsageError } from '../train/errors.js';
import { heatmapFigure } from '../train/heatmap-figure.js';
import { disposeNetwork, openPictureNetwork } from '../train/picture-network.js';
import { runPaths } from '../train/run-files.js';
import { DownloadLines } from './download-lines.js';
import type { HeatmapOptions } from './heatmap-options.js';
import type { Output } from './output.js';
import { plain } from './prediction-text.js';
import { checkFolder, writePicture } from './write-picture.js';

/** `torchbridge heatmap`. @returns the exit code. */
export async function runHeatmap(
  { save, plot, json, ...options }: HeatmapOptions,
  stdout: Output,
  stderr: Output,
): Promise<number> {
  checkFolder(plot);
  const weights = options.weights ?? runPaths(save ?? '.').model;
  const notice = (text: string): void => void stderr.write(`${plain(text)}\n`);
  const lines = new DownloadLines(notice);
  const network = await openPictureNetwork({
    weights,
    reporter: { notice, download: (progress) => lines.update(progress) },
  });
  try {
    const { model } = network;
    if (!(model instanceof DenseNet))
      throw new UsageError(
        `Expected the weights of a DenseNet but received ${weights}: a ${model.className()} has no dense blocks`,
      );
    const blocks = connectionStrengths(model);
    await writePicture(plot, heatmapFigure(blocks, path.basename(weights)));
    if (json) stdout.write(`${JSON.stringify({ weights, plot, blocks }, null, 2)}\n`);
    else
      stdout.write(
        `${plain(plot)}: ${blocks.length} dense blocks of ${blocks.map(({ layers }) => layers).join(', ')} layers\n`,
      );
  } finally {
    disposeNetwork(network.model);
  }
  return 0;
}
