/** The text forms inside pickles: UTF-8 with lone surrogates, protocol 0's escapes, integers of any size. */

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8 as Python's `str(bytes, 'utf-8', 'surrogatepass')`. @returns undefined for malformed bytes. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return decodeWithSurrogates(bytes);
  }
}

/** Splits at encoded surrogates (ED A0..BF xx), which TextDecoder refuses, and decodes the rest. */
function decodeWithSurrogates(bytes: Uint8Array): string | undefined {
  let text = '';
  let start = 0;
  try {
    for (let at = bytes.indexOf(0xed); at >= 0; at = bytes.indexOf(0xed, at + 1)) {
      const [second, third] = [bytes[at + 1], bytes[at + 2]];
      if (second === undefined || third === undefined || second < 0xa0 || second > 0xbf || third < 0x80 || third > 0xbf)
        continue;
      text += strictUtf8.decode(bytes.subarray(start, at));
      text += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f));
      start = at + 3;
      at += 2;
    }
    return text + strictUtf8.decode(bytes.subarray(start));
  } catch {
    return undefined;
  }
}

/** Encodes as Python's `str.encode('utf-8', 'surrogatepass')`: lone surrogates become three bytes each. */
export function encodeUtf8(text: string): Uint8Array {
  if (!/\p{Surrogate}/u.test(text)) return Buffer.from(text, 'utf8');
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const code = character.charCodeAt(0);
    const lone = character.length === 1 && code >= 0xd800 && code <= 0xdfff;
    parts.push(
      lone
        ? Uint8Array.of(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
        : Buffer.from(character),
    );
  }
  return Buffer.concat(parts);
}

/** Bytes of a latin-1 text, or undefined where a character is beyond U+00FF. */
export function encodeLatin1(text: string): Uint8Array | undefined {
  return /[\u0100-\uffff]/.test(text) ? undefined : Buffer.from(text, 'latin1');
}

/** A number where it is exact, else a bigint. */
export function exactInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Two's complement, little-endian, any length (pickle's LONG1 and LONG4). */
export function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  const hex = Buffer.from(bytes).reverse().toString('hex');
  return exactInteger(BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`)));
}

/** The shortest two's complement, little-endian. */
export function encodeLong(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  const bits = (value < 0n ? -value - 1n : value).toString(2).length + 1; // one for the sign
  const size = Math.ceil(bits / 8);
  const hex = BigInt.asUintN(size * 8, value)
    .toString(16)
    .padStart(size * 2, '0');
  return Buffer.from(hex, 'hex').reverse();
}

// Python too refuses longer decimal numbers by default: reading them takes quadratic time.
const MAX_DIGITS = 4300;

/** A decimal integer as Python writes it (an L at the end allowed). @returns undefined for anything else. */
export function parseDecimal(text: string): number | bigint | undefined {
  const digits = /^\s*([+-]?\d+)L?\s*$/.exec(text)?.[1];
  if (digits === undefined || digits.length > MAX_DIGITS) return undefined;
  return exactInteger(BigInt(digits.startsWith('+') ? digits.slice(1) : digits));
}

/** A float as Python's repr writes it. @returns undefined for anything else. */
export function parseFloatText(text: string): number | undefined {
  if (text.length > MAX_DIGITS) return undefined; // the pattern below takes quadratic time too
  const trimmed = text.trim().toLowerCase();
  const special = /^([+-]?)(inf|infinity|nan)$/.exec(trimmed);
  if (special) return special[2] === 'nan' ? NaN : special[1] === '-' ? -Infinity : Infinity;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(trimmed) ? Number(trimmed) : undefined;
}

const ESCAPES = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['v', '\v'],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
]);

/** Python 2's repr of a str, quotes included (protocol 0's STRING), to latin-1 text. @returns undefined if malformed. */
export function parseQuoted(text: string): string | undefined {
  const line = text.trim();
  const quote = line[0];
  if (line.length < 2 || (quote !== "'" && quote !== '"') || !line.endsWith(quote)) return undefined;
  const inner = line.slice(1, -1);
  let end = inner.length;
  while (inner.charCodeAt(end - 1) === 0x5c) end--;
  if ((inner.length - end) % 2 === 1) return undefined; // a backslash that escapes nothing
  return inner.replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[^])/g, (_, escape: string) => {
    if (escape.length === 3 && escape.startsWith('x')) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 0xff);
    return ESCAPES.get(escape) ?? `\\${escape}`;
  });
}

/** Protocol 0's UNICODE: latin-1 with \uXXXX and \UXXXXXXXX. @returns undefined if malformed. */
export function parseRawUnicode(text: string): string | undefined {
  const escapes = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[uU])/g;
  const codes = [...text.matchAll(escapes)].map((match) => Number.parseInt(match[1] ?? match[2] ?? '', 16));
  if (!codes.every((code) => code <= 0x10ffff)) return undefined;
  let next = 0;
  return text.replace(escapes, () => String.fromCodePoint(codes[next++]!));
}
