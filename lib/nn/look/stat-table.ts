import { formatFixed } from '../../tensor/number-format.js';
import type { StatReport, StatRow } from './stat.js';

const MEGABYTE = 1024 ** 2;

const grouped = (value: number): string => value.toLocaleString('en-US');
const sizes = (shape: readonly number[]): string => shape.map((size) => String(size).padStart(3)).join(' ');

/** A report as torchstat prints it; the totals of all columns are sums, which there two are not. */
export function statTable(report: StatReport): string {
  const time = report.total('duration');
  const share = (seconds: number): string => `${formatFixed(time > 0 ? (100 * seconds) / time : 0, 2)}%`;
  const cells = (row: Pick<StatRow, 'parameters' | 'memoryBytes' | 'madd' | 'flops' | 'memRead' | 'memWrite'>) => [
    String(row.parameters),
    formatFixed(row.memoryBytes / MEGABYTE, 2),
    grouped(row.madd),
    grouped(row.flops),
    String(row.memRead),
    String(row.memWrite),
  ];
  const both = (row: Pick<StatRow, 'memRead' | 'memWrite'>): string => String(row.memRead + row.memWrite);
  const head = [
    '',
    'module name',
    'input shape',
    'output shape',
    'params',
    'memory(MB)',
    'MAdd',
    'Flops',
    'MemRead(B)',
    'MemWrite(B)',
    'duration[%]',
    'MemR+W(B)',
  ];
  const total = {
    parameters: report.total('parameters'),
    memoryBytes: report.total('memoryBytes'),
    madd: report.total('madd'),
    flops: report.total('flops'),
    memRead: report.total('memRead'),
    memWrite: report.total('memWrite'),
  };
  const rows = [
    head,
    ...report.rows.map((row, index) => [
      String(index),
      row.name,
      sizes(row.inputShape),
      sizes(row.outputShape),
      ...cells(row),
      share(row.duration),
      both(row),
    ]),
    ['total', '', '', '', ...cells(total), share(time), both(total)],
  ];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
  const width = lines[0]!.length;
  const missing = Object.entries(report.unsupported).flatMap(([column, classes]) =>
    classes.map((each) => `[${column}]: ${each} is not supported!`),
  );
  return [
    ...missing,
    ...lines,
    '='.repeat(width),
    `Total params: ${grouped(total.parameters)}`,
    '-'.repeat(width),
    `Total memory: ${formatFixed(total.memoryBytes / MEGABYTE, 2)}MB`,
    `Total MAdd: ${rounded(total.madd)}MAdd`,
    `Total Flops: ${rounded(total.flops)}Flops`,
    `Total MemR+W: ${formatFixed((total.memRead + total.memWrite) / MEGABYTE, 2)}MB`,
  ].join('\n');
}

/** In the largest unit that gives one or more, with as many of two decimals as it needs. */
function rounded(value: number): string {
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['K', 1e3],
  ] as const) {
    if (value < size) continue;
    const text = formatFixed(value / size, 2).replace(/0$/, '');
    return text + unit;
  }
  return String(value);
}
