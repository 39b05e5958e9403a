/** What went wrong with a file or its contents; `code` of an {@link IoError}. */
export type IoErrorCode =
  | 'missing' // no such file or folder
  | 'access' // not allowed to read or write
  | 'space' // disk or quota full
  | 'kind' // a folder where a file is needed, or the other way round
  | 'format' // damaged, truncated or not what its name says
  | 'integrity' // a checksum differs
  | 'unsupported' // well formed, but not something torchbridge reads or writes
  | 'io'; // any other failure of the operating system

/** One clear line about a file: names the file where there is one, and the way out where there is one. */
export class IoError extends Error {
  override readonly name = 'IoError';

  constructor(
    readonly code: IoErrorCode,
    message: string,
    readonly path?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const EXPLAINED = new Map<string, [IoErrorCode, string]>([
  ['ENOENT', ['missing', 'no such file or folder']],
  ['ENOTDIR', ['missing', 'a part of the path is not a folder']],
  ['EACCES', ['access', 'permission denied']],
  ['EPERM', ['access', 'operation not permitted']],
  ['EROFS', ['access', 'the file system is read-only']],
  ['ENOSPC', ['space', 'no space left on the device']],
  ['EDQUOT', ['space', 'the disk quota is used up']],
  ['EFBIG', ['space', 'the file would be larger than the system allows']],
  ['EISDIR', ['kind', 'it is a folder']],
  ['ENXIO', ['kind', 'it is no regular file']],
  ['ENOTEMPTY', ['kind', 'it is a folder that is not empty']],
  ['EMFILE', ['io', 'too many open files']],
  ['EIO', ['io', 'the device reported an input/output error']],
]);

/** The `code` of a Node system error (`'ENOENT'`), or undefined for any other value. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Turns a failed system call into one line, `cannot <action> <path>: <reason>`. Other errors come back unchanged.
 * @param action what was tried, as a verb: `'read'`, `'write'`.
 */
export function explainSystemError(error: unknown, action: string, path: string): Error {
  if (error instanceof IoError) return error;
  const code = systemCode(error);
  if (!(error instanceof Error)) return new IoError('io', `cannot ${action} ${path}: ${String(error)}`, path);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code) || !('syscall' in error)) return error;
  const [kind, reason] = EXPLAINED.get(code) ?? ['io', code];
  return new IoError(kind, `cannot ${action} ${path}: ${reason}`, path, { cause: error });
}
