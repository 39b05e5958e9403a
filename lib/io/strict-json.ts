/** A number of JSON that is no plain integer (`1.0`, `1e3`, `-0`): formats that count in integers refuse it. */
export class JsonDecimal {
  constructor(readonly text: string) {}
}

/** What {@link parseStrictJson} gives. Objects are Maps, so that no name in them means anything to JavaScript. */
export type StrictJson =
  null | boolean | number | bigint | string | JsonDecimal | StrictJson[] | Map<string, StrictJson>;

// serde_json, which the reference of safetensors reads with, goes no deeper either.
const MAX_DEPTH = 127;

/**
 * JSON without what `JSON.parse` lets pass in silence: a name given twice, numbers that are rounded, text that is no
 * Unicode (lone surrogates). Integers beyond 2^53 are bigints.
 * @throws SyntaxError one line with the position.
 */
export function parseStrictJson(text: string): StrictJson {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  #at = 0;
  readonly #number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

  constructor(readonly text: string) {}

  #fail(message: string): never {
    throw new SyntaxError(`${message} at character ${this.#at}`);
  }

  /** The next character that is no white space, or '' at the end. */
  #next(): string {
    for (; this.#at < this.text.length; this.#at++) {
      const code = this.text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return this.text.charAt(this.#at);
    }
    return '';
  }

  end(): void {
    if (this.#next() !== '') this.#fail('more text after the end');
  }

  value(depth: number): StrictJson {
    const first = this.#next();
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return this.#string();
    for (const [word, value] of WORDS) {
      if (!this.text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#numeral();
  }

  /** Goes on from `[`, `{` or `,` to the next item. @returns false at the end of the list. */
  #item(close: string, isFirst: boolean): boolean {
    const next = this.#next();
    if (next === close) {
      this.#at++;
      return false;
    }
    if (isFirst) return true;
    if (next !== ',') this.#fail(`Expected , or ${close}`);
    this.#at++;
    return true;
  }

  #enter(depth: number): void {
    if (depth >= MAX_DEPTH) this.#fail(`more than ${MAX_DEPTH} levels`);
    this.#at++;
  }

  #object(depth: number): Map<string, StrictJson> {
    this.#enter(depth);
    const object = new Map<string, StrictJson>();
    while (this.#item('}', object.size === 0)) {
      if (this.#next() !== '"') this.#fail('Expected a name');
      const name = this.#string();
      if (object.has(name)) this.#fail(`${quote(name)} is given twice`);
      if (this.#next() !== ':') this.#fail('Expected :');
      this.#at++;
      object.set(name, this.value(depth + 1));
    }
    return object;
  }

  #array(depth: number): StrictJson[] {
    this.#enter(depth);
    const items: StrictJson[] = [];
    while (this.#item(']', items.length === 0)) items.push(this.value(depth + 1));
    return items;
  }

  #string(): string {
    const start = this.#at;
    let end = start;
    do {
      end = this.text.indexOf('"', end + 1);
      if (end < 0) this.#fail('a text without an end');
    } while (this.#isEscaped(end, start));
    let value: string;
    try {
      value = JSON.parse(this.text.slice(start, end + 1)) as string;
    } catch {
      this.#fail('a malformed text');
    }
    if (/\p{Surrogate}/u.test(value)) this.#fail('a text that is no Unicode');
    this.#at = end + 1;
    return value;
  }

  #isEscaped(at: number, start: number): boolean {
    let before = at - 1;
    while (before > start && this.text.charCodeAt(before) === 0x5c) before--;
    return (at - 1 - before) % 2 === 1;
  }

  #numeral(): number | bigint | JsonDecimal {
    this.#number.lastIndex = this.#at;
    const [text, fraction, exponent] = this.#number.exec(this.text) ?? this.#fail('Expected a value');
    this.#at += text.length;
    if (fraction !== undefined || exponent !== undefined || text === '-0' || text.length > 20)
      return new JsonDecimal(text.slice(0, 40));
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : BigInt(text);
  }
}

const WORDS = new Map<string, null | boolean>([
  ['null', null],
  ['true', true],
  ['false', false],
]);

/** A name for an error message: in quotes, and not longer than a line takes. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);
}
