/** The TypeScript blocks of the documents, as programs. */
import fs from 'node:fs';
import path from 'node:path';

/** How a document says what becomes of a block; printed by the test, for whoever wrote the block. */
export const HOW_TO_MARK = `
Every \`\`\`ts block of README.md and docs/*.md is a whole program: it is type-checked (strict) and run in an empty folder.
A comment directly above a block says otherwise:
  <!-- with: CODE -->          CODE (it may take several lines) stands before the block, for what a reader need not see
  <!-- goes on -->             the block goes on with the program of the block before it
  <!-- not run: REASON -->     it is type-checked only
  <!-- not checked: REASON --> it is neither
A block without a language after a block and the one word "prints" is what the program must print; of numbers with a fraction
three digits count.`;

export interface Program {
  /** The document, relative to the root, and the line of the first block. */
  readonly name: string;
  readonly line: number;
  /** Every line stands where it stands in the document. */
  readonly text: string;
  /** Why it is not run, and whether it is not checked either. */
  readonly notRun?: { readonly reason: string; readonly notChecked: boolean };
  /** What it must print. */
  readonly prints?: string;
}

interface Block {
  readonly language: string;
  /** Index of the first line of the code. */
  readonly start: number;
  readonly code: readonly string[];
  /** The text between the block before and this one. */
  readonly above: string;
}

function blocksOf(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let above = 0;
  for (let at = 0; at < lines.length; ++at) {
    const fence = /^(`{3,})(\w*)/.exec(lines[at]!);
    if (fence === null) continue;
    const end = lines.findIndex((line, index) => index > at && line.trimEnd() === fence[1]);
    if (end < 0) throw new Error(`the block of line ${at + 1} is not closed`);
    const code = lines.slice(at + 1, end);
    blocks.push({ language: fence[2] ?? '', start: at + 1, code, above: lines.slice(above, at).join('\n') });
    above = end + 1;
    at = end;
  }
  return blocks;
}

/** The programs of one document. */
export function programsOf(root: string, name: string): Program[] {
  const lines = fs.readFileSync(path.join(root, name), 'utf8').split('\n');
  const programs: { line: number; text: string[]; notRun?: NonNullable<Program['notRun']>; prints?: string }[] = [];
  let previousIsCode = false;
  for (const { language, start, code, above } of blocksOf(lines)) {
    const before = previousIsCode;
    previousIsCode = language === 'ts';
    const last = programs.at(-1);
    if (before && language === '' && last !== undefined && above.trim() === 'prints') last.prints = code.join('\n');
    if (language !== 'ts') continue;
    const comment = /<!--\s*((?:(?!-->)[^])*?)\s*-->\s*$/.exec(above);
    const mark = /^(with|goes on|not run|not checked)(?::\s*([^]+))?$/.exec(comment?.[1] ?? '');
    const kind = mark?.[1];
    const said = mark?.[2] ?? '';
    if (comment !== null && mark === null)
      throw new Error(`${name}:${start}: what is <!-- ${comment[1] ?? ''} -->?${HOW_TO_MARK}`);
    if (kind !== undefined && kind !== 'goes on' && said === '')
      throw new Error(`${name}:${start}: ${kind} what?${HOW_TO_MARK}`);
    if (kind === 'goes on' && last === undefined)
      throw new Error(`${name}:${start} goes on with nothing.${HOW_TO_MARK}`);
    const program = kind === 'goes on' && last !== undefined ? last : { line: start, text: lines.map(() => '') };
    if (program !== last) programs.push(program);
    if (kind === 'with') {
      const first = start - 1 - comment![0].split('\n').length;
      said.split('\n').forEach((line, index) => (program.text[first + index] = line));
    }
    if (kind === 'not run' || kind === 'not checked')
      program.notRun = { reason: said, notChecked: kind === 'not checked' };
    code.forEach((line, index) => (program.text[start + index] = line));
  }
  return programs.map(({ text, ...rest }) => ({ ...rest, name, text: text.join('\n') }));
}

/** README.md and the documents of docs/. */
export function documents(root: string): string[] {
  const docs = fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.sort().map((name) => path.join('docs', name))];
}

/** Whether two outputs say the same: numbers with a fraction may differ in the last digits, as processors differ. */
export function saysTheSame(printed: string, wanted: string): boolean {
  const fraction = /-?\d+\.\d+(?:e[-+]?\d+)?/g;
  const shape = (text: string): string =>
    text
      .replace(/[ \t]+$/gm, '')
      .trim()
      .replace(fraction, '#.#')
      .replace(/ +/g, ' ');
  if (shape(printed) !== shape(wanted)) return false;
  const theirs = wanted.match(fraction) ?? [];
  return (printed.match(fraction) ?? []).every((each, index) => {
    const [a, b] = [Number(each), Number(theirs[index])];
    return Math.abs(a - b) <= 2e-3 * Math.max(Math.abs(a), Math.abs(b));
  });
}
