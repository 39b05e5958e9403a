import { setImmediate as turn } from 'node:timers/promises';
import { statSync } from 'node:fs';
import { hasPictureExtension, picturesIn, readPictures, type PictureRead } from '../data/index.js';
import { explainSystemError, IoError } from '../io/index.js';
import { logitsOf } from '../models/index.js';
import { getNumThreads, noGrad, scope, setNumThreads, type Tensor } from '../tensor/index.js';
import {
  disposeNetwork,
  openPictureNetwork,
  type PictureNetwork,
  type PictureNetworkOptions,
} from './picture-network.js';

/** What to predict, and with which network. */
export interface PredictOptions extends PictureNetworkOptions {
  /** Pictures, and folders of them. */
  readonly images: readonly string[];
  /** Classes to name for each picture, default 5. */
  readonly top?: number | undefined;
  /** Pictures of one pass through the network, default 8. */
  readonly batchSize?: number | undefined;
  /** Threads that read pictures; default one less than there are processors, and none for a few pictures. */
  readonly workers?: number | undefined;
  /** Threads of libtorch; default as they are. */
  readonly threads?: number | undefined;
}

/** A class that a picture may show. */
export interface PredictedClass {
  readonly index: number;
  /** Null where the names of the classes are not known. */
  readonly name: string | null;
  /** 0 to 1, float32. */
  readonly probability: number;
}

/** What a picture shows, the most probable first; or why it could not be read. */
export type Prediction =
  | { readonly path: string; readonly top: readonly PredictedClass[]; readonly error: null }
  | { readonly path: string; readonly top: null; readonly error: IoError };

/** So many pictures are read before threads have begun. */
const FEW = 4;

/**
 * Says what pictures show. Each is given as soon as its batch is done, in the order of `images`; those that cannot be
 * read in their place, and the others go on.
 * @throws UsageError, IoError, DeviceError or Error in one line for what is wrong with the network.
 */
export async function* predict(options: PredictOptions): AsyncGenerator<Prediction, void, void> {
  const { top = 5, batchSize = 8 } = options;
  setNumThreads(options.threads ?? getNumThreads());
  const network = await openPictureNetwork(options);
  const found = options.images.flatMap(filesOf);
  const files = found.flatMap((each) => (typeof each === 'string' ? [each] : []));
  const workers = options.workers ?? (files.length <= FEW ? 0 : undefined);
  const reads = readPictures(files, { steps: network.transform.steps(), workers, ahead: 2 * batchSize });
  try {
    let waiting: PictureRead[] = [];
    let count = 0;
    for (const each of found) {
      if (typeof each === 'string') {
        const next = await reads.next();
        if (next.done === true) break;
        waiting.push(next.value);
        if (next.value.error === null) count++;
      } else {
        waiting.push(each);
      }
      if (count < batchSize) continue;
      yield* predictBatch(network, waiting, top);
      waiting = [];
      count = 0;
      // Signals and the threads have their turn.
      await turn();
    }
    yield* predictBatch(network, waiting, top);
  } finally {
    await reads.return();
    disposeNetwork(network.model);
  }
}

function predictBatch(network: PictureNetwork, reads: readonly PictureRead[], top: number): Prediction[] {
  const pictures = reads.flatMap((read) => (read.error === null ? read.pictures : []));
  const rows =
    pictures.length === 0
      ? []
      : mostProbable(network, network.transform.normalize.bind(network.transform, pictures), top);
  let row = 0;
  return reads.map(({ path, error }) =>
    error === null ? { path, top: rows[row++]!, error } : { path, top: null, error },
  );
}

function mostProbable(
  { model, numClasses, categories, precision }: PictureNetwork,
  input: () => Tensor,
  top: number,
): PredictedClass[][] {
  return scope(() =>
    noGrad(() => {
      const logits = precision.forward(() => logitsOf(model.call(precision.input(input())))).to('float32');
      const count = Math.min(top, numClasses);
      const [values, indices] = logits.softmax(1).topk(count, { dim: 1 });
      const probabilities = values.to('cpu').toTypedArray() as Float32Array;
      const classes = Array.from(indices.to('cpu').toTypedArray() as BigInt64Array, Number);
      return Array.from({ length: classes.length / count }, (_, row) =>
        Array.from({ length: count }, (_, rank) => {
          const index = classes[row * count + rank]!;
          return { index, name: categories?.[index] ?? null, probability: probabilities[row * count + rank]! };
        }),
      );
    }),
  );
}

/** The pictures of a folder, or the file itself: whether it is a picture shows when it is read. */
function filesOf(path: string): (string | Extract<PictureRead, { pictures: null }>)[] {
  const refused = (error: IoError): Extract<PictureRead, { pictures: null }>[] => [{ path, pictures: null, error }];
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
    const files = picturesIn(path, (name) => hasPictureExtension(name) || /\.(gif|avif|pbm)$/i.test(name));
    if (files.length > 0) return files;
    return refused(new IoError('missing', `${path}: no pictures in this folder`, path));
  } catch (error) {
    const explained = explainSystemError(error, 'read', path);
    if (explained instanceof IoError) return refused(explained);
    throw error;
  }
}
