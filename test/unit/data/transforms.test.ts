/** Transforms on small pictures whose results can be read off, and what they refuse. */
import assert from 'node:assert/strict';
import {
  AutoAugment,
  ColorJitter,
  Compose,
  Lambda,
  MixUp,
  Normalize,
  Pad,
  RandomCrop,
  RandomErasing,
  RandomHorizontalFlip,
  RandomResizedCrop,
  RandomRotation,
  ToTensor,
  type Picture,
  type Transform,
} from '../../../lib/data/index.js';
import { getRngState, manualSeed, memory, scope } from '../../../lib/tensor/index.js';

/** One channel, 2 x 3: 1 2 3 / 4 5 6. */
const picture: Picture = { channels: 1, height: 2, width: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };

/** Whether a step changes the state of the default generator. */
function draws(run: () => unknown): boolean {
  return scope(() => {
    const before = getRngState().bytes();
    run();
    return Buffer.compare(before, getRngState().bytes()) !== 0;
  });
}

describe('transforms', () => {
  it('RandomCrop cuts every part there is, padded with the fill value', () => {
    manualSeed(0);
    const crop = new RandomCrop([2, 3], { padding: 1, fill: 9 });
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) seen.add([...crop.picture(picture).data].join(' '));
    const padded = [
      [9, 9, 9, 9, 9],
      [9, 1, 2, 3, 9],
      [9, 4, 5, 6, 9],
      [9, 9, 9, 9, 9],
    ];
    const expected = new Set<string>();
    for (let y = 0; y < 3; y++) {
      for (let x = 0; x < 3; x++) {
        expected.add([...padded[y]!.slice(x, x + 3), ...padded[y + 1]!.slice(x, x + 3)].join(' '));
      }
    }
    assert.deepEqual(seen, expected);
  });

  it('RandomCrop to the same size draws nothing and copies', () => {
    const crop = new RandomCrop([2, 3]);
    assert(!draws(() => crop.picture(picture)));
    assert.deepEqual(crop.picture(picture), picture);
    assert(draws(() => new RandomCrop(2).picture(picture)));
  });

  it('RandomCrop handles every channel', () => {
    const two: Picture = { channels: 2, height: 1, width: 2, data: Uint8Array.of(1, 2, 3, 4) };
    manualSeed(1);
    for (let i = 0; i < 10; i++) {
      const { data } = new RandomCrop(1).picture(two);
      assert.equal(data[1]! - data[0]!, 2);
    }
  });

  it('RandomHorizontalFlip mirrors rows, never with p 0, always with p 1', () => {
    assert.deepEqual([...new RandomHorizontalFlip(1).picture(picture).data], [3, 2, 1, 6, 5, 4]);
    assert.equal(new RandomHorizontalFlip(0).picture(picture), picture);
    assert(draws(() => new RandomHorizontalFlip(0).picture(picture)));
  });

  it('Compose gives float32 batches, normalised by channel', () => {
    scope(() => {
      const bytes: Picture = { channels: 2, height: 1, width: 2, data: Uint8Array.of(0, 255, 128, 3) };
      const batch = new Compose([new ToTensor(), new Normalize([0.5, 0.25], [0.5, 2])]).batch([bytes, bytes]);
      assert.deepEqual([batch.shape, batch.dtype], [[2, 2, 1, 2], 'float32']);
      const f = Math.fround;
      const expected = [-1, 1, f(f(f(128 / 255) - 0.25) / 2), f(f(f(3 / 255) - 0.25) / 2)];
      assert.deepEqual([...batch.toTypedArray()], [...expected, ...expected]);
    });
  });

  it('leave no tensor behind', () => {
    const compose = new Compose([
      new RandomCrop(2),
      new RandomHorizontalFlip(),
      new ToTensor(),
      new Normalize([0], [1]),
    ]);
    const before = memory().tensors;
    for (let i = 0; i < 5; i++) compose.batch([picture, picture]).dispose();
    assert.equal(memory().tensors, before);
  });

  it('steps that know tensors alone work before and after ToTensor, and leave nothing behind', () => {
    const grey: Picture = { channels: 1, height: 2, width: 2, data: Uint8Array.of(0, 10, 200, 255) };
    const steps = [new Lambda((x) => x.flip(-1)), new RandomRotation(0), new ToTensor(), new Lambda((x) => x.mul(2))];
    const compose = new Compose([...steps, new RandomErasing({ p: 0 })]);
    const before = memory().tensors;
    for (let i = 0; i < 3; i++) {
      const batch = compose.batch([grey, grey]);
      const expected = [10, 0, 255, 200].map((byte) => 2 * Math.fround(byte / 255));
      assert.deepEqual([...batch.toTypedArray()], [...expected, ...expected].map(Math.fround));
      batch.dispose();
    }
    assert.equal(memory().tensors, before);
    assert.deepEqual(
      new Pad([2, 0], { paddingMode: 'reflect' }).picture(picture).data.slice(0, 7),
      Uint8Array.of(3, 2, 1, 2, 3, 2, 1),
    );
  });

  const refuses = (what: string, run: () => unknown, message: string | RegExp): void => {
    it(`refuse ${what}`, () => assert.throws(run, { message }));
  };
  const compose = (...steps: Transform[]): Compose => new Compose(steps);
  refuses(
    'a crop larger than the picture',
    () => new RandomCrop(3).picture(picture),
    /Required crop size \(3, 3\) is larger .*\(2, 3\)/,
  );
  refuses(
    'a crop of no size',
    () => new RandomCrop(0),
    'Expected an integer of at least 1 for RandomCrop size but received 0',
  );
  refuses('a negative padding', () => new RandomCrop(1, { padding: -1 }), /of at least 0 for RandomCrop padding/);
  refuses(
    'a fill beyond a byte',
    () => new RandomCrop(1, { fill: 256 }).picture(picture),
    /from 0 to 255 for RandomCrop fill/,
  );
  refuses('a probability above 1', () => new RandomHorizontalFlip(1.5), /from 0 to 1 for p but received 1.5/);
  refuses('a std of zero', () => new Normalize([0], [0]), /division by zero/);
  refuses('mean and std of different lengths', () => new Normalize([0], [1, 2]), /received 1 and 2 numbers/);
  refuses('a mean that is no number', () => new Normalize([NaN], [1]), /finite numbers/);
  refuses('a list without ToTensor', () => compose(new RandomHorizontalFlip()).batch([picture]), /Expected a ToTensor/);
  refuses(
    'steps in the wrong order',
    () => compose(new ToTensor(), { picture: (one: Picture) => one }),
    /Object works on pictures: it belongs before ToTensor/,
  );
  refuses(
    'steps in the wrong order, the other way',
    () => compose(new Normalize([0], [1]), new ToTensor()),
    /Normalize works on tensors/,
  );
  refuses(
    'a step that leaves no bytes before ToTensor',
    () => compose(new Lambda((x) => x.div(2)), new ToTensor()).batch([picture]),
    /Expected uint8 \[C, H, W\] from Lambda/,
  );
  refuses(
    'a step that leaves no floats',
    () => compose(new ToTensor(), new Lambda((x) => x.to('int64'))).batch([picture]),
    /Expected float32 .* int64/,
  );
  refuses('a lambda that is none', () => new Lambda(3 as never), /lambd should be callable/);
  refuses(
    'brightness below 0',
    () => new ColorJitter({ brightness: -1 }),
    /brightness is a single number, it must be non negative/,
  );
  refuses(
    'a hue beyond the circle',
    () => new ColorJitter({ hue: [0, 0.6] }),
    /hue values should be between \(-0.5, 0.5\), but got \[0, 0.6\]/,
  );
  refuses('negative degrees', () => new RandomRotation(-1), /degrees is a single number, it must be positive/);
  refuses(
    'a policy that there is not',
    () => new AutoAugment({ policy: 'mnist' as 'svhn' }),
    /policy mnist is not recognized/,
  );
  refuses(
    'a border that there is not',
    () => new Pad(1, { paddingMode: 'wrap' as 'edge' }),
    /constant, edge, reflect or symmetric/,
  );
  refuses('an alpha of 0', () => new MixUp({ alpha: 0 }), /positive alpha but received 0/);
  refuses(
    'a scale that shrinks',
    () => new RandomResizedCrop(3, { scale: [1, 0.5] }),
    /scale of two growing numbers from 0/,
  );
  refuses('more erased than there is', () => new RandomErasing({ scale: [0.1, 2] }), /from 0 to 1 but received 0.1, 2/);
  refuses(
    'channels that do not fit',
    () => compose(new ToTensor(), new Normalize([0, 0], [1, 1])).batch([picture]),
    /2|channels/,
  );
  refuses(
    'pictures of different sizes',
    () => compose(new ToTensor()).batch([picture, { channels: 1, height: 1, width: 1, data: Uint8Array.of(0) }]),
    /differ in size/,
  );
});
