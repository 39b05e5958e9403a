import fs from 'node:fs';
import path from 'node:path';
import { native } from '../native/load.js';
import { TorchError } from './errors.js';

/**
 * Loads a shared library that registers operators with libtorch (`TORCH_LIBRARY`, built against the libtorch in use: see
 * `buildInfo()`). They are called by their names, `ops.aten('my_ops::scale', x, 2)`, with autograd and all that libtorch's own
 * have. The library stays loaded; loading it again changes nothing. It runs its code in this process: load what you trust.
 * A process of its own tries first, since a damaged file or a second definition of an operator would end the one that loads it.
 * @param file path of the library.
 * @returns the names of the operators that came with it.
 * @throws TorchError `value` when there is no such file, or it cannot be loaded, with the loader's reason.
 * @see torch.ops.load_library
 */
export function loadLibrary(file: string): string[] {
  if (typeof file !== 'string') {
    throw new TorchError('type', `Expected the path of a library for loadLibrary() but received a ${typeof file}`);
  }
  // Absolute: a name without a slash would be looked for in the system's folders.
  const library = path.resolve(file);
  const found = fs.statSync(library, { throwIfNoEntry: false });
  if (found?.isFile() !== true) {
    const what = found === undefined ? 'nothing is there' : 'that is no file';
    throw new TorchError('value', `Expected a library of operators at ${library} but ${what}`);
  }
  try {
    return native.loadLibrary(library);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const [reason = ''] = error.message.split('\n');
    const why = reason.startsWith(library) ? reason.slice(library.length).replace(/^: /, '') : reason;
    throw new TorchError('value', `Expected a library of operators at ${library} but it cannot be loaded: ${why}`);
  }
}
