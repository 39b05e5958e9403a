import { Command } from '@commander-js/extra-typings';

/** The `doctor` command without its action. */
export function doctorCommand() {
  return new Command('doctor')
    .summary('say what is installed and what is missing')
    .description(
      'Looks at everything torchbridge needs (Node, the addon, libtorch) and at what it runs on, and says how to mend what ' +
        'is missing. The exit code is 1 when something is.',
    )
    .option('--json', 'print one JSON object');
}
