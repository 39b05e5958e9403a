/** Pickles that nobody means well with: what they do stands in their names. */
import { PyName, Tuple, writePickle } from '../../../lib/io/index.js';
import { OrderedDict } from '../../../lib/tensor/index.js';

/** Opcodes and their arguments, a character a byte. */
const ops = (...parts: (string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};

/** The file that every command in these pickles would make, in the folder that the process runs in. */
export const CANARY = 'a-command-was-run';

const COMMAND = `S'touch ${CANARY}'\n`;

/** `(name, pickle)`; each stands alone, without storages. */
export function* hostilePickles(): Generator<[string, Uint8Array], void, void> {
  yield* deep();
  yield* shared();
  yield* counts();
  yield* long();
  yield* repeated();
  yield* keys();
  yield* commands();
}

function* deep(): Generator<[string, Uint8Array]> {
  yield ['lists in lists', ops(']'.repeat(100_000), 'a'.repeat(99_999), '.')];
  yield ['tuples in tuples', ops(')', '\x85'.repeat(100_000), '.')];
  yield ['dicts in dicts', ops('}K\x01'.repeat(50_000), 'N', 's'.repeat(50_000), '.')];
  yield ['open marks', ops('('.repeat(300_000), '.')];
  yield ['marks closed one by one', ops('('.repeat(90_000), 'l'.repeat(90_000), '.')];
}

function* shared(): Generator<[string, Uint8Array]> {
  const doubled = Array.from(
    { length: 60 },
    (_, i) => `]q${String.fromCharCode(i + 1)}(h${String.fromCharCode(i)}h${String.fromCharCode(i)}e`,
  );
  yield ['a list of two to the power of sixty', ops(']q\x00', ...doubled, '.')];
  const tuples = Array.from({ length: 60 }, () => '2\x86');
  yield ['a tuple of two to the power of sixty', ops(')', ...tuples, '.')];
  yield ['that tuple as a key', ops('})', ...tuples, 'K\x01s.')];
  yield ['a list that holds itself', ops(']q\x00h\x00a.')];
  yield ['a dict that holds itself', ops('}q\x00K\x01h\x00s.')];
  yield ['a tuple that holds itself', ops(']q\x00h\x00\x85q\x01ah\x01.')];
  yield ['a list that holds itself half a million times', ops(']q\x00(', 'h\x00'.repeat(500_000), 'e.')];
  yield ['a list that grows by itself', ops(']q\x00', `(${'h\x00'.repeat(100)}e`.repeat(2000), '.')];
  yield ['an OrderedDict of itself', ops('ccollections\nOrderedDict\n)Rq\x00h\x00K\x01h\x00sb.')];
}

function* counts(): Generator<[string, Uint8Array]> {
  yield ['text of 4 GiB', ops('X', u32(0xffff_ffff), 'a.')];
  yield ['text of 2^63 bytes', ops('\x8d', u64(2n ** 63n), 'a.')];
  yield ['text of 2^64 - 1 bytes', ops('\x8d', u64(2n ** 64n - 1n), 'a.')];
  yield ['bytes of 1 TiB', ops('\x8e', u64(2n ** 40n), 'a.')];
  yield ['a bytearray of 1 TiB', ops('\x80\x05\x96', u64(2n ** 40n), 'a.')];
  yield ['a frame of 4 EiB', ops('\x80\x04\x95', u64(2n ** 62n), 'N.')];
  yield ['an integer of 2 GiB', ops('\x8b', u32(0x7fff_ffff), 'a.')];
  yield ['an integer of -1 bytes', ops('\x8b', u32(0xffff_ffff), 'a.')];
  yield ['a str of -1 bytes', ops('T', u32(0xffff_ffff), 'a.')];
  yield ['memo index 2^32 - 1', ops(']r', u32(0xffff_ffff), 'j', u32(0xffff_ffff), 'a.')];
  yield ['memo index of 400 digits', ops(`]p${'9'.repeat(400)}\n.`)];
  yield ['memo index -1', ops(']p-1\ng-1\na.')];
  yield ['a memo index that was never stored', ops('h\x07.')];
  yield ['protocol 200', ops('\x80\xc8N.')];
}

function* long(): Generator<[string, Uint8Array]> {
  yield ['an integer of a megabyte', ops('\x8b', u32(1_000_000), Buffer.alloc(1_000_000, 0x5a), '.')];
  yield ['a million decimal digits', ops(`I${'7'.repeat(1_000_000)}\n.`)];
  yield ['a million digits of a float', ops(`F${'7'.repeat(1_000_000)}x\n.`)];
  yield ['a million digits of a float, and a fraction', ops(`F${'7'.repeat(500_000)}.${'7'.repeat(500_000)}\n.`)];
  yield ['a million spaces before a number', ops(`I${' '.repeat(1_000_000)}\n.`)];
  yield ['400,000 backslashes', ops(`S'${'\\\\'.repeat(200_000)}'\n.`)];
  yield ['400,000 backslashes, the last one open', ops(`S'${'\\\\'.repeat(200_000)}\\'\n.`)];
  yield ['100,000 octal escapes', ops(`S'${'\\777'.repeat(100_000)}'\n.`)];
  yield ['80,000 Unicode escapes', ops(`V${'\\ud83d'.repeat(80_000)}\n.`)];
  yield ['Unicode escapes beyond Unicode', ops('V\\Uffffffff\n.')];
  yield ['a megabyte of surrogates', ops('X', u32(999_999), Buffer.alloc(999_999, Buffer.from('eda080', 'hex')), '.')];
  yield ['text that is no UTF-8', ops('X', u32(4), '\xff\xfe\xfd\xfc.')];
  yield ['a line without an end', ops(`S'${'a'.repeat(1_000_000)}`)];
  yield ['a class name of a megabyte', ops(`c${'a'.repeat(500_000)}\n${'b'.repeat(500_000)}\n.`)];
}

/** A large value once, and then again and again something that would copy it, or walk over it. */
function* repeated(): Generator<[string, Uint8Array]> {
  const list = ops(']q\x00(', 'K\x01'.repeat(40_000), 'e0');
  const again = (callee: string, argument: string, count = 20_000): string =>
    `c${callee}\nq\x01${`0h\x01${argument}\x85R`.repeat(count)}.`;
  yield ['torch.Size of a long list', ops(list, again('torch\nSize', 'h\x00'))];
  yield ['set of a long list', ops(list, again('builtins\nset', 'h\x00'))];
  yield ['list of a long list', ops(list, again('builtins\nlist', 'h\x00'))];
  const bytes = ops('B', u32(100_000), Buffer.alloc(100_000), 'q\x000');
  yield [
    'bytearray of long bytes, all kept',
    ops(bytes, 'cbuiltins\nbytearray\nq\x01](', 'h\x01h\x00\x85R'.repeat(20_000), 'e.'),
  ];
  const text = ops(
    'X',
    u32(100_000),
    Buffer.alloc(100_000, 'a'),
    'q\x000X',
    u32(6),
    'latin1q\x020c_codecs\nencode\nq\x01](',
  );
  yield ['a long text encoded, all kept', ops(text, 'h\x01h\x00h\x02\x86R'.repeat(20_000), 'e.')];
  const pairs = ops(']q\x00(', 'K\x01K\x02\x86'.repeat(20_000), 'e0');
  yield ['OrderedDict of a long list', ops(pairs, again('collections\nOrderedDict', 'h\x00'))];
  yield ['Counter of a long dict', ops('}q\x00(', countedPairs(20_000), 'u0', again('collections\nCounter', 'h\x00'))];
  const state = ops('}q\x02(', countedPairs(20_000), 'uX', u32(9), '_metadata', 'q\x030}q\x04h\x03h\x02s0');
  yield [
    'the state of a dict, again and again',
    ops(state, 'ccollections\nOrderedDict\n)R', 'h\x04b'.repeat(30_000), '.'),
  ];
  yield ['bytearray of a number', ops('cbuiltins\nbytearray\nJ', u32(0x7fff_ffff), '\x85R.')];
  yield ['bytes of a number', ops('cbuiltins\nbytes\nJ', u32(0x7fff_ffff), '\x85R.')];
}

function countedPairs(count: number): string {
  return Array.from({ length: count }, (_, i) => `M${String.fromCharCode(i & 255, i >> 8)}}`).join('');
}

function* keys(): Generator<[string, Uint8Array]> {
  yield ['a list as a key', ops('}]K\x01s.')];
  yield ['a dict as a key', ops('}}K\x01s.')];
  yield ['a set as a key', ops('\x80\x04}\x8fK\x01s.')];
  yield ['a list in a tuple as a key', ops('}]\x85K\x01s.')];
  yield ['an OrderedDict as a key', ops('}ccollections\nOrderedDict\n)RK\x01s.')];
  yield ['a list in a set', ops('\x80\x04\x8f(]\x90.')];
  yield ['a list in a frozenset', ops('\x80\x04(]\x91.')];
  yield ['a list in a set that is called', ops('cbuiltins\nset\n]]a\x85R.')];
  yield ['a list as a key of an OrderedDict', ops('ccollections\nOrderedDict\n]](]K\x01ea\x85R.')];
  yield ['1, 1.0 and True as keys', ops('\x80\x02}(K\x01K\x05\x88K\x06G\x3f\xf0\0\0\0\0\0\0K\x07u.')];
  yield ['True and 1 as keys', ops('\x80\x02}(\x88K\x05K\x01K\x06u.')];
  yield ['0 and False in a set', ops('\x80\x04\x8f(K\x00\x89\x90.')];
  yield ['equal tuples as keys', ops('}(K\x01K\x02\x86K\x03K\x01K\x02\x86K\x04u.')];
  yield ['equal tuples of tuples as keys', ops('}(K\x01\x85\x85K\x03K\x01\x85\x85K\x04u.')];
  yield ['equal bytes as keys', ops('\x80\x03}(C\x01aK\x03C\x01aK\x04u.')];
  yield ['text and bytes as keys', ops('\x80\x03}(C\x01aK\x03X', u32(1), 'aK\x04u.')];
  yield ['NaN twice as a key', ops('}(G\x7f\xf8\x00\x00\x00\x00\x00\x00K\x03G\x7f\xf8\x00\x00\x00\x00\x00\x00K\x04u.')];
  yield [
    '2^60 as an integer and as a float',
    ops('}(\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x10K\x03GC\xb0\x00\x00\x00\x00\x00\x00K\x04u.'),
  ];
  const names = [
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '__defineGetter__',
    'metadata',
    'size',
    'get',
  ];
  yield ['names of JavaScript as keys', writePickle(new Map(names.map((name, i) => [name, new Map([[name, i]])])))];
  yield ['names of JavaScript in an OrderedDict', ops('ccollections\nOrderedDict\n)R}(', named(names), 'ub.')];
  yield ['__proto__ in the state of a dict', ops('}}X', u32(9), '__proto__}X', u32(8), 'pollutedK\x01ssb.')];
  yield ['keys without a value', ops('}(K\x01u.')];
  yield ['a key set on a list', ops(']K\x01K\x02s.')];
  yield ['an append to a dict', ops('}K\x01a.')];
  yield ['an append to a tuple', ops(')K\x01a.')];
}

function named(names: readonly string[]): Buffer {
  return ops(...names.flatMap((name) => ['X', u32(name.length), name, '}']));
}

function* commands(): Generator<[string, Uint8Array]> {
  const callees = [
    ...[
      'os\nsystem',
      'posix\nsystem',
      'nt\nsystem',
      'subprocess\nPopen',
      'subprocess\ncall',
      'builtins\neval',
      'builtins\nexec',
    ],
    ...[
      '__builtin__\neval',
      '__builtin__\napply',
      'builtins\n__import__',
      'builtins\nopen',
      'builtins\ngetattr',
      'builtins\nobject',
    ],
    ...['runpy\nrun_path', 'pty\nspawn', 'socket\nsocket', 'webbrowser\nopen', 'commands\ngetoutput', 'shutil\nrmtree'],
    ...[
      'torch\nload',
      'torch.hub\nload',
      'torch.jit\nload',
      'torch.serialization\nload',
      'torch.utils.cpp_extension\nload_inline',
    ],
    ...[
      'torch._utils\n_rebuild_tensor_v2.__globals__',
      'torch\nos.system',
      'torch.storage\nos',
      'numpy.testing._private.utils\nrunstring',
    ],
    ...[
      'copyreg\n_reconstructor',
      'copy_reg\n_reconstructor',
      'functools\npartial',
      'operator\nattrgetter',
      'collections\nnamedtuple',
    ],
    ...[
      'collections\nOrderedDict.fromkeys',
      'torch.nn.modules.linear\nLinear',
      '__main__\nModel',
      '\n',
      'os\n',
      '\nsystem',
      'process\nexit',
    ],
    ...['__proto__\nconstructor', 'constructor\nconstructor', 'torch\n__proto__', 'child_process\nexecSync'],
  ];
  for (const callee of callees) yield [`a call of ${callee.replace('\n', '.')}`, ops(`c${callee}\n${COMMAND}\x85R.`)];
  yield ['os.system by INST', ops(`(${COMMAND}ios\nsystem\n.`)];
  yield ['os.system by OBJ', ops(`(cos\nsystem\n${COMMAND}o.`)];
  yield ['os.system by NEWOBJ', ops(`cos\nsystem\n${COMMAND}\x85\x81.`)];
  yield ['os.system by NEWOBJ_EX', ops(`\x80\x04cos\nsystem\n${COMMAND}\x85}\x92.`)];
  yield ['os.system by STACK_GLOBAL', ops(`\x80\x04\x8c\x02os\x8c\x06system\x93${COMMAND}\x85R.`)];
  yield ['os.system as a value', ops('cos\nsystem\n.')];
  yield ['os.system as the state of a dict', ops('}cos\nsystem\nb.')];
  yield ['os.system as a key', ops('}cos\nsystem\nK\x01s.')];
  yield [
    'os.system as what makes a tensor',
    ops(`ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nN${COMMAND}\x85Nt.`),
  ];
  yield ['os.system as a storage', ops(`(X`, u32(7), 'storagecos\nsystem\nX', u32(1), '0X', u32(3), 'cpuK\x01tQ.')];
  yield ['an extension code', ops('\x82\x01.')];
  yield ['a buffer that is elsewhere', ops('\x80\x05\x97.')];
  yield ['a call of text', ops(`${COMMAND})R.`)];
  yield ['a call of nothing', ops('R.')];
  yield ['a class that is called with a list', ops('ccollections\nOrderedDict\n]R.')];
  yield ['the state of a number', ops('K\x01K\x02b.')];
  yield ['a class as a value', ops('ccollections\nOrderedDict\n.')];
  yield ['nothing', ops('.')];
  yield ['two values', ops('K\x01K\x02.')];
  yield ['a value under an open mark', ops('(K\x01.')];
  yield ['values under a value', ops(']]]K\x01.')];
  yield ['unknown opcodes', ops('\xfe\xff.')];
}

class Call {
  constructor(
    readonly callee: PyName,
    readonly args: readonly unknown[],
  ) {}
}

class Id {
  constructor(readonly tuple: Tuple) {}
}

/** `torch.<name>(...args)` in a pickle. */
export const call = (module: string, name: string, ...args: readonly unknown[]): object =>
  new Call(new PyName(module, name), args);

/** A persistent id. */
export const persistent = (...items: readonly unknown[]): object => new Id(Tuple.make(items));

/** Writes a value with {@link call}s and {@link persistent} ids in it. */
export function pickleWith(value: unknown): Buffer {
  const reduce = (
    object: object,
  ): { callee: PyName; args: readonly unknown[]; items?: OrderedDict<unknown> } | undefined => {
    if (object instanceof Call) return object;
    if (object instanceof OrderedDict)
      return { callee: new PyName('collections', 'OrderedDict'), args: [], items: object };
    return undefined;
  };
  const persistentId = (object: object): Tuple | undefined => (object instanceof Id ? object.tuple : undefined);
  return Buffer.from(writePickle(value, { reduce, persistentId }));
}
