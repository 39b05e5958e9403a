import { readFileSync } from 'node:fs';
import { explainSystemError, IoError } from '../io/index.js';

/**
 * Names of classes from a file, by their index: a name a line, or JSON, a list of names or an object with an entry for
 * each index, whose value is the name or a list that ends with it.
 * @throws IoError in one line that names the file.
 */
export function readClassNames(path: string): string[] {
  const text = readText(path).replace(/^\uFEFF/, '');
  const names = /^\s*[[{]/.test(text) ? namesInJson(text, path) : namesInLines(text);
  const empty = names.findIndex((name) => name === '');
  if (empty >= 0) throw new IoError('format', `${path}: class ${empty} has no name`, path);
  if (names.length === 0) throw new IoError('format', `${path}: it names no classes`, path);
  return names;
}

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw new IoError('format', `${path}: not a text of class names`, path, { cause: error });
    }
    throw explainSystemError(error, 'read', path);
  }
}

function namesInLines(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

function namesInJson(text: string, path: string): string[] {
  const refuse = (reason: string): never => {
    throw new IoError('format', `${path}: expected a JSON list of class names, ${reason}`, path);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`but it is not JSON: ${(error as Error).message}`);
  }
  const entries: unknown[] = Array.isArray(value) ? value : byIndex(value as Record<string, unknown>, refuse);
  return entries.map((entry, index) => {
    const name: unknown = Array.isArray(entry) ? entry.at(-1) : entry;
    return typeof name === 'string' ? name.trim() : refuse(`but entry ${index} is ${JSON.stringify(entry)}`);
  });
}

function byIndex(value: Record<string, unknown>, refuse: (reason: string) => never): unknown[] {
  const count = Object.keys(value).length;
  return Array.from({ length: count }, (_, index) =>
    Object.hasOwn(value, index) ? value[index] : refuse(`but of its ${count} entries none is ${index}`),
  );
}
