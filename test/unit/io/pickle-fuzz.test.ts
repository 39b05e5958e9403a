/** Random bytes and damaged pickles end in a value or in one clear error, never in a crash or a hang. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { buildPython, IoError, PYTHON_GLOBALS, readPickle, writePickle, Tuple } from '../../../lib/io/index.js';
import { float, PyFloat } from '../../../lib/tensor/index.js';
import { PROTOCOLS } from './pickle-fixtures.js';

const options = {
  globals: PYTHON_GLOBALS,
  build: buildPython,
  persistentLoad: (id: unknown) => id,
  encoding: 'latin1',
} as const;

function survives(bytes: Uint8Array): void {
  try {
    readPickle(bytes, options);
  } catch (error) {
    assert(error instanceof IoError, `${Buffer.from(bytes).toString('hex')}: ${String(error)}`);
  }
}

describe('pickles of any bytes', function () {
  it('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives), { numRuns: 3000 });
  });

  it('random opcodes', () => {
    const opcodes = fc.constantFrom(
      ...Buffer.from(
        '(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrst)uGBC\x80\x81\x85\x86\x87\x88\x8a\x8c\x8f\x90\x91\x92\x93\x94\n\x00\x01',
        'latin1',
      ),
    );
    const array = fc.array(opcodes, { maxLength: 60 }).map((codes) => Uint8Array.from(codes));
    fc.assert(fc.property(array, survives), { numRuns: 3000 });
  });

  it('valid pickles with bytes changed, cut or doubled', () => {
    const valid = PROTOCOLS.map((text) => Buffer.from(text, 'base64'));
    const edit = fc.record({ which: fc.nat(valid.length - 1), at: fc.nat(600), byte: fc.nat(255), kind: fc.nat(2) });
    fc.assert(
      fc.property(edit, ({ which, at, byte, kind }) => {
        const pickle = Buffer.from(valid[which]!);
        const place = at % pickle.length;
        if (kind === 0) pickle[place] = byte;
        if (kind === 1) survives(pickle.subarray(0, place));
        else survives(kind === 0 ? pickle : Buffer.concat([pickle.subarray(0, place), pickle]));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('what is written', () => {
  const { value: anything } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 200n }),
      fc.bigInt({ min: -(2n ** 200n), max: -(2n ** 53n) }),
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 20 }),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.array(tie('value'), { maxLength: 5 }).map((items) => Tuple.make(items)),
      fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
    ),
  }));

  for (const protocol of [2, 3] as const) {
    it(`is read back equal, protocol ${protocol}`, () => {
      fc.assert(
        fc.property(anything, (value) => {
          assert.deepEqual(readPickle(writePickle(value, { protocol }), options).value, value);
        }),
        { numRuns: 1000 },
      );
    });
  }

  it('is the same for the same content', () => {
    const make = (): unknown =>
      new Map<string, unknown>([
        ['a', [1, 'x', Tuple.of(2.5, null)]],
        ['b', 'x'],
      ]);
    assert.deepEqual(writePickle(make()), writePickle(make()));
  });

  it('keeps floats floats where asked to', () => {
    assert(writePickle(float(2)).includes('G'.charCodeAt(0)));
    assert(!writePickle(2).includes('G'.charCodeAt(0)));
    assert(float(2) instanceof PyFloat);
  });
});
