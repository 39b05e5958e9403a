import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatDouble, formatFixed, formatFloat32, formatPadded, parseNumber } from '../../../lib/train/format.js';

describe('train/format', () => {
  it('rounds exact ties to even, as printf does', () => {
    // '%.4f' % 0.90625 and so on, from CPython
    assert.equal(formatFixed(0.90625, 4), '0.9062');
    assert.equal(formatFixed(0.84375, 4), '0.8438');
    assert.equal(formatFixed(0.03125, 4), '0.0312');
    assert.equal(formatFixed(0.5, 0), '0');
    assert.equal(formatFixed(1.5, 0), '2');
    assert.equal(formatFixed(2.5, 0), '2');
    assert.equal(formatFixed(0.125, 2), '0.12');
    assert.equal(formatFixed(0.375, 2), '0.38');
    assert.equal(formatFixed(-0.90625, 4), '-0.9062');
  });

  it('rounds what only looks like a tie by its exact value', () => {
    assert.equal(formatFixed(2.675, 2), '2.67'); // the double is below
    assert.equal(formatFixed(1.005, 2), '1.00');
    assert.equal(formatFixed(0.15, 1), '0.1');
    assert.equal(formatFixed(0.25, 1), '0.2');
    assert.equal(formatFixed(0.35, 1), '0.3');
    assert.equal(formatFixed(9.9995, 3), '9.999');
    assert.equal(formatFixed(999999.5, 0), '1000000');
  });

  it('writes large, tiny and signed numbers whole', () => {
    assert.equal(formatFixed(1e22, 2), '10000000000000000000000.00');
    assert.equal(formatFixed(2 ** 70, 1), '1180591620717411303424.0');
    assert.equal(formatFixed(5e-324, 3), '0.000');
    assert.equal(formatFixed(-5e-324, 3), '-0.000');
    assert.equal(formatFixed(-0, 4), '-0.0000');
    assert.equal(formatFixed(0.071, 3), '0.071');
  });

  it('writes what is no number as C does', () => {
    assert.equal(formatFixed(NaN, 4), 'nan');
    assert.equal(formatFixed(Infinity, 4), 'inf');
    assert.equal(formatFixed(-Infinity, 4), '-inf');
  });

  it('agrees with toFixed wherever the value is no exact tie', () => {
    const digits = fc.integer({ min: 0, max: 8 });
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), digits, (x, d) => {
        // An exact tie is a half of the last digit with nothing after it.
        const doubled = Math.abs(x) * 2 * 10 ** d;
        fc.pre(!(Number.isInteger(doubled) && doubled % 2 === 1));
        assert.equal(
          formatFixed(x, d),
          Object.is(x, -0) || (x < 0 && Number(x.toFixed(d)) === 0) ? `-${(0).toFixed(d)}` : x.toFixed(d),
        );
      }),
    );
  });

  it('goes to the even neighbour at every tie of a batch error', () => {
    for (let batch = 1; batch <= 128; batch++) {
      for (let wrong = 0; wrong <= batch; wrong++) {
        const x = wrong / batch;
        const exact = x * 20000;
        if (!Number.isInteger(exact) || exact % 2 !== 1) continue;
        const last = Number(formatFixed(x, 4).at(-1));
        assert.equal(last % 2, 0, `${wrong}/${batch}`);
      }
    }
  });

  it('pads with zeros', () => {
    assert.equal(formatPadded(7, 3), '007');
    assert.equal(formatPadded(1234, 3), '1234');
  });

  it('writes the shortest decimal that is the same float32', () => {
    assert.equal(formatFloat32(Math.fround(2.3249285)), '2.3249285');
    assert.equal(formatFloat32(Math.fround(0.1)), '0.1');
    assert.equal(formatFloat32(1), '1');
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (x) => {
        const text = formatFloat32(x);
        assert.ok(Object.is(Math.fround(Number(text)), x) || x === 0, text);
        assert.ok(text.replace(/[-.]|e.*/g, '').replace(/^0+/, '').length <= 22);
      }),
    );
  });

  it('reads back what it wrote', () => {
    for (const x of [0.1, 1e-7, 123456.789, Infinity, -Infinity]) assert.equal(parseNumber(formatDouble(x)), x);
    assert.ok(Number.isNaN(parseNumber(formatDouble(NaN))));
    assert.ok(Number.isNaN(parseNumber('')));
  });
});
