import type { ByteSource } from './byte-source.js';
import { IoError } from './errors.js';

/** How the argument of an opcode is laid out: so many bytes, lines of text, or a length of so many bytes and then the data. */
type Layout = { bytes: number } | { lines: number } | { prefix: number };

const LAYOUTS: readonly (Layout | undefined)[] = (() => {
  const layouts = new Array<Layout | undefined>(256).fill(undefined);
  const set = (opcodes: string | number[], layout: Layout): void => {
    const codes = typeof opcodes === 'string' ? [...Buffer.from(opcodes, 'latin1')] : opcodes;
    for (const code of codes) layouts[code] = layout;
  };
  set('(012NQRabd}eo]lst)u', { bytes: 0 });
  set([0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x97, 0x98], { bytes: 0 });
  set('Khq\x80\x82', { bytes: 1 });
  set('M\x83', { bytes: 2 });
  set('Jjr\x84', { bytes: 4 });
  set('G\x95', { bytes: 8 });
  set('FILSVPgp', { lines: 1 });
  set('ci', { lines: 2 });
  set('UC\x8a\x8c', { prefix: 1 });
  set('TXB\x8b', { prefix: 4 });
  set('\x8d\x8e\x96', { prefix: 8 });
  return layouts;
})();

const STOP = 0x2e;
const NEWLINE = 0x0a;
const WINDOW = 1 << 16;

/**
 * Where the pickle ends that begins at `start`: for files that hold more behind it. Only the lengths of the opcodes are
 * looked at; nothing is kept in memory but a window of the file.
 * @param what names the pickle in errors.
 * @throws IoError `format` where it has no end.
 */
export function pickleEnd(source: ByteSource, start: number, what: string): number {
  let window = new Uint8Array(0);
  let windowStart = start;
  let at = start;
  const error = (message: string): IoError =>
    new IoError('format', `${source.name}: ${what}: ${message} (at byte ${at})`, source.name);
  const byte = (): number => {
    let value = window[at - windowStart];
    if (value === undefined) {
      if (at >= source.size) throw error('truncated: it has no end');
      windowStart = at;
      window = new Uint8Array(source.read(at, Math.min(WINDOW, source.size - at)));
      value = window[0]!;
    }
    at++;
    return value;
  };
  const line = (): void => {
    while (byte() !== NEWLINE);
  };
  for (;;) {
    const opcode = byte();
    if (opcode === STOP) return at;
    const layout = LAYOUTS[opcode];
    if (layout === undefined) {
      at--;
      throw error(`unknown opcode 0x${opcode.toString(16).padStart(2, '0')}`);
    }
    if ('lines' in layout) {
      for (let i = 0; i < layout.lines; i++) line();
    } else if ('bytes' in layout) {
      at += layout.bytes;
    } else {
      let length = 0;
      for (let i = 0; i < layout.prefix; i++) length += byte() * 2 ** (8 * i);
      if (!(length <= source.size - at))
        throw error(`truncated: ${length} more bytes expected, ${source.size - at} left`);
      at += length;
    }
  }
}
