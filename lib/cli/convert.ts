import { convert, type ConvertOptions } from '../io/index.js';
import { namingWhatIsExpected, printable } from './inspect.js';
import type { Output } from './output.js';

/** `torchbridge convert`. @returns the exit code. */
export function runConvert(
  input: string,
  output: string,
  options: ConvertOptions,
  stdout: Output,
  stderr: Output,
): number {
  const { tensors, to, notices } = namingWhatIsExpected(input, () => convert(input, output, options));
  for (const notice of notices) stderr.write(`${printable(notice)}\n`);
  stdout.write(`${printable(output)}: ${tensors} tensors, ${to === 'zip' ? 'the zip form of torch.save' : to}\n`);
  return 0;
}
