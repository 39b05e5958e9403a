import { parse } from 'node:path';
import { networkByName, pictureSizeOf, type NamedNetworkOptions } from '../models/index.js';
import {
  countParameters,
  networkGraph,
  receptiveField,
  showNet,
  stat,
  summary,
  type LayerInfo,
  type ModelStatistics,
  type Module,
} from '../nn/index.js';
import { scope, setNumThreads, TorchError } from '../tensor/index.js';
import { formatFixed } from '../train/format.js';
import { graphFigure } from '../train/graph-figure.js';
import { disposeNetwork } from '../train/picture-network.js';
import {
  isOwnNetwork,
  type GraphCommandOptions,
  type NetworkChoice,
  type SummaryCommandOptions,
} from './look-options.js';
import { coloursFor, type Output } from './output.js';
import { ownNetwork } from './own-network.js';
import { plain } from './prediction-text.js';
import { checkFolder, writePicture } from './write-picture.js';

/** Makes the network of a command, and frees it after `look`. */
async function withNetwork<T>(choice: NetworkChoice, look: (net: Module, picture: readonly number[]) => T): Promise<T> {
  if (choice.threads !== undefined) setNumThreads(choice.threads);
  const { model, numClasses } = choice;
  const own = isOwnNetwork(model) ? await ownNetwork(model) : undefined;
  const make = own ?? ((options: NamedNetworkOptions) => networkByName(model, options));
  return scope(() => {
    const net = make(numClasses === undefined ? {} : { numClasses });
    try {
      return look(net, choice.inputSize ?? pictureSizeOf(model));
    } catch (error) {
      if (own !== undefined && error instanceof Error)
        throw new Error(`${model} cannot be run on such a picture: ${error.message}`, { cause: error });
      if (!(error instanceof TorchError) || choice.inputSize === undefined) throw error;
      const size = pictureSizeOf(model).join('x');
      throw new TorchError(error.code, `${error.message}; ${model} is made for pictures of ${size}`);
    } finally {
      disposeNetwork(net);
    }
  });
}

/** `torchbridge summary`. @returns the exit code. */
export async function runSummary(options: SummaryCommandOptions, stdout: Output): Promise<number> {
  const { batchSize, depth, columns, rows, colWidth, layers, json } = options;
  const text = await withNetwork(options, (net, picture) => {
    const inputSize = [batchSize, ...picture];
    if (layers) return showNet(net, inputSize);
    const statistics = summary(net, { inputSize, depth, colNames: columns, rowSettings: rows, colWidth });
    const { depth: longest } = networkGraph(net, inputSize);
    const field = receptiveField(net, inputSize);
    if (json)
      return JSON.stringify(
        { model: options.model, ...plainSummary(statistics), longest, receptiveField: field },
        null,
        2,
      );
    const { dim } = coloursFor(stdout);
    const { weightedLayers, flops } = statistics;
    const classes = [...weightedLayers.byClass].map(([name, count]) => `${count} ${name}`).join(', ');
    const [high = 0, wide = 0] = field.size;
    const [, , ...map] = field.featureMap;
    return [
      String(statistics),
      `Layers with weights: ${weightedLayers.total} (${classes}); ${longest} on the longest way from input to output`,
      `Operations of products and convolutions: ${formatFixed(flops / 1e9, 3)} GFLOP, ${formatFixed(flops / 2e9, 3)} G multiply-adds`,
      `Receptive field of the last feature map (${map.join('x')}): ${high}x${wide} pixels, every ${field.stride.join('x')}`,
      dim(`Buffers, which are no parameters: ${countParameters(net).buffers.toLocaleString('en')}`),
    ].join('\n');
  });
  stdout.write(`${text}\n`);
  return 0;
}

function plainSummary(statistics: ModelStatistics): object {
  const { layers, weightedLayers, inputSize, flops } = statistics;
  const { totalParams, trainableParams, totalMultAdds, totalInput, totalOutputBytes, totalParamBytes } = statistics;
  return {
    ...{ inputSize, totalParams, trainableParams, totalMultAdds, totalInput, totalOutputBytes, totalParamBytes, flops },
    weightedLayers: { total: weightedLayers.total, byClass: Object.fromEntries(weightedLayers.byClass) },
    layers: layers.map(plainLayer),
  };
}

function plainLayer(layer: LayerInfo): unknown {
  const { className, place, depthIndex, kernelSize, inputSize, outputSize, numParams, trainable, macs, isRecursive } =
    layer;
  const { name, depth } = place;
  return {
    name,
    className,
    depth,
    depthIndex,
    kernelSize,
    inputSize,
    outputSize,
    numParams,
    trainable,
    multAdds: macs,
    isRecursive,
  };
}

/** `torchbridge stat`. @returns the exit code. */
export async function runStat(options: NetworkChoice, stdout: Output): Promise<number> {
  const report = await withNetwork(options, (net, picture) => stat(net, picture));
  stdout.write(
    options.json
      ? `${JSON.stringify({ model: options.model, rows: report.rows, unsupported: report.unsupported }, null, 2)}\n`
      : `${String(report)}\n`,
  );
  return 0;
}

/** `torchbridge graph`. @returns the exit code. */
export async function runGraph(options: GraphCommandOptions, stdout: Output): Promise<number> {
  const { plot, model, json } = options;
  checkFolder(plot);
  const graph = await withNetwork(options, (net, picture) => networkGraph(net, [1, ...picture]));
  await writePicture(plot, graphFigure(graph, isOwnNetwork(model) ? parse(model).name : model));
  const arcs = graph.edges.length;
  if (json) stdout.write(`${JSON.stringify({ model, plot, ...graph }, null, 2)}\n`);
  else
    stdout.write(
      `${plain(plot)}: ${graph.nodes.length} steps, ${arcs} connections, ${graph.depth} layers with weights on the longest way\n`,
    );
  return 0;
}
