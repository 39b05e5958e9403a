import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';
import { CsvError, parse } from 'csv-parse/sync';
import { explainSystemError, IoError, openRegularFile } from '../io/index.js';
import { Table } from './table.js';

/** Larger files are refused. */
const MAX_BYTES = 2 ** 28;

/** Options of {@link readCsv}. */
export interface CsvOptions {
  /** Between the fields; default a comma. */
  readonly delimiter?: string;
  /** Texts that stand for a gap; default those of pandas (`NA`, `NaN`, `null`, the empty text and so on). */
  readonly naValues?: readonly string[];
}

/** All of them in any file: the first one that comes is not all that will. */
const LINE_ENDS = ['\r\n', '\n', '\r'];

/** What pandas takes for a gap. */
const NA_VALUES = [
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA'],
  ...['NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
];

/**
 * Reads a table with a line of column names: RFC 4180, with quotes, line breaks within them, any line endings, a byte order mark.
 * @param file path; the text must be UTF-8.
 * @throws IoError `missing` | `access` | `kind` | `format` | `unsupported`, one line that names the file and the line; RangeError for
 * a delimiter that cannot be.
 * @see pandas.read_csv
 */
export function readCsv(file: string, options: CsvOptions = {}): Table {
  checkDelimiter(options.delimiter);
  return parseCsv(readText(file), { ...options, file });
}

/** The same of a text. @param options.file names it in errors. */
export function parseCsv(text: string, options: CsvOptions & { readonly file?: string } = {}): Table {
  const { delimiter = ',', naValues = NA_VALUES, file = 'the text' } = options;
  checkDelimiter(delimiter);
  const gaps = new Set(naValues);
  let records: string[][];
  try {
    records = parse(text, { delimiter, record_delimiter: LINE_ENDS, bom: true, skip_empty_lines: true }) as string[][];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const reason = error.message.split('\n')[0] ?? '';
    throw new IoError('format', `${file} is no table: ${reason}`, options.file, { cause: error });
  }
  const [names, ...rows] = records;
  if (names === undefined)
    throw new IoError('format', `${file} is empty: expected a line of column names`, options.file);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new IoError('format', `${file} has two columns of the name ${JSON.stringify(twice)}`, options.file);
  return new Table(
    new Map(names.map((name, i) => [name, rows.map((row) => (gaps.has(row[i]!) ? null : row[i]!))])),
    rows.length,
  );
}

/** Before a file is read: it is not to blame. */
function checkDelimiter(delimiter: string | undefined): void {
  if (delimiter === undefined || (delimiter !== '' && !/["\r\n]/.test(delimiter))) return;
  throw new RangeError(
    `Expected a text without quotes and line ends for delimiter but received ${JSON.stringify(delimiter)}`,
  );
}

function readText(file: string): string {
  const { fd, size } = openRegularFile(file);
  try {
    if (size > MAX_BYTES) {
      throw new IoError('unsupported', `${file} has ${size} bytes, more than the ${MAX_BYTES} that are read`, file);
    }
    const bytes = fs.readFileSync(fd);
    if (isUtf8(bytes)) return bytes.toString('utf8');
    throw new IoError('format', `${file} is not in UTF-8: save it in that encoding, or letters would be lost`, file);
  } catch (error) {
    throw explainSystemError(error, 'read', file);
  } finally {
    fs.closeSync(fd);
  }
}
