import {
  defaultGenerator,
  Generator,
  noGrad,
  ops,
  scope,
  Tensor,
  TorchError,
  type Device,
  type DType,
} from '../../tensor/index.js';
import { watchCalls } from '../call-watcher.js';
import type { Module } from '../module.js';

/** Sizes of an input, its batch among them; a list of such for a network that takes several inputs. */
export type InputSize = readonly number[] | readonly (readonly number[])[];

/** What a network is given to look at it: sizes for which random numbers are drawn, or tensors. */
export interface ExamineInput {
  /** Sizes with the batch, such as `[1, 3, 224, 224]`. */
  readonly inputSize?: InputSize | undefined;
  /** The inputs themselves. */
  readonly inputData?: Tensor | readonly Tensor[] | undefined;
  /** Dtypes of the inputs of {@link inputSize}; default that of the network's parameters. */
  readonly dtypes?: readonly DType[] | undefined;
}

/** @throws TorchError `value` for what are no sizes. */
export function sizesOf(given: unknown): readonly (readonly number[])[] {
  const isSizes = (list: unknown): list is readonly number[] =>
    Array.isArray(list) && list.length > 0 && list.every((each) => Number.isSafeInteger(each) && (each as number) > 0);
  if (isSizes(given)) return [given];
  if (Array.isArray(given) && given.length > 0 && given.every(isSizes)) return given;
  throw new TorchError(
    'value',
    `Expected the sizes of an input, such as [1, 3, 224, 224], but received ${printed(given)}`,
  );
}

/** Sizes of one input. @throws TorchError `value` for several, and for what are none. */
export function oneSize(given: unknown): readonly number[] {
  const [size, ...more] = sizesOf(given);
  if (size !== undefined && more.length === 0) return size;
  throw new TorchError('value', `Expected the sizes of one input but received ${printed(given)}`);
}

const printed = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

const deviceOf = (net: Module): Device => net.parameters()[0]?.device ?? net.buffers()[0]?.device ?? 'cpu';

const dtypeOf = (net: Module): DType =>
  net.parameters().find((each) => /^(bfloat|float)/.test(each.dtype))?.dtype ?? 'float32';

/** The inputs, drawn from a generator of their own where only their sizes are given. */
export function inputsFor(net: Module, { inputSize, inputData, dtypes = [] }: ExamineInput): Tensor[] {
  if ((inputSize === undefined) === (inputData === undefined)) {
    const given = inputSize === undefined ? 'neither' : 'both';
    throw new TorchError('value', `Expected inputSize or inputData to look at a network but received ${given}`);
  }
  if (inputData !== undefined) return inputData instanceof Tensor ? [inputData] : [...inputData];
  const device = deviceOf(net);
  const generator = new Generator({ device }).manualSeed(0);
  return sizesOf(inputSize).map((size, index) =>
    ops.rand([...size], { generator, device }).to(dtypes[index] ?? dtypeOf(net)),
  );
}

/** How a network runs while it is looked at. */
export interface ExamineOptions {
  /** Default: each module in the mode it is in. */
  readonly mode?: 'train' | 'eval' | undefined;
  /** Whether autograd records; default false. */
  readonly record?: boolean | undefined;
}

/**
 * Runs something with a network and leaves no trace of it: modes, running statistics, the states of random generators are what they
 * were, and no tensor is left but those that `look` returns.
 */
export function examine<T>(net: Module, { mode, record = false }: ExamineOptions, look: () => T): T {
  return scope(() => {
    const modes = net.modules().map((module) => [module, module.training] as const);
    const generators = [...new Set<Device>(['cpu', deviceOf(net)])].map((device) => defaultGenerator(device));
    const states = generators.map((generator) => generator.getState());
    const learns = mode === 'train' || (mode === undefined && modes.some(([, training]) => training));
    const buffers = learns ? noGrad(() => net.buffers().map((each) => [each, each.clone()] as const)) : [];
    try {
      if (mode !== undefined) net.train(mode === 'train');
      return record ? look() : noGrad(look);
    } finally {
      for (const [module, training] of modes) module.training = training;
      generators.forEach((generator, index) => generator.setState(states[index]!));
      noGrad(() => buffers.forEach(([buffer, saved]) => buffer.copy_(saved)));
    }
  });
}

/**
 * Calls a network.
 * @throws TorchError that says which sizes it was given, and which module could not take what came to it.
 */
export function callWith(net: Module, inputs: readonly Tensor[]): unknown {
  const open: Module[] = [];
  let failed: Module | undefined;
  const watcher = {
    enter: (module: Module) => void open.push(module),
    leave: () => void open.pop(),
    // A module that threw is still there, the innermost comes first.
    end: (module: Module) => {
      if (open.at(-1) !== module) return;
      failed ??= module;
      open.pop();
    },
  };
  try {
    return watchCalls(watcher, () => net.call(...inputs));
  } catch (error) {
    if (!(error instanceof TorchError)) throw error;
    const path = net.namedModules().find(([, module]) => module === failed)?.[0] ?? '';
    const where = path === '' || failed === undefined ? '' : ` in ${path} (${failed.className()})`;
    const given = inputs.map((each) => `[${each.shape.join(', ')}]`).join(', ');
    const reason = error.message.trim().replace(/\s*\n\s*/g, ' ');
    throw new TorchError(
      error.code,
      `${net.className()} cannot take an input of ${given}: it fails${where}: ${reason}`,
    );
  }
}
