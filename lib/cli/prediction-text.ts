import Table from 'cli-table3';
import { formatFixed } from '../train/format.js';
import type { PredictedClass } from '../train/predict.js';
import { coloursFor, type Output } from './output.js';

const percent = (probability: number): string => `${formatFixed(100 * probability, 2)} %`;

/** The name of a class, or its index where no names are known. Control characters of a file do not reach a terminal. */
function nameOf({ name, index }: PredictedClass): string {
  return name === null ? `class ${index}` : plain(name);
}

/** Text of files on a terminal: without what would move the cursor. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '\uFFFD');
}

/** A picture's classes as a table: rank, name, probability. */
export function predictionTable(path: string, top: readonly PredictedClass[], output: Output): string {
  const colours = coloursFor(output);
  const table = new Table({ colAligns: ['right', 'left', 'right'], style: { head: [], border: [], compact: true } });
  table.push(
    ...top.map((each, rank) => {
      const [name, share] = [nameOf(each), percent(each.probability)];
      return [String(rank + 1), rank === 0 ? colours.bold(name) : name, rank === 0 ? colours.bold(share) : share];
    }),
  );
  return `${colours.cyan(plain(path))}\n${table.toString()}`;
}

/** A picture's classes with bars as long as they are probable. */
export function predictionBars(path: string, top: readonly PredictedClass[], output: Output): string {
  const colours = coloursFor(output);
  const size = 30;
  const width = Math.max(...top.map((each) => nameOf(each).length));
  const lines = top.map((each, rank) => {
    const bar = blocks(each.probability, size);
    const name = nameOf(each).padEnd(width);
    const share = percent(each.probability).padStart('100.00 %'.length);
    return `  ${rank === 0 ? colours.bold(name) : name}  ${colours.cyan(bar)}${colours.dim('░'.repeat(size - bar.length))}  ${share}`;
  });
  return [colours.cyan(plain(path)), ...lines].join('\n');
}

/** A bar of whole blocks and one of eighths. */
function blocks(share: number, size: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * size * 8);
  const rest = eighths % 8;
  return '█'.repeat((eighths - rest) / 8) + (rest === 0 ? '' : ' ▏▎▍▌▋▊▉'.charAt(rest));
}
