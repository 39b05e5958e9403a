import assert from 'node:assert/strict';
import sharp from 'sharp';
import { curveData } from '../../../lib/train/curve-painter.js';
import { curvesSvg, type CurveData, type Point } from '../../../lib/train/curves.js';

const losses = `epoch,iteration,loss,error,lr
1,1,2.25,0.9,0.1
1,2,2,0.8,0.1
2,1,1.5,0.5,0.010000000000000002
2,2,nan,0.5,0.010000000000000002
`;
const results = `epoch,train_loss,train_error,valid_loss,valid_error,test_error
001,2.125000,0.850000,2.00000,0.80000,
002,1.500000,0.500000,nan,0.45000,
,,,,,0.47000
`;

describe('train/curves', () => {
  it('reads the logs into points', () => {
    const data = curveData(losses, results, 'validation');
    assert.deepEqual(data.losses, [
      [0.5, 2.25],
      [1, 2],
      [1.5, 1.5],
      [2, NaN],
    ]);
    assert.deepEqual(data.trainLoss, [
      [0.5, 2.125],
      [1.5, 1.5],
    ]);
    assert.deepEqual(data.validError, [
      [1, 0.8],
      [2, 0.45],
    ]);
    assert.deepEqual(data.lrChanges, [{ x: 1, lr: 0.010000000000000002 }]);
    assert.equal(data.testError, 0.47);
  });

  it('places the iterations of an epoch that is not over by the length of the first', () => {
    const data = curveData(`${losses}3,1,1,0.5,0.01\n`, results, 'validation');
    assert.equal(data.losses.at(-1)?.[0], 2.5);
  });

  it('draws a picture with axes, legend and the test error', async () => {
    const svg = curvesSvg(curveData(losses, results, 'validation'));
    for (const words of [
      'loss',
      'top-1 error',
      'epoch',
      'validation',
      'training, each iteration',
      'lr 0.01',
      '47.00 %',
    ]) {
      assert.ok(svg.includes(words), words);
    }
    assert.ok(!svg.includes('NaN') && !svg.includes('undefined'), 'every coordinate is a number');
    const { width, height, format } = await sharp(Buffer.from(svg), { density: 144 })
      .png()
      .toBuffer()
      .then((png) => sharp(png).metadata());
    assert.deepEqual([format, width, height], ['png', 2240, 940]);
  });

  it('draws a learning rate that changes all the time as a curve, and not its every value', () => {
    const rows = Array.from(
      { length: 40 },
      (_, i) => `${1 + Math.floor(i / 20)},${1 + (i % 20)},1,0.5,${(i + 1) / 1000}`,
    );
    const data = curveData(`epoch,iteration,loss,error,lr\n${rows.join('\n')}\n`, results, 'validation');
    assert.deepEqual([data.lrChanges.length, data.lrChanges[0]!.x, data.lrChanges.at(-1)!.x], [39, 0.05, 1.95]);
    const svg = curvesSvg(data);
    assert.ok(svg.includes('learning rate, up to 0.04') && !svg.includes('>lr 0.'));
    assert.ok(!svg.includes('NaN'));
  });

  it('draws a run that has logged nothing yet, and one of infinities', () => {
    const empty: CurveData = {
      losses: [],
      trainLoss: [],
      validLoss: [],
      trainError: [],
      validError: [],
      lrChanges: [],
      testError: null,
      validName: 'test',
    };
    const hopeless = { ...empty, losses: [[0.1, Infinity] as Point, [0.2, NaN] as Point] };
    for (const data of [empty, hopeless]) assert.ok(!/NaN|Infinity|undefined/.test(curvesSvg(data)));
  });

  it('stays small for a long run and keeps its extremes', () => {
    const long: Point[] = Array.from({ length: 211200 }, (_, i) => [(i + 1) / 704, 1 + 0.5 * Math.sin(i)]);
    long[100000] = [100001 / 704, 0.01];
    const data: CurveData = { ...curveData(losses, results, 'validation'), losses: long };
    const svg = curvesSvg(data);
    assert.ok(svg.length < 100_000, `${svg.length} characters`);
  });
});
