import { setImmediate as turn } from 'node:timers/promises';
import { existsSync, readdirSync, statSync } from 'node:fs';
import {
  ImageFolder,
  ImageNet,
  PictureLoader,
  picturesIn,
  type PictureBatch,
  type PicturePass,
} from '../data/index.js';
import { IoError } from '../io/index.js';
import { functional } from '../nn/index.js';
import { logitsOf } from '../models/index.js';
import { getNumThreads, noGrad, scope, setNumThreads, tensor } from '../tensor/index.js';
import { AverageMeter, epochMeters } from './average-meter.js';
import { BatchShare } from './batch-share.js';
import { EvaluationInterrupted, RankZeroFailed, UsageError } from './errors.js';
import {
  disposeNetwork,
  openPictureNetwork,
  type PictureNetwork,
  type PictureNetworkOptions,
} from './picture-network.js';
import type { Ranks } from './ranks.js';

/** What to evaluate on a folder of pictures, and how. */
export interface EvaluateFolderOptions extends PictureNetworkOptions {
  /** A folder with one folder of pictures for each class; or that of ImageNet's archives. */
  readonly data: string;
  /** `imagefolder` (default), or `imagenet` for the validation pictures of its archives. */
  readonly dataset?: string | undefined;
  /** Whether the MD5 of archives are compared; default true. */
  readonly verify?: boolean | undefined;
  /** The four corners and the middle of every picture and of its mirror image, their outputs averaged; default false. */
  readonly tenCrop?: boolean | undefined;
  /** Pictures of one pass through the network, default 32, with ten crops 4. */
  readonly batchSize?: number | undefined;
  /** Threads that read pictures; default one less than there are processors, 1 to 8. */
  readonly workers?: number | undefined;
  /** Leaves out pictures that cannot be read, with a notice; default false, the first one ends the evaluation. */
  readonly skipBroken?: boolean | undefined;
  /** Threads of libtorch; default as they are. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The processes that share the batches; each gets what one process would. */
  readonly ranks?: Ranks | undefined;
}

/** What an evaluation on a folder measured. */
export interface FolderEvaluation {
  readonly weights: string;
  readonly dataset: 'imagefolder' | 'imagenet';
  readonly data: string;
  /** Pictures that were evaluated. */
  readonly pictures: number;
  /** Pictures that could not be read. */
  readonly skipped: number;
  /** Classes of the network. */
  readonly classes: number;
  /** Crops of each picture: 1 or 10. */
  readonly crops: number;
  readonly parameters: number;
  readonly loss: number;
  /** Share of wrong first choices, 0 to 1. */
  readonly error: number;
  /** Share of pictures whose class is not among the first five choices, 0 to 1. */
  readonly error5: number;
  /** Seconds the pass took. */
  readonly seconds: number;
}

/** Whether pictures lie there, at any depth, and none of CIFAR's files beside them. */
export function holdsPictures(root: string): boolean {
  if (!existsSync(root) || !statSync(root).isDirectory()) return false;
  return !readdirSync(root).some((name) => name.startsWith('cifar-')) && picturesIn(root).length > 0;
}

function openFolder({ data: root, dataset, verify = true }: EvaluateFolderOptions): ImageFolder {
  if (dataset === 'imagenet') return new ImageNet(root, { split: 'val', verify });
  try {
    return new ImageFolder(root);
  } catch (error) {
    if (!(error instanceof IoError) || !error.message.startsWith("Couldn't find any class folder")) throw error;
    const message = `${error.message.replace(/\.$/, '')}: expected one folder of pictures for each class`;
    throw new IoError('missing', message, root, { cause: error });
  }
}

/**
 * Loss, top-1 and top-5 error of a network on a folder of pictures, as torchvision's reference program measures them. With ten crops the
 * ten outputs of a picture are averaged before the softmax.
 * @throws EvaluationInterrupted after the signal; IoError that names a picture; Error in one line for what does not fit.
 */
export async function evaluateFolder(options: EvaluateFolderOptions): Promise<FolderEvaluation> {
  setNumThreads(options.threads ?? getNumThreads());
  const { ranks } = options;
  const held: { network?: PictureNetwork } = {};
  const prepare = async (): Promise<Ready> => {
    ranks?.takeGpu(options.device ?? 'cpu');
    const folder = openFolder(options);
    const network = (held.network = await openPictureNetwork(options));
    return { folder, network, classOf: matchClasses(folder, network, options) };
  };
  try {
    const ready = await (ranks === undefined ? prepare() : ranks.inTurn(prepare));
    await ranks?.compareGpus();
    return await measure(ready, options);
  } finally {
    if (held.network !== undefined) disposeNetwork(held.network.model);
  }
}

/** What is evaluated, and on what. */
interface Ready {
  readonly folder: ImageFolder;
  readonly network: PictureNetwork;
  /** The class of the network that each folder stands for. */
  readonly classOf: readonly number[];
}

async function measure(ready: Ready, options: EvaluateFolderOptions): Promise<FolderEvaluation> {
  const { folder, network } = ready;
  const { data, tenCrop = false, reporter, ranks } = options;
  const batchSize = options.batchSize ?? (tenCrop ? 4 : 32);
  const { model, transform } = network;
  let skipped = 0;
  const iterations = Math.ceil(folder.length / batchSize);
  const loader = new PictureLoader(folder, {
    ...(ranks !== undefined && { sampler: new BatchShare(folder, batchSize, ranks) }),
    transform,
    tenCrop,
    batchSize,
    workers: options.workers,
    ...(options.skipBroken === true && {
      onBroken: (error) => {
        skipped++;
        const line = `${error.message}; left out`;
        if (ranks?.isFirst === false) ranks.note(line);
        else reporter?.notice?.(line);
      },
    }),
  });
  const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  reporter?.model?.(String(model), parameters);
  const meters = epochMeters();
  const top5 = new AverageMeter();
  const began = performance.now();
  let end = began;
  let iteration = 0;
  const pass = loader.begin();
  try {
    for (;;) {
      const round = await evaluateRound(pass, ready, options);
      if (round.length === 0) break;
      for (const [pictures = 0, loss = 0, error = 0, error5 = 0] of round) {
        meters.loss.update(loss, pictures);
        meters.error.update(error, pictures);
        top5.update(error5, pictures);
        const now = performance.now();
        meters.time.update((now - end) / 1000);
        end = now;
        const place = { iteration: iteration++, iterations, pictures, meters };
        reporter?.iteration?.({ phase: 'test', final: true, epoch: 0, nEpochs: 1, ...place });
      }
      await turn();
    }
  } finally {
    await pass.close();
  }
  // Rank 0 knows of its own alone.
  if (ranks !== undefined) skipped = (await ranks.gathered(skipped)).reduce((sum, each) => sum + each, 0);
  if (meters.error.count === 0)
    throw new IoError('format', `${data}: none of its ${folder.length} pictures can be read`, data);
  return {
    weights: network.weights,
    dataset: options.dataset === 'imagenet' ? 'imagenet' : 'imagefolder',
    data,
    pictures: meters.error.count,
    skipped,
    classes: network.numClasses,
    crops: tenCrop ? 10 : 1,
    parameters,
    loss: meters.loss.avg,
    error: meters.error.avg,
    error5: top5.avg,
    seconds: (performance.now() - began) / 1000,
  };
}

/**
 * A batch, of each process where several share them.
 * @returns pictures, loss, top-1 and top-5 error of each; nothing behind the last one.
 */
async function evaluateRound(
  pass: PicturePass,
  { network, classOf }: Ready,
  { signal, ranks, reporter }: EvaluateFolderOptions,
): Promise<number[][]> {
  const isAborted = (): boolean => signal?.aborted === true;
  let batch: PictureBatch | undefined;
  let failure: IoError | null = null;
  try {
    batch = await pass.next();
  } catch (error) {
    if (!(error instanceof IoError)) throw error;
    failure = error;
  }
  if (ranks !== undefined) {
    const all = await ranks.ready(failure);
    for (const note of all.notes) reporter?.notice?.(note);
    failure = all.failure;
  }
  if (failure !== null) throw ranks?.isFirst === false ? new RankZeroFailed() : failure;
  if (ranks === undefined && batch !== undefined && isAborted()) throw new EvaluationInterrupted();
  const result = batch === undefined ? null : evaluateBatch(network, batch, classOf);
  const own = result === null ? null : [batch?.length ?? 0, result.loss, result.error, result.error5];
  if (ranks === undefined) return own === null ? [] : [own];
  const { results, stop } = await ranks.share(own, 4, isAborted());
  if (stop) throw new EvaluationInterrupted();
  return results;
}

function evaluateBatch(
  { model, numClasses, device, precision }: PictureNetwork,
  batch: PictureBatch,
  classOf: readonly number[],
): { loss: number; error: number; error5: number } {
  return scope(() =>
    noGrad(() => {
      const [input] = batch.tensors();
      const classes = batch.samples.map(({ target }) => classOf[target]!);
      const target = tensor(BigInt64Array.from(classes, BigInt)).to(device);
      const [pictures = 0, crops = 1] = input.dim() === 5 ? input.shape : [input.shape[0]];
      const images = input.dim() === 5 ? input.flatten(0, 1) : input;
      const { output, loss } = precision.forward(() => {
        const outputs = logitsOf(model.call(precision.input(images)));
        const mean = crops === 1 ? outputs : outputs.view([pictures, crops, -1]).mean(1);
        return { output: mean, loss: functional.crossEntropy(mean, target).item() };
      });
      const count = Math.min(5, numClasses);
      const [, choices] = output.topk(count, { dim: 1 });
      const chosen = Array.from(choices.to('cpu').toTypedArray() as BigInt64Array, Number);
      const ranks = classes.map((each, row) => chosen.slice(row * count, (row + 1) * count).indexOf(each));
      const share = (wrong: (rank: number) => boolean): number => ranks.filter(wrong).length / ranks.length;
      return { loss, error: share((rank) => rank !== 0), error5: share((rank) => rank < 0) };
    }),
  );
}

/**
 * The class of the network that each folder stands for: the one of its name where every folder has the name of a class,
 * else the one at its place in the order, as with torchvision.
 */
function matchClasses(
  folder: ImageFolder,
  { numClasses, categories, weights }: PictureNetwork,
  options: EvaluateFolderOptions,
): number[] {
  const named = folder.classes.map((name) => {
    const index = categories?.indexOf(name) ?? -1;
    return index === categories?.lastIndexOf(name) ? index : -1; // two classes may have one name
  });
  if (named.every((index) => index >= 0)) return named;
  if (folder.classes.length === numClasses) return folder.classes.map((_, index) => index);
  const unknown =
    options.classes === undefined
      ? ''
      : `, and ${options.classes} does not name ${folder.classes[named.indexOf(-1)] ?? ''}`;
  throw new UsageError(
    `${options.data} has ${folder.classes.length} class folders, ${weights} has ${numClasses} classes${unknown}: expected a folder for each, ` +
      'or --classes FILE with the names of the folders in the order of the network',
  );
}
