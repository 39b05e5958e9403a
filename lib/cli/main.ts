import { Command, CommanderError } from '@commander-js/extra-typings';
import { UsageError } from '../train/errors.js';
import { packageVersion } from '../train/package-version.js';
import { doctorCommand } from './doctor-command.js';
import { evalCommand, evalOptions } from './eval-options.js';
import { convertCommand, inspectCommand } from './file-options.js';
import { heatmapCommand, heatmapOptions } from './heatmap-options.js';
import {
  graphCommand,
  graphOptions,
  statCommand,
  statOptions,
  summaryCommand,
  summaryOptions,
} from './look-options.js';
import { memoryCommand, memoryOptions } from './memory-options.js';
import { errorLine, type Output } from './output.js';
import { predictCommand, predictOptions } from './predict-options.js';
import { spawnRanks, startsRanks } from './spawn-ranks.js';
import { fastChoice, recipeList, runOptions, trainCommand } from './train-options.js';

/** Exit code for a command line that cannot be: a wrong option, value or combination. */
const USAGE = 2;
/** Exit code for everything else that went wrong. */
const FAILURE = 1;

const about = `
Examples:
  $ torchbridge train --save runs/first --n-epochs 8     train on generated pictures
  $ torchbridge eval --save runs/first                   test the best model of that run
  $ torchbridge predict cat.jpg --weights densenet121    what a picture shows
  $ torchbridge memory densenet121                       what a training step takes, mode by mode
  $ torchbridge summary densenet121                      its layers, shapes, parameters, operations
  $ torchbridge inspect weights.pth                      what a file of weights holds
  $ torchbridge doctor                                   what is installed, and what is missing`;

/**
 * The command line.
 *
 * Nothing here loads libtorch: help, wrong options and `doctor` answer at once, and also where libtorch is missing.
 * The commands import their work when they begin it.
 * @param args without the interpreter and the script.
 * @returns the exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  const { stdout, stderr } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that has gone away (`| head`) is no failure to report; and what must end in order listens for itself.
    if (error.code === 'EPIPE' || stdout.listenerCount('error') > 1) return;
    stderr.write(`torchbridge: cannot write the output: ${errorLine(error)}\n`);
    process.exit(FAILURE);
  });
  // There is nowhere left to say that this failed.
  stderr.on('error', () => undefined);
  const state = { code: 0 };
  const setCode = (code: number): void => {
    state.code = code;
  };
  try {
    await program(setCode, stdout, stderr).parseAsync(args, { from: 'user' });
    return state.code;
  } catch (error) {
    return report(error, stderr);
  }
}

function program(setCode: (code: number) => void, stdout: Output, stderr: Output): Command {
  const root = new Command('torchbridge')
    .description('DenseNet in Node.js on libtorch, with the numbers of PyTorch.')
    .version(packageVersion(), '-V, --version')
    .addHelpText('after', about)
    .addHelpText('afterAll', '');
  const train = trainCommand().action(async (given) => {
    if (given.recipe === 'list') return void stdout.write(recipeList());
    const options = runOptions(given);
    if (startsRanks(given.nproc, given.device)) {
      setCode(await spawnRanks(given.nproc, stderr));
      return;
    }
    const fast = fastChoice(given);
    if (fast !== undefined) stderr.write(`${fast.line}\n`);
    const { runTrain } = await import('./train-command.js');
    setCode(
      await runTrain(
        options,
        {
          save: given.save ?? 'save',
          resume: given.resume === true,
          overwrite: given.overwrite === true,
          download: given.download === true,
          timeout: given.timeout,
        },
        stdout,
        stderr,
      ),
    );
  });
  const evaluate = evalCommand().action(async (given) => {
    const options = evalOptions(given);
    if (startsRanks(given.nproc, given.device)) {
      setCode(await spawnRanks(given.nproc, stderr));
      return;
    }
    const { runEval } = await import('./eval-command.js');
    setCode(await runEval(options, stdout, stderr));
  });
  const predict = predictCommand().action(async (images, given) => {
    const options = predictOptions(images, given);
    const { runPredict } = await import('./predict-command.js');
    setCode(await runPredict(options, stdout, stderr));
  });
  const measure = memoryCommand().action(async (model, given) => {
    const options = memoryOptions(model, given);
    const { runMemory } = await import('./memory-command.js');
    setCode(await runMemory(options, stdout, stderr));
  });
  const inspection = inspectCommand().action(async (file, given) => {
    const { runInspect } = await import('./inspect.js');
    setCode(runInspect(file, { json: given.json === true }, stdout));
  });
  const conversion = convertCommand().action(async (input, output, given) => {
    const { runConvert } = await import('./convert.js');
    const stripPrefix = given.stripPrefix === true ? 'module.' : given.stripPrefix;
    setCode(runConvert(input, output, { to: given.to, stripPrefix, force: given.force }, stdout, stderr));
  });
  const heatmap = heatmapCommand().action(async (weights, given) => {
    const options = heatmapOptions(weights, given);
    const { runHeatmap } = await import('./heatmap-command.js');
    setCode(await runHeatmap(options, stdout, stderr));
  });
  const summary = summaryCommand().action(async (model, given) => {
    const options = summaryOptions(model, given);
    const { runSummary } = await import('./look-command.js');
    setCode(await runSummary(options, stdout));
  });
  const stat = statCommand().action(async (model, given) => {
    const options = statOptions(model, given);
    const { runStat } = await import('./look-command.js');
    setCode(await runStat(options, stdout));
  });
  const graph = graphCommand().action(async (model, given) => {
    const options = graphOptions(model, given);
    const { runGraph } = await import('./look-command.js');
    setCode(await runGraph(options, stdout));
  });
  const doctor = doctorCommand().action(async (given) => {
    const { runDoctor } = await import('./doctor.js');
    setCode(await runDoctor({ json: given.json === true }, stdout));
  });
  const fetchLibtorch = new Command('fetch-libtorch')
    .summary('fetch libtorch, for the CPU or with CUDA and its libraries')
    .option('--cuda', "the CUDA build and NVIDIA's libraries (2.7 GB); the set-up takes it from then on")
    .option('--cpu', 'the CPU build; the set-up takes it from then on')
    .addHelpText('after', '\nPrints the folder. `torchbridge setup` then builds the addon for it.')
    .action(async ({ cuda, cpu }) => {
      if (cuda === true && cpu === true) throw new UsageError('Expected one of --cuda and --cpu but received both');
      const { runFetchLibtorch } = await import('./fetch-libtorch.js');
      setCode(await runFetchLibtorch(cuda === true ? 'cuda' : cpu === true ? 'cpu' : undefined));
    });
  const setup = new Command('setup').summary('fetch libtorch and build the addon, if need be').action(async () => {
    const { runSetup } = await import('./setup.js');
    setCode(await runSetup());
  });
  for (const command of [train, evaluate, predict, measure, summary, stat, graph, heatmap, inspection, conversion])
    root.addCommand(command);
  for (const command of [doctor, fetchLibtorch, setup]) root.addCommand(command);
  for (const command of [root, ...root.commands]) {
    command.exitOverride();
    // Commander would print the message and the exception would carry it as well: it is printed once, by report().
    command.configureOutput({ outputError: () => undefined });
  }
  return root;
}

/** Prints a failure as one line. @returns its exit code. */
function report(error: unknown, stderr: Output): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  // Without a command commander has printed the help already.
  if (error instanceof CommanderError && error.code === 'commander.help') return USAGE;
  const usage = error instanceof UsageError || error instanceof CommanderError;
  stderr.write(`torchbridge: ${errorLine(error).replace(/^error: /, '')}\n`);
  if (wantsStack() && error instanceof Error && !(error instanceof CommanderError))
    stderr.write(`${error.stack ?? ''}\n`);
  return usage ? USAGE : FAILURE;
}

function wantsStack(): boolean {
  const { DEBUG, TORCHBRIDGE_DEBUG } = process.env;
  return (TORCHBRIDGE_DEBUG ?? '') !== '' || /(^|[,\s])(\*|torchbridge)/.test(DEBUG ?? '');
}
