import { pyNumber, Tensor, TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';

/** Options that all optimizers with state have. */
export interface CommonOptions {
  /** Learning rate, or a tensor of one element that may be changed between steps. */
  lr?: number | Tensor;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Treat all tensors of a kind in one operator; null, the default, decides by device. */
  foreach?: boolean | null;
  /** For steps within CUDA graphs; only false. Elsewhere it makes no sense: a step refuses it in PyTorch's words. */
  capturable?: boolean;
  /** Not supported; only false. */
  differentiable?: boolean;
}

/**
 * Options with the defaults for those that were left out, in the order of PyTorch's state dict.
 * @throws TorchError `type` for a bag of another kind, an unknown name, or text where a number belongs.
 */
export function withDefaults<Options extends object>(
  what: string,
  given: Options,
  defaults: Required<Options>,
): Required<Options> {
  const names = Object.fromEntries(Object.keys(defaults).map((name) => [name, false]));
  checkOptionBag(what, given, names as unknown as OptionNames<Options>);
  const bag = given as Record<string, unknown>;
  const all = Object.entries(defaults).map(([name, value]) => [name, bag[name] ?? value]);
  const options = Object.fromEntries(all) as Required<Options>;
  checkGroup(what, options, defaults);
  return options;
}

/**
 * Checks that options are of the kind of the defaults: a group may come from a file.
 * @throws TorchError `type` naming the first one that is not.
 */
export function checkGroup(what: string, group: object, defaults: object): void {
  for (const [name, meant] of Object.entries(defaults) as [string, unknown][]) {
    const value = (group as Record<string, unknown>)[name];
    const expected = name === 'lr' ? 'a number' : kindOf(meant);
    if (expected === '' || kindOf(value) === expected || (name === 'lr' && value instanceof Tensor)) continue;
    throw new TorchError('type', `${what}: expected ${name} to be ${expected}, but got ${describe(value)}`);
  }
}

function kindOf(value: unknown): string {
  if (typeof value === 'number') return 'a number';
  const pair = Array.isArray(value) && value.length === 2 && value.every((item) => typeof item === 'number');
  return pair ? 'two numbers' : '';
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'another array' : typeof value;
}

/** @throws TorchError `value` in PyTorch's words for a learning rate below zero or of several elements. */
export function checkRate(lr: number | Tensor): void {
  if (lr instanceof Tensor && lr.numel() !== 1) refuse('Tensor lr must be 1-element');
  checkLeast0('learning rate', lr instanceof Tensor ? lr.item() : lr);
}

/** @throws TorchError `value` in PyTorch's words for a value below zero. */
export function checkLeast0(name: string, value: number): void {
  if (!(value >= 0)) refuse(`Invalid ${name}: ${pyNumber(value)}`);
}

/** @throws TorchError `value` in PyTorch's words for averages that would never move, or grow. */
export function checkBetas(betas: readonly number[]): void {
  betas.forEach((beta, index) => {
    if (!(beta >= 0 && beta < 1)) refuse(`Invalid beta parameter at index ${index}: ${pyNumber(beta)}`);
  });
}

/** @throws TorchError `value`. */
export function refuse(message: string): never {
  throw new TorchError('value', message);
}
