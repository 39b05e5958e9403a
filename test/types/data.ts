/** Compiled, never run: what the types of data sets, files and training allow, and what they refuse. */
import { data, io, type StateDict, type Tensor, training, zeros } from '../../lib/index.js';

export function right(): unknown[] {
  const { train, test } = data.shapes({ seed: 1 });
  const half = new data.Subset(train, [0, 1, 2]);
  const loader = new data.DataLoader(half, { batchSize: 2, shuffle: true, dropLast: false, generator: null });
  const first: Tensor[] = [];
  for (const [images, labels] of loader) first.push(images, labels);
  const count: number = loader.length;
  const transform = new data.Compose([
    new data.RandomCrop(32, { padding: 4 }),
    new data.RandomHorizontalFlip(),
    new data.ToTensor(),
    new data.Normalize([0.5, 0.5, 0.5], [0.2, 0.2, 0.2]),
  ]);
  const own: data.Dataset = { length: 1, batch: () => [zeros([1]), zeros([1])] };
  const batch: [Tensor, Tensor] = own.batch([0]);
  const loaded: unknown = io.load('model.pth', { encoding: 'latin1' });
  const bytes: Uint8Array = io.serialize({ epoch: 1, list: [zeros([1])] });
  const pickled: unknown = io.readPickle(bytes, { globals: new Map() }).value;
  const state: StateDict = new Map([['weight', zeros([1])]]);
  const settings: Partial<training.TrainSettings> = {};
  io.save({ state }, 'model.pth');
  io.makeFolders('runs/a');
  return [test, first, count, transform, batch, loaded, pickled, settings];
}

export function wrong(): void {
  const { train } = data.shapes();
  // @ts-expect-error seeds are numbers
  data.shapes({ seed: '1' });
  // @ts-expect-error no such option
  data.shapes({ sed: 1 });
  // @ts-expect-error indices are listed
  new data.Subset(train, 3);
  // @ts-expect-error a subset of what?
  new data.Subset([1, 2], [0]);
  // @ts-expect-error a batch's size is a number
  new data.DataLoader(train, { batchSize: '2' });
  // @ts-expect-error no such option
  new data.DataLoader(train, { batch: 2 });
  // @ts-expect-error shuffle is a flag
  new data.DataLoader(train, { shuffle: 'yes' });
  // @ts-expect-error a loader needs a data set
  new data.DataLoader();
  // @ts-expect-error a batch is two tensors
  const own: data.Dataset = { length: 1, batch: () => zeros([1]) };
  // @ts-expect-error transforms are objects
  new data.Compose(['crop']);
  // @ts-expect-error a size is a number or two
  new data.RandomCrop('32');
  // @ts-expect-error padding stands in the options
  new data.RandomCrop(32, 4);
  // @ts-expect-error means and deviations
  new data.Normalize([0.5]);
  // @ts-expect-error a probability is a number
  new data.RandomHorizontalFlip('0.5');
  // @ts-expect-error a file has a path or bytes
  io.load(3);
  // @ts-expect-error no such encoding
  io.load('x', { encoding: 'utf-16' });
  // @ts-expect-error saving needs a path
  io.save({});
  // @ts-expect-error what a pickle may name must be said
  io.readPickle(new Uint8Array(2));
  // @ts-expect-error training has required settings
  void training.train();
  own;
}
