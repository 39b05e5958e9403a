import { existsSync, readFileSync, readSync, closeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ImageClassification } from '../data/index.js';
import { pictureFormat } from '../data/picture-format.js';
import { DIGITS_CLASSES } from '../data/digits-draw.js';
import { FASHION_CLASSES } from '../data/mnist.js';
import { SHAPES_CLASSES } from '../data/shapes-draw.js';
import { IoError, openRegularFile } from '../io/index.js';
import { denseNetForm } from '../models/densenet-form.js';
import { identifyWeights, publishedNetworkOf } from '../models/identify-weights.js';
import {
  DenseNet,
  fetchWeights,
  getModel,
  getModelWeights,
  getWeight,
  listModels,
  WeightsError,
  type Network,
  type Weights,
} from '../models/index.js';
import { memberOf } from '../models/find-weights.js';
import { putWeights } from '../models/load-weights.js';
import { findWeights, type FoundWeights } from '../models/weight-files.js';
import { fitNames } from '../models/weight-names.js';
import type { Module } from '../nn/index.js';
import { scope } from '../tensor/index.js';
import { readClassNames } from './class-names.js';
import { readConfig, type RunConfig } from './config.js';
import { isInFiles } from './dataset-names.js';
import { scaleOf } from './datasets.js';
import { UsageError } from './errors.js';
import { testPictures } from './folder-data.js';
import type { Reporter } from './reporter.js';
import { headNames, modelWithWeights, moveTo } from './build-network.js';
import { DEFAULT_NETWORK, NETWORK_FACTS, NETWORK_NAMES, type NetworkName } from './network-names.js';
import { Precision } from './precision.js';
import type { AmpName } from './precision-names.js';
import { runFileNames } from './run-files.js';

/** Which network, for pictures of any size. */
export interface PictureNetworkOptions {
  /** Published weights by name (`densenet121`), or a file of `torch.save`. */
  readonly weights: string;
  /** The entry of a checkpoint that holds the weights; default the one whose name says so, or the only state dict. */
  readonly entry?: string | undefined;
  /** The form of the network (`densenet121`) for weights from a file; default what their names and shapes tell. */
  readonly model?: string | undefined;
  /** A file that names the classes; default those of the published weights, or of the run beside the file. */
  readonly classes?: string | undefined;
  /** Default cpu. */
  readonly device?: string | undefined;
  /** Automatic mixed precision; default none. */
  readonly amp?: AmpName | undefined;
  /** Whether pictures lie with their channels last; default false. */
  readonly channelsLast?: boolean | undefined;
  /** Told of the download, and of what was done to the names of the weights. */
  readonly reporter?: Reporter | undefined;
}

/** A network with weights, in eval mode on its device, and what belongs to it. */
export interface PictureNetwork {
  readonly model: Network;
  readonly numClasses: number;
  /** Name of the published weights, or path of the file. */
  readonly weights: string;
  /** Names of the classes, where they are known. */
  readonly categories: readonly string[] | undefined;
  /** How pictures are made ready for it. */
  readonly transform: ImageClassification;
  readonly device: string;
  readonly precision: Precision;
}

/** Whether this is the name of published weights, or of a network that has some. */
export function isPublished(weights: string): boolean {
  return getModelWeights(weights) !== undefined || /^\w+_Weights\./.test(weights);
}

/**
 * Makes a network for pictures: fetches published weights, or reads a file.
 * @throws UsageError for names that do not go together; IoError, DeviceError and Error in one line that says what is wrong.
 */
export async function openPictureNetwork(options: PictureNetworkOptions): Promise<PictureNetwork> {
  // Read first: a download may follow.
  const named = options.classes === undefined ? undefined : readClassNames(options.classes);
  const published = publishedWeights(options);
  if (published !== undefined && options.entry !== undefined)
    throw new UsageError(`Expected no --entry with the published weights ${options.weights}: they are a state dict`);
  if (published !== undefined)
    await fetchWeights(published, { onProgress: (done) => options.reporter?.download?.(done) });
  const weights = published?.name ?? options.weights;
  const run = published === undefined ? runOf(options) : undefined;
  const model = published === undefined ? networkOf(options, run) : publishedNetwork(published);
  const device = options.device ?? 'cpu';
  const precision = new Precision({ device, amp: options.amp, channelsLast: options.channelsLast });
  const numClasses = classesOf(model);
  try {
    if (named !== undefined && named.length !== numClasses) {
      throw new Error(`${options.classes ?? ''} names ${named.length} classes, ${weights} has ${numClasses}`);
    }
    moveTo(model, device);
    precision.prepare(model);
  } catch (error) {
    disposeNetwork(model);
    throw error;
  }
  model.eval();
  const small = model instanceof DenseNet ? model.config.smallInputs : NOTES.includes(options.model ?? '');
  const transform =
    published === undefined ? transformOf(model, options, run) : new ImageClassification(published.transforms);
  const categories = named ?? categoriesOf(small, numClasses, run);
  return { model, numClasses, weights, categories, transform, device, precision };
}

/** Frees a network. */
export function disposeNetwork(model: Module): void {
  for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
}

/** The networks that may be named. */
const MODELS: readonly string[] = NETWORK_NAMES.filter((name) => name !== DEFAULT_NETWORK);

/** Those that are for pictures of any number of channels. */
const NOTES: readonly string[] = listModels('notes');

function classesOf(model: Network): number {
  const head = headNames(model)[0] ?? '';
  return scope(() => model.stateDict().get(`${head}.weight`)?.shape[0] ?? 0);
}

/** The published weights that are asked for; undefined for a file. */
function publishedWeights({ weights, model }: PictureNetworkOptions): Weights | undefined {
  if (model !== undefined && !MODELS.includes(model)) {
    throw new UsageError(`Expected ${MODELS.join(', ')} for --model but received ${JSON.stringify(model)}`);
  }
  const set = model === undefined ? undefined : getModelWeights(model);
  const member = memberOf(set, weights);
  if (member !== undefined) return member;
  if (!isPublished(weights)) return undefined;
  let found: Weights;
  try {
    found = getWeight(weights);
  } catch (error) {
    throw new UsageError(`--weights: ${(error as Error).message}`, { cause: error });
  }
  if (model !== undefined && set?.DEFAULT.enumName !== found.enumName) {
    throw new UsageError(`--weights ${weights} are not those of --model ${model}; leave --model out`);
  }
  return found;
}

function publishedNetwork(weights: Weights): Network {
  const name = MODELS.find((each) => getModelWeights(each)?.DEFAULT.enumName === weights.enumName) ?? '';
  return getModel(name, { weights });
}

function networkOf(
  { weights: path, entry, model, reporter }: PictureNetworkOptions,
  run: RunConfig | undefined,
): Network {
  const onNotice = (line: string): void => reporter?.notice?.(line);
  try {
    if (run === undefined && model !== undefined && !NOTES.includes(model))
      return getModel(model, { weights: path, entry, onNotice });
    return scope(() => {
      const found = findWeights(path, entry);
      if (run !== undefined && run.model !== DEFAULT_NETWORK)
        return modelWithWeights({ ...run, device: 'cpu' }, found, onNotice);
      if (model !== undefined) return notesNetwork(model as NetworkName, found, onNotice);
      const { state } = found;
      const fitted = fitNames(state).state;
      const form = denseNetForm(fitted);
      const other = form === undefined ? publishedNetworkOf(fitted) : undefined;
      if (other !== undefined) {
        onNotice(`${path}: read as weights of ${other}`);
        return getModel(other, { weights: state, onNotice });
      }
      if (form === undefined) {
        const what = identifyWeights(fitted);
        const names = [...state.keys()].slice(0, 3).join(', ');
        throw new IoError(
          'format',
          `${path}: no weights of a DenseNet${what === undefined ? '' : ` but of ${what}`}: its names begin with ${names}; predict and eval take --model for other networks`,
          path,
        );
      }
      const network = new DenseNet(form);
      try {
        putWeights(network, found, { onNotice });
      } catch (error) {
        disposeNetwork(network);
        throw error;
      }
      return network;
    });
  } catch (error) {
    throw explain(error, path, model);
  }
}

/** A network of the notes for as many channels and classes as its weights are for. */
function notesNetwork(model: NetworkName, found: FoundWeights, onNotice: (line: string) => void): Network {
  const weights = [...fitNames(found.state).state.values()].filter((tensor) => tensor.dim() > 1);
  const inChannels = weights[0]?.shape[1] ?? 1;
  const numClasses = weights.at(-1)?.shape[0] ?? 10;
  const [resize = null] = NETWORK_FACTS[model].sizes ?? [];
  return modelWithWeights({ model, inChannels, numClasses, resize, device: 'cpu' }, found, onNotice);
}

/** One line, which names the file and the way out. */
function explain(error: unknown, path: string, model: string | undefined): unknown {
  if (error instanceof WeightsError) {
    const wayOut = model === undefined ? '' : '; without --model the network is read from the file';
    return new Error(`${error.hint}${wayOut}`, { cause: error });
  }
  if (!(error instanceof IoError)) return error;
  if (error.code === 'missing' && !/[/.]/.test(path)) {
    const names = MODELS.filter((name) => getModelWeights(name) !== undefined);
    return new IoError('missing', `${error.message}; weights are published for ${names.join(', ')}`, path, {
      cause: error,
    });
  }
  const picture = error.code === 'format' ? formatOfPicture(path) : undefined;
  if (picture === undefined) return error;
  return new IoError('format', `${path}: a ${picture} picture, not weights`, path, { cause: error });
}

function formatOfPicture(path: string): string | undefined {
  try {
    const { fd } = openRegularFile(path);
    const head = Buffer.alloc(64);
    try {
      return pictureFormat(head.subarray(0, readSync(fd, head)));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** What the run was that left the weights; undefined for files that come from elsewhere, and beside another `--model`. */
function runOf({ weights, model }: PictureNetworkOptions): RunConfig | undefined {
  const run = configBeside(weights);
  return model === undefined || model === run?.model ? run : undefined;
}

function configBeside(weights: string): RunConfig | undefined {
  const path = join(dirname(weights), runFileNames.config);
  if (!existsSync(path)) return undefined;
  try {
    return readConfig(readFileSync(path, 'utf8'), path);
  } catch {
    return undefined; // another program's
  }
}

function categoriesOf(small: boolean, numClasses: number, run: RunConfig | undefined): readonly string[] | undefined {
  const known = run === undefined ? [] : [run.classes ?? CATEGORIES[run.dataset] ?? []];
  const imagenet = small ? [] : getWeight('densenet121').meta.categories;
  return [...known, imagenet].find((names) => names.length === numClasses);
}

function transformOf(model: Network, options: PictureNetworkOptions, run: RunConfig | undefined): ImageClassification {
  const named = NOTES.includes(options.model ?? '') ? (options.model as NetworkName) : undefined;
  const small = model instanceof DenseNet && model.config.smallInputs;
  if (run === undefined && named === undefined && !small)
    return new ImageClassification(getWeight('densenet121').transforms);
  if (run !== undefined && isInFiles(run.dataset)) return testPictures(run.resize ?? 224);
  const inChannels = run?.inChannels ?? channelsOf(model);
  const { mean, std } = scaleOf(run?.dataset ?? (inChannels === 1 ? 'mnist' : 'cifar10'));
  const [size] = (named === undefined ? null : NETWORK_FACTS[named].sizes) ?? [inChannels === 1 ? 28 : 32];
  const side = run?.resize ?? size;
  // Grey pictures for three channels have one mean.
  const spread = (values: readonly number[]): readonly number[] =>
    values.length === inChannels ? values : Array<number>(inChannels).fill(values[0]!);
  return new ImageClassification({ resizeSize: side, cropSize: side, mean: spread(mean), std: spread(std) });
}

/** Channels of the pictures that a network takes: those of its first convolution. */
function channelsOf(model: Network): number {
  return scope(() => model.parameters().find((parameter) => parameter.dim() === 4)?.shape[1] ?? 3);
}

const CIFAR10_CLASSES = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const;

/** Whether a run on a data set keeps the names of its classes, which are not known otherwise. */
export function keepsClasses(dataset: string): boolean {
  return CATEGORIES[dataset] === undefined;
}

/** Names of the classes by the data set of a run; the others' are in their files alone. */
const CATEGORIES: Readonly<Partial<Record<string, readonly string[]>>> = {
  cifar10: CIFAR10_CLASSES,
  shapes: SHAPES_CLASSES,
  digits: DIGITS_CLASSES,
  mnist: DIGITS_CLASSES,
  'fashion-mnist': FASHION_CLASSES,
};
