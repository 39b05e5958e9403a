import { Option } from '@commander-js/extra-typings';
import { OPTIMIZER_NAMES } from '../train/optimizer-names.js';
import { choice, decimal, pairOf } from './values.js';

const amount = (flag: string) => decimal(flag, 'a number from 0', (value) => value >= 0);

/** The options that choose an optimizer and say how it steps. */
export const optimizerOptions = {
  optimizer: () =>
    new Option('--optimizer <name>', `${OPTIMIZER_NAMES.join(', ')} (default: sgd)`).argParser(
      choice('--optimizer', OPTIMIZER_NAMES),
    ),
  lr: () =>
    new Option('--lr <x>', "learning rate (default: 0.1; of other optimizers PyTorch's)").argParser(amount('--lr')),
  momentum: () =>
    new Option('--momentum <x>', 'momentum of sgd and rmsprop (default: 0.9; of rmsprop 0)').argParser(
      amount('--momentum'),
    ),
  dampening: () =>
    new Option('--dampening <x>', 'dampening of the momentum of sgd (default: 0)').argParser(amount('--dampening')),
  nesterov: () => new Option('--nesterov', 'Nesterov momentum (default of sgd)'),
  noNesterov: () => new Option('--no-nesterov', 'plain momentum'),
  weightDecay: () =>
    new Option('--weight-decay <x>', "L2 penalty (default: 0.0001; of other optimizers PyTorch's)").argParser(
      amount('--weight-decay'),
    ),
  betas: () =>
    new Option('--betas <a,b>', 'how much of the averages lives on, of the adam family (default: 0.9,0.999)').argParser(
      pairOf('--betas', 'two numbers below 1 like 0.9,0.999', (value) => value < 1),
    ),
  eps: () => new Option('--eps <x>', "added to the denominator (default: PyTorch's)").argParser(amount('--eps')),
  amsgrad: () => new Option('--amsgrad', 'adam and adamw by the largest average so far'),
  alpha: () =>
    new Option(
      '--alpha <x>',
      'how much of the average lives on, of rmsprop and asgd (default: 0.99; of asgd 0.75)',
    ).argParser(amount('--alpha')),
  centered: () => new Option('--centered', 'rmsprop by the variance of the gradients'),
  rho: () =>
    new Option('--rho <x>', 'how much of the averages of adadelta lives on (default: 0.9)').argParser(
      decimal('--rho', 'a number from 0 to 1', (value) => value >= 0 && value <= 1),
    ),
  lambd: () => new Option('--lambd <x>', 'decay of asgd (default: 0.0001)').argParser(amount('--lambd')),
  lrDecay: () =>
    new Option('--lr-decay <x>', 'decay of the learning rate of adagrad (default: 0)').argParser(amount('--lr-decay')),
  momentumDecay: () =>
    new Option('--momentum-decay <x>', 'decay of the momentum of nadam (default: 0.004)').argParser(
      amount('--momentum-decay'),
    ),
  etas: () =>
    new Option('--etas <a,b>', 'by what the steps of rprop shrink and grow (default: 0.5,1.2)').argParser(
      pairOf('--etas', 'a number below 1 and one above, like 0.5,1.2,', (value, index) =>
        index === 0 ? value > 0 && value < 1 : value > 1,
      ),
    ),
} as const;
