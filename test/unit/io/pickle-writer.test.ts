/** What the pickle writer refuses, and how it tells the place. */
import assert from 'node:assert/strict';
import { buildPython, NdArray, PYTHON_GLOBALS, readPickle, Tuple, writePickle } from '../../../lib/io/index.js';

const back = (value: unknown): unknown =>
  readPickle(writePickle(value), { globals: PYTHON_GLOBALS, build: buildPython }).value;

describe('writePickle', () => {
  it('writes plain objects as dicts, and arrays of numpy', () => {
    const array = new NdArray('float32', [2, 1], Float32Array.of(1.5, -2));
    const value = { a: 1, b: [array, array], c: new Set([1]), d: -0 };
    const read = back(value) as Map<string, unknown>;
    assert.deepEqual([...read.keys()], ['a', 'b', 'c', 'd']);
    const [first, second] = read.get('b') as [NdArray, NdArray];
    assert.deepEqual(first, array);
    assert.equal(first, second);
    assert(Object.is(read.get('d'), -0));
  });

  it('writes cycles of lists and dicts', () => {
    const list: unknown[] = [];
    list.push(new Map([['self', list]]));
    const read = back(list) as [Map<string, unknown>];
    assert.equal(read[0].get('self'), read);
  });

  it('writes more items than one group holds', () => {
    const list = Array.from({ length: 2001 }, (_, i) => i);
    const map = new Map(list.map((i) => [i, `${i}`]));
    assert.deepEqual(back([list, map]), [list, map]);
  });

  for (const [what, value, message] of [
    ['undefined', { a: [1, undefined] }, 'Cannot save $.a[1]: undefined has no Python form'],
    ['a function', { f: () => 1 }, 'Cannot save $.f: a function has no Python form'],
    ['a symbol', Symbol('x'), 'Cannot save $: a symbol has no Python form'],
    ['a class', [new Date()], 'Cannot save $[0]: an object of class Date has no Python form'],
    ['a typed array', [new Float32Array(1)], 'Cannot save $[0]: an object of class Float32Array has no Python form'],
    ['a dict as a key', new Map([[new Map(), 1]]), 'Cannot save $: Map cannot be a key of a Python dict'],
  ] as const) {
    it(`refuses ${what}, naming the place`, () => {
      assert.throws(() => writePickle(value), { name: 'TypeError', message });
    });
  }

  it('refuses a tuple inside itself and nesting without end', () => {
    const tuple = new Tuple();
    tuple.push(tuple);
    assert.throws(() => writePickle(tuple), /contains itself/);
    let deep: unknown = [];
    for (let i = 0; i < 10_000; i++) deep = [deep];
    assert.throws(() => writePickle(deep), /nested more than 500 levels deep/);
  });
});
