/** The short way through a file beside the long one. */
import assert from 'node:assert/strict';
import { bytesSource, fileSource, type ByteSource } from '../../../lib/io/byte-source.js';
import { loadTheLongWay, type LoadOptions } from '../../../lib/io/load.js';
import { readPlain } from '../../../lib/io/plain-file.js';
import { memory, scope } from '../../../lib/tensor/index.js';
import { difference } from './same-value.js';

/**
 * Reads a file both ways. The short one gives nothing, or exactly what the long one does, and takes as many tensors and bytes.
 * @returns whether it gave something.
 */
export function bothWays(file: string | Uint8Array, { mmap = false }: LoadOptions = {}): boolean {
  const source = typeof file === 'string' ? fileSource(file) : bytesSource(file);
  try {
    return scope(() => {
      const [before, short] = measured(() => readPlain(source, mmap));
      if (short === undefined) {
        assert.deepEqual(before, [0, 0], 'tensors and bytes that the short way left behind');
        return false;
      }
      const [taken, long] = measured(() => theLongWay(source, mmap));
      assert.equal(difference(short.value, long), undefined);
      assert.deepEqual(before, taken, 'tensors and bytes');
      return true;
    });
  } finally {
    source.close();
  }
}

function theLongWay(source: ByteSource, mmap: boolean): unknown {
  try {
    return loadTheLongWay(source, { mmap });
  } catch (error) {
    throw new assert.AssertionError({ message: `the short way reads what the long one refuses: ${String(error)}` });
  }
}

function measured<T>(make: () => T): [number[], T] {
  const before = memory();
  const made = make();
  const now = memory();
  return [[now.tensors - before.tensors, now.bytes - before.bytes], made];
}
