import { Option } from '@commander-js/extra-typings';
import { filePath } from './values.js';

/** The form of a network whose weights are in a file. */
export const modelOption = () =>
  new Option('--model <name>', 'form of the network in a file (default: what the file tells)').argParser(
    filePath('--model', 'a name'),
  );

/** Which part of a checkpoint holds the weights. */
export const entryOption = () =>
  new Option(
    '--entry <name>',
    'entry of a checkpoint that holds the weights (default: state_dict, model, ... or the only one)',
  ).argParser(filePath('--entry', 'a name'));

/** @param use for whom the names are. */
export const classesOption = (use: string) =>
  new Option('--classes <file>', `names of the classes, one a line or a JSON list${use}`).argParser(
    filePath('--classes', 'a file'),
  );
