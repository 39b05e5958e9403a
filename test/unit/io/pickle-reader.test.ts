/** The pickle reader: every protocol, the allow list, and what damaged or hostile pickles get. */
import assert from 'node:assert/strict';
import {
  buildPython,
  IoError,
  NdArray,
  PYTHON_GLOBALS,
  readPickle,
  Tuple,
  type PickleReadOptions,
} from '../../../lib/io/index.js';
import { Complex } from '../../../lib/tensor/index.js';
import { ENTRIES, PROTOCOLS } from './pickle-fixtures.js';

const python: PickleReadOptions = { globals: PYTHON_GLOBALS, build: buildPython };

function read(bytes: Uint8Array | string, options: Partial<PickleReadOptions> = {}): unknown {
  return readPickle(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, { ...python, ...options }).value;
}

function refused(bytes: Uint8Array | string, pattern: RegExp, options: Partial<PickleReadOptions> = {}): void {
  assert.throws(
    () => read(bytes, options),
    (error) => {
      assert(error instanceof IoError, String(error));
      assert.match(error.message, pattern);
      assert(!error.message.includes('\n'), 'one line');
      return true;
    },
  );
}

describe('readPickle', () => {
  PROTOCOLS.forEach((text, protocol) => {
    it(`reads protocol ${protocol} as Python writes it`, () => {
      const value = read(Buffer.from(text, 'base64')) as Map<string, unknown>;
      assert(value instanceof Map);
      assert.deepEqual([...value.keys()], [...ENTRIES]);
      const list = value.get('a') as unknown[];
      assert.deepEqual(list.slice(0, 7), [1, -1, 255, 256, 65536, 2 ** 31, -(2 ** 31)]);
      assert.deepEqual(list.slice(7, 13), [2n ** 60n, -(2n ** 100n), 1.5, true, false, null]);
      assert.deepEqual(list.slice(13), [Tuple.of(), Tuple.of(1), Tuple.of(1, 2, 3, 4)]);
      assert(list[14] instanceof Tuple && !(list instanceof Tuple));
      assert.deepEqual(value.get('b'), Uint8Array.of(0, 255));
      assert.deepEqual(value.get('s'), new Set([1]));
      assert.deepEqual(value.get('c'), new Complex(1, 2));
      assert.equal(value.get('u'), 'é€😀');
    });
  });

  it('keeps __proto__ an ordinary key', () => {
    const value = read(Buffer.from(PROTOCOLS[2]!, 'base64')) as Map<string, unknown>;
    assert.deepEqual(value.get('__proto__'), new Map([['x', 1]]));
    assert.equal(Object.getPrototypeOf(value), Map.prototype);
    assert.equal((value as unknown as { x?: unknown }).x, undefined);
  });

  it('keeps one object one object, also inside itself', () => {
    const list = read('\x80\x02]q\x00h\x00a.') as unknown[];
    assert.equal(list[0], list);
    const pair = read('\x80\x02]q\x00h\x00\x86.') as Tuple;
    assert.equal(pair[0], pair[1]);
  });

  it('says where a pickle ended', () => {
    assert.deepEqual(readPickle(Buffer.from('K\x01.K\x02.', 'latin1'), python), { value: 1, end: 3 });
  });

  it("reads Python 2's str by the encoding asked for", () => {
    assert.equal(read('U\x02\xe9!.', { encoding: 'latin1' }), 'é!');
    assert.deepEqual(read('U\x02\xe9!.', { encoding: 'bytes' }), Uint8Array.of(0xe9, 0x21));
    assert.equal(read('U\x02\xc3\xa9.', { encoding: 'utf8' }), 'é');
    assert.equal(read('T\x02\x00\x00\x00hi.'), 'hi');
    assert.equal(read("S'a\\x62\\n\\'\\101'\n."), "ab\n'A");
    refused('U\x02\xe9!.', /not ASCII.*latin1/);
    refused('U\x01\xe9.', /UTF-8/, { encoding: 'utf8' });
    refused('T\xff\xff\xff\xff.', /negative length/);
  });

  it('reads numpy arrays of Python 2, row by row whatever their order', () => {
    const dtype = 'cnumpy\ndtype\n(U\x02i4K\x00K\x01tR(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb';
    const array = (fortran: string, data: string): string =>
      `cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x02K\x03t${dtype}${fortran}U\x18${data}tb.`;
    const data = [1, 2, 3, 4, 5, 6].map((n) => `\0\0\0${String.fromCharCode(n)}`).join('');
    const rows = read(array('\x89', data), { encoding: 'latin1' });
    assert.deepEqual(rows, new NdArray('int32', [2, 3], Int32Array.of(1, 2, 3, 4, 5, 6)));
    const columns = read(array('\x88', data), { encoding: 'latin1' });
    assert.deepEqual(columns, new NdArray('int32', [2, 3], Int32Array.of(1, 3, 5, 2, 4, 6)));
    refused(array('\x89', data.slice(0, 23)).replace('U\x18', 'U\x17'), /needs 24 bytes/, { encoding: 'latin1' });
  });

  it('refuses every class that is not on the list, by name, before it could be called', () => {
    refused("cos\nsystem\n(S'echo pwned'\ntR.", /names os\.system.*nothing was executed/);
    refused('\x80\x04\x8c\x08builtins\x8c\x04eval\x93.', /names builtins\.eval/);
    refused('(ios\nsystem\n.', /names os\.system/);
    refused('c__builtin__\ngetattr\n.', /names builtins\.getattr/);
    refused(`c${'a'.repeat(500)}\n\x1b[31m\n.`, /names a{120}\.\.\./);
    refused('\x82\x01.', /extension codes are not read/);
    refused('\x80\x05\x97.', /out-of-band buffers/);
  });

  it('refuses a class as a value, and memory at will', () => {
    refused('c__builtin__\nset\n.', /builtins\.set is used as a value/);
    refused('c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.', /expected bytes/);
    refused('cnumpy\nndarray\n)R.', /which is no function/);
    refused('K\x01.'.replace('K\x01', 'K\x01K\x01R'), /calls something that is no class/);
  });

  it('refuses persistent ids without a handler', () => {
    refused('Pabc\n.', /persistent id/);
    assert.equal(read('Pabc\n.', { persistentLoad: (id) => `<${String(id)}>` }), '<abc>');
  });

  for (const [name, bytes, pattern] of [
    ['nothing', '', /truncated/],
    ['no STOP', 'K\x01', /truncated/],
    ['a newer protocol', '\x80\x06N.', /protocol 6 is newer/],
    ['an unknown opcode', '\xff.', /unknown opcode 0xff/],
    ['an empty stack', '.', /empty stack/],
    ['an open mark', '(K\x01.', /open mark/],
    ['a mark that was never set', 't.', /never set/],
    ['a length beyond the end', 'X\xff\xff\xff\xffab.', /truncated: 4294967295 more bytes expected, 3 left/],
    ['an impossible length', '\x8e\xff\xff\xff\xff\xff\xff\xff\xff.', /impossible length/],
    ['a frame beyond the end', '\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.', /a frame of 255 bytes/],
    ['a line without an end', 'I12', /without an end/],
    ['a malformed int', 'Iabc\n.', /malformed int/],
    ['an int of too many digits', `I${'9'.repeat(5000)}\n.`, /malformed int/],
    ['a malformed float', 'F1.2.3\n.', /malformed float/],
    ['a malformed str', "S'abc\n.", /malformed str/],
    ['malformed UTF-8', 'X\x01\x00\x00\x00\xff.', /UTF-8/],
    ['a key without a value', '}(K\x01u.', /key without a value/],
    ['a key on a list', ']K\x01K\x02s.', /no dict/],
    ['an item for a tuple', ')K\x01a.', /no list/],
    ['a missing memo entry', 'h\x05.', /memo index 5/],
    ['a negative memo index', 'Np-1\n.', /memo index expected/],
    ['state for a list', ']}b.', /takes none/],
    ['marks without end', '('.repeat(200_000), /nested marks/],
  ] as const) {
    it(`refuses ${name} with one line`, () => refused(bytes, pattern));
  }
});
