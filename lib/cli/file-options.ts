import { Command } from '@commander-js/extra-typings';
import { choice } from './values.js';

/** The `inspect` command without its action. */
export function inspectCommand() {
  return new Command('inspect')
    .summary('say what a file of weights holds')
    .description(
      'Names, shapes, dtypes and bytes of the tensors in a file of torch.save (zip, legacy, tar) or of safetensors, and the ' +
        'classes in it that are not read. No tensor is built and nothing is executed: it is safe for files of strangers.',
    )
    .argument('<file>', 'the file')
    .option('--json', 'print one JSON object');
}

/** The `convert` command without its action. */
export function convertCommand() {
  return new Command('convert')
    .summary('write a file of weights in another form')
    .description(
      "Reads torch.save's files (zip, legacy, tar) and safetensors, writes torch.save's zip form or safetensors. What the other " +
        'form cannot hold is left out and told.',
    )
    .argument('<input>', 'the file to read')
    .argument('<output>', 'the file to write')
    .option(
      '--to <form>',
      'zip or safetensors (default: by the name of the output)',
      choice('--to', ['zip', 'safetensors']),
    )
    .option('--strip-prefix [prefix]', "take a prefix off the names (default: 'module.')")
    .option('--force', 'write over a file that is there');
}
