import { grad } from '../autograd.js';
import { ops } from '../functions.js';
import { TorchError } from '../errors.js';
import { enableGrad, isGradEnabled, noGrad } from '../grad-mode.js';
import { scope } from '../scope.js';
import { Tensor } from '../tensor.js';
import { independent, type Kind, missing, type Stage } from './functional-texts.js';
import { typeName } from './type-name.js';

/** One tensor, or several. Results have the form of what they belong to. */
export type Tensors = Tensor | readonly Tensor[];
/** One item, or one for each of several tensors. */
export type Form<T extends Tensors, Item> = T extends readonly Tensor[] ? Item[] : Item;
/** A function of tensors. */
export type Func<Output extends Tensors> = (...inputs: Tensor[]) => Output;

export interface FunctionalOptions {
  /** Records the computation, so that results can be differentiated. */
  createGraph?: boolean | undefined;
  /** An error, instead of zeros, where an output does not depend on an input. */
  strict?: boolean | undefined;
}

export interface JacobianOptions extends FunctionalOptions {
  /** Refused when true: there is no vmap. */
  vectorize?: boolean | undefined;
}

function fail(message: string): never {
  throw new TorchError('runtime', message);
}

interface Listed {
  several: boolean;
  list: readonly Tensor[];
}

function listed(value: unknown, what: string, fn: string): Listed {
  const several = Array.isArray(value);
  const list: readonly unknown[] = several ? (value as unknown[]) : [value];
  for (const [index, each] of list.entries()) {
    if (each instanceof Tensor) continue;
    const place = several ? `value at index ${index}` : `given ${what}`;
    const text = `The ${what} given to ${fn} must be either a Tensor or a tuple of Tensors but the ${place}`;
    throw new TorchError('type', `${text} has type ${typeName(each)}.`);
  }
  return { several, list: list as readonly Tensor[] };
}

const unlist = <T>(list: readonly T[], several: boolean): T | T[] => (several ? [...list] : (list[0] as T));
const size = (tensor: Tensor): string => `torch.Size([${tensor.shape.join(', ')}])`;

/** New objects each, so that an input given twice, or captured by the function as well, counts once. */
function prepare(inputs: readonly Tensor[], createGraph: boolean, needGraph: boolean): Tensor[] {
  return inputs.map((each) =>
    createGraph && each.requiresGrad ? each.viewAs(each) : each.detach().requiresGrad_(needGraph),
  );
}

const finish = (tensors: readonly Tensor[], createGraph: boolean): Tensor[] =>
  tensors.map((each) => (createGraph ? each : each.detach()));

function checkVector(v: readonly Tensor[], other: readonly Tensor[], several: boolean): void {
  if (other.length !== v.length) {
    if (several) fail(`v is a tuple of invalid length: should be ${other.length} but got ${v.length}.`);
    fail('The given v should contain a single Tensor.');
  }
  for (const [index, each] of v.entries()) {
    const wanted = other[index]!;
    if (size(each) === size(wanted)) continue;
    const prefix = several ? `Entry ${index} in ` : '';
    fail(`${prefix}v has invalid size: should be ${size(wanted)} but got ${size(each)}.`);
  }
}

function checkRequiresGrad(tensors: readonly (Tensor | null)[], kind: Kind, strict: boolean): void {
  if (!strict) return;
  for (const [index, each] of tensors.entries()) {
    if (each === null) {
      fail(
        `The output of the user-provided function is independent of input ${index}. This is not allowed in strict mode.`,
      );
    }
    if (!each.requiresGrad) fail(independent[kind](index));
  }
}

/** grad that takes outputs without a history, and null for an output. */
function gradients(
  outputs: readonly (Tensor | null)[],
  inputs: readonly Tensor[],
  gradOutputs: readonly (Tensor | null)[] | undefined,
  options: { createGraph?: boolean; retainGraph?: boolean },
): (Tensor | null)[] {
  const from: Tensor[] = [];
  const given: (Tensor | null)[] = [];
  for (const [index, output] of outputs.entries()) {
    if (output?.requiresGrad !== true) continue;
    from.push(output);
    given.push(gradOutputs?.[index] ?? null);
  }
  if (from.length === 0) return inputs.map(() => null);
  return grad(from, inputs, { ...options, gradOutputs: given, allowUnused: true });
}

function fillZeros(
  found: readonly (Tensor | null)[],
  like: readonly Tensor[],
  options: { strict: boolean; createGraph: boolean },
  stage: Stage,
): Tensor[] {
  const { strict, createGraph } = options;
  return found.map((each, index) => {
    if (each === null) {
      if (strict) fail(missing[stage](index));
      return ops.zerosLike(like[index]!);
    }
    if (strict && createGraph && !each.requiresGrad) {
      const what = stage.startsWith('double') ? 'hessian' : 'jacobian';
      fail(
        `The ${what} of the user-provided function is independent of input ${index}. This is not allowed in strict mode when create_graph=True.`,
      );
    }
    return each;
  });
}

const settled = (options: FunctionalOptions): { createGraph: boolean; strict: boolean } => ({
  createGraph: options.createGraph ?? false,
  strict: options.strict ?? false,
});

/** As the caller has it, or on when the result is to be differentiated. */
const recording = <T>(createGraph: boolean, fn: () => T): T =>
  createGraph || isGradEnabled() ? enableGrad(fn) : noGrad(fn);

const zerosThatRequireGrad = (like: readonly Tensor[]): Tensor[] =>
  like.map((each) => ops.zerosLike(each).requiresGrad_());

/** The vector behind `v`, or null: allowed where there is one element. */
function vectorFor(
  v: Tensors | undefined,
  of: Listed,
  fn: string,
  createGraph: boolean,
  whenNone: string,
): Tensor[] | undefined {
  if (v !== undefined) {
    const vector = prepare(listed(v, 'v', fn).list, createGraph, false);
    checkVector(vector, of.list, of.several);
    return vector;
  }
  if (of.list.length !== 1 || of.list[0]!.numel() !== 1) fail(whenNone);
  return undefined;
}

const outputsText = 'outputs of the user-provided function';

/**
 * The product of a vector with the Jacobian of `func` at `inputs`.
 * @param v as the outputs of `func`; may be left out for one output of one element
 * @returns the outputs of `func`, and the product, as the inputs.
 * @see torch.autograd.functional.vjp
 */
export function vjp<Output extends Tensors, Input extends Tensors>(
  func: Func<Output>,
  inputs: Input,
  v?: Tensors,
  options: FunctionalOptions = {},
): [Form<Output, Tensor>, Form<Input, Tensor>] {
  const { createGraph, strict } = settled(options);
  return scope(() => {
    const [from, at, outputs, vector] = enableGrad(() => {
      const from = listed(inputs, 'inputs', 'vjp');
      const at = prepare(from.list, createGraph, true);
      const outputs = listed(func(...at), outputsText, 'vjp');
      checkRequiresGrad(outputs.list, 'outputs', strict);
      const none =
        'The vector v can only be None if the user-provided function returns a single Tensor with a single element.';
      return [from, at, outputs, vectorFor(v, outputs, 'vjp', createGraph, none)] as const;
    });
    const product = recording(createGraph, () =>
      fillZeros(gradients(outputs.list, at, vector, { createGraph }), at, { strict, createGraph }, 'back'),
    );
    return [
      unlist(finish(outputs.list, createGraph), outputs.several),
      unlist(finish(product, createGraph), from.several),
    ] as [Form<Output, Tensor>, Form<Input, Tensor>];
  });
}

/**
 * The product of the Jacobian of `func` at `inputs` with a vector, by the double backward trick.
 * @param v as the inputs; may be left out for one input of one element
 * @returns the outputs of `func`, and the product, as the outputs.
 * @see torch.autograd.functional.jvp
 */
export function jvp<Output extends Tensors>(
  func: Func<Output>,
  inputs: Tensors,
  v?: Tensors,
  options: FunctionalOptions = {},
): [Form<Output, Tensor>, Form<Output, Tensor>] {
  const { createGraph, strict } = settled(options);
  return scope(() => {
    const [outputs, vector, dual, inner] = enableGrad(() => {
      const from = listed(inputs, 'inputs', 'jvp');
      const at = prepare(from.list, createGraph, true);
      const none =
        'The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.';
      const vector = vectorFor(v, { several: from.several, list: at }, 'jvp', createGraph, none);
      const outputs = listed(func(...at), outputsText, 'jvp');
      checkRequiresGrad(outputs.list, 'outputs', strict);
      const dual = zerosThatRequireGrad(outputs.list);
      const inner = gradients(outputs.list, at, dual, { createGraph: true });
      checkRequiresGrad(inner, 'gradInputs', strict);
      return [outputs, vector, dual, inner] as const;
    });
    const product = recording(createGraph, () =>
      fillZeros(gradients(inner, dual, vector, { createGraph }), outputs.list, { strict, createGraph }, 'backTrick'),
    );
    return [
      unlist(finish(outputs.list, createGraph), outputs.several),
      unlist(finish(product, createGraph), outputs.several),
    ] as [Form<Output, Tensor>, Form<Output, Tensor>];
  });
}

/**
 * The Jacobian of `func` at `inputs`, an output element a backward.
 * @returns for an output of shape `[…O]` and an input of shape `[…I]` a tensor `[…O, …I]`; an array an output and an array an
 * input where there are several.
 * @see torch.autograd.functional.jacobian
 */
export function jacobian<Output extends Tensors, Input extends Tensors>(
  func: Func<Output>,
  inputs: Input,
  options: JacobianOptions = {},
): Form<Output, Form<Input, Tensor>> {
  const { createGraph, strict } = settled(options);
  refuseVectorize(options);
  return scope(() =>
    enableGrad(() => {
      const from = listed(inputs, 'inputs', 'jacobian');
      const at = prepare(from.list, createGraph, true);
      const outputs = listed(func(...at), outputsText, 'jacobian');
      checkRequiresGrad(outputs.list, 'outputs', strict);
      const rows = outputs.list.map((output, i) => {
        const parts = at.map((): Tensor[] => []);
        const count = output.numel();
        for (let j = 0; j < count; ++j) {
          const element = output.reshape([-1]).select(0, j);
          const found = gradients([element], at, undefined, { retainGraph: true, createGraph });
          for (const [k, each] of found.entries()) {
            if (each !== null && strict && createGraph && !each.requiresGrad) {
              fail(
                `The jacobian of the user-provided function is independent of input ${i}. This is not allowed in strict mode when create_graph=True.`,
              );
            }
            if (each === null && strict) {
              fail(
                `Output ${i} of the user-provided function is independent of input ${k}. This is not allowed in strict mode.`,
              );
            }
            parts[k]!.push(each ?? ops.zerosLike(at[k]!));
          }
        }
        const whole = parts.map((part, k) => ops.stack(part, 0).view([...output.shape, ...at[k]!.shape]));
        return unlist(finish(whole, createGraph), from.several);
      });
      return unlist(rows, outputs.several) as Form<Output, Form<Input, Tensor>>;
    }),
  );
}

function refuseVectorize(options: JacobianOptions): void {
  if (options.vectorize !== true) return;
  throw new TorchError('notImplemented', 'Expected vectorize to be false: it needs vmap, which is not there');
}

/** One output of one element, for the functions of second derivatives. */
function single(value: unknown, fn: string, strict: boolean): Tensor {
  const outputs = listed(value, outputsText, fn);
  checkRequiresGrad(outputs.list, 'outputs', strict);
  if (outputs.several) fail(`The function given to ${fn} should return a single Tensor`);
  const output = outputs.list[0]!;
  if (output.numel() !== 1) {
    fail(`The Tensor returned by the function given to ${fn} should contain a single element`);
  }
  return output;
}

/**
 * The matrix of second derivatives of a `func` with one output of one element.
 * @returns `[…I, …I]`; for several inputs an array of arrays.
 * @see torch.autograd.functional.hessian
 */
export function hessian<Input extends Tensors>(
  func: Func<Tensor>,
  inputs: Input,
  options: JacobianOptions = {},
): Form<Input, Form<Input, Tensor>> {
  const { createGraph, strict } = settled(options);
  refuseVectorize(options);
  const from = listed(inputs, 'inputs', 'hessian');
  const first = (...at: Tensor[]): Tensor[] => {
    const found = jacobian((...x: Tensor[]) => single(func(...x), 'hessian', strict).squeeze(), at, {
      createGraph: true,
    });
    checkRequiresGrad(found, 'jacobian', strict);
    return found;
  };
  return scope(() => {
    const rows = jacobian(first, from.list, { createGraph, strict });
    return unlist(
      rows.map((row) => unlist(row, from.several)),
      from.several,
    ) as Form<Input, Form<Input, Tensor>>;
  });
}

const oneElement =
  'The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.';

/**
 * The product of a vector with the Hessian of `func` at `inputs`.
 * @returns the output of `func`, and the product, as the inputs.
 * @see torch.autograd.functional.vhp
 */
export function vhp<Input extends Tensors>(
  func: Func<Tensor>,
  inputs: Input,
  v?: Tensors,
  options: FunctionalOptions = {},
): [Tensor, Form<Input, Tensor>] {
  return second('vhp', func, inputs, v, options);
}

/**
 * The product of the Hessian of `func` at `inputs` with a vector, by the double backward trick; {@link vhp} is cheaper and, the
 * Hessian being symmetric, the same.
 * @returns the output of `func`, and the product, as the inputs.
 * @see torch.autograd.functional.hvp
 */
export function hvp<Input extends Tensors>(
  func: Func<Tensor>,
  inputs: Input,
  v?: Tensors,
  options: FunctionalOptions = {},
): [Tensor, Form<Input, Tensor>] {
  return second('hvp', func, inputs, v, options);
}

function second<Input extends Tensors>(
  fn: 'vhp' | 'hvp',
  func: Func<Tensor>,
  inputs: Input,
  v: Tensors | undefined,
  options: FunctionalOptions,
): [Tensor, Form<Input, Tensor>] {
  const { createGraph, strict } = settled(options);
  return scope(() => {
    const [from, at, vector, output, first, dual] = enableGrad(() => {
      const from = listed(inputs, 'inputs', fn);
      const at = prepare(from.list, createGraph, true);
      const vector = vectorFor(v, { several: from.several, list: at }, fn, createGraph, oneElement);
      const output = single(func(...at), fn, strict);
      const first = gradients([output], at, undefined, { createGraph: true });
      checkRequiresGrad(first, 'jacobian', strict);
      if (fn === 'vhp') return [from, at, vector, output, first, at] as const;
      const dual = zerosThatRequireGrad(at);
      const twice = gradients(first, at, dual, { createGraph: true });
      checkRequiresGrad(first, 'hessian', strict);
      return [from, at, vector, output, twice, dual] as const;
    });
    const stage = fn === 'vhp' ? 'doubleBack' : 'doubleBackTrick';
    const product = recording(createGraph, () =>
      fillZeros(gradients(first, dual, vector, { createGraph }), at, { strict, createGraph }, stage),
    );
    return [finish([output], createGraph)[0], unlist(finish(product, createGraph), from.several)] as [
      Tensor,
      Form<Input, Tensor>,
    ];
  });
}
