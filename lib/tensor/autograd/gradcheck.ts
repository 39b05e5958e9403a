import { grad } from '../autograd.js';
import { rand } from '../creation.js';
import { isComplex, isFloatingPoint } from '../dtype.js';
import { TorchError } from '../errors.js';
import { ops } from '../functions.js';
import { scope } from '../scope.js';
import { Tensor } from '../tensor.js';
import { customFunction } from './custom-function.js';
import {
  analyticalJacobians,
  type Checked,
  forwardJacobians,
  GradcheckError,
  listOf,
  needsGradient,
  numericalJacobians,
  type Outputs,
} from './jacobians.js';

export interface GradcheckOptions {
  /** The step of the differences; default 1e-6. */
  eps?: number | undefined;
  /** Default 1e-5. */
  atol?: number | undefined;
  /** Default 1e-3. */
  rtol?: number | undefined;
  /** Whether a wrong gradient is an error, not just the result false; default true. */
  raiseException?: boolean | undefined;
  /** How far two runs of the same backward may differ; default 0. */
  nondetTol?: number | undefined;
  /** Whether backward must cope with outputs that no gradient reaches; default true. */
  checkUndefinedGrad?: boolean | undefined;
  /** Whether gradients must have the dtype of their inputs; default false. */
  checkGradDtypes?: boolean | undefined;
  /** Checks forward mode too; default false. */
  checkForwardAd?: boolean | undefined;
  /** Default true. */
  checkBackwardAd?: boolean | undefined;
}

export interface GradgradcheckOptions extends Omit<GradcheckOptions, 'checkForwardAd' | 'checkBackwardAd'> {
  /** One gradient an output, each requiring gradients; random ones by default. */
  gradOutputs?: Tensor | readonly Tensor[] | undefined;
}

type Settled = { [K in keyof GradcheckOptions]-?: NonNullable<GradcheckOptions[K]> };

const settle = (options: GradcheckOptions): Settled => ({
  eps: options.eps ?? 1e-6,
  atol: options.atol ?? 1e-5,
  rtol: options.rtol ?? 1e-3,
  raiseException: options.raiseException ?? true,
  nondetTol: options.nondetTol ?? 0,
  checkUndefinedGrad: options.checkUndefinedGrad ?? true,
  checkGradDtypes: options.checkGradDtypes ?? false,
  checkForwardAd: options.checkForwardAd ?? false,
  checkBackwardAd: options.checkBackwardAd ?? true,
});

/** A node that lets no gradient through. */
const undefinedGrad = customFunction({
  name: 'UndefinedGrad',
  forward: (_ctx, x: Tensor) => x.viewAs(x),
  backward: () => null,
});

function checkInputs(inputs: readonly unknown[]): void {
  for (const [index, input] of inputs.entries()) {
    if (!(input instanceof Tensor) || !input.requiresGrad) continue;
    if (input.layout !== 'strided') {
      throw new TorchError('notImplemented', `Expected dense tensors for gradcheck but received ${input.layout}`);
    }
    if (input.dtype !== 'float64' && input.dtype !== 'complex128') {
      process.emitWarning(
        `Input #${index} requires gradient and is not a double precision floating point or complex. This check will likely fail if all the inputs are not of double precision floating point or complex. `,
        'TorchbridgeWarning',
      );
    }
    const stride = input.stride();
    if (input.shape.some((size, dim) => size > 1 && (stride[dim] ?? 0) === 0)) {
      throw new TorchError(
        'runtime',
        `The ${index}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able to compute the numerical gradients correctly. You should call .contiguous on the input before passing it to gradcheck.`,
      );
    }
  }
  if (needsGradient(inputs).length === 0) {
    throw new TorchError(
      'value',
      'gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True.',
    );
  }
}

const recorded = (outputs: readonly Tensor[]): Tensor[] => outputs.filter((each) => each.requiresGrad);

interface Part {
  /** Which outputs are complex, when one half of them is being looked at. */
  complex?: ReadonlySet<number>;
  imaginary?: boolean;
  forward?: boolean;
}

function mismatch(analytical: Tensor, numerical: Tensor, output: number, input: number, part: Part): GradcheckError {
  const prefix =
    part.complex?.has(output) === true
      ? `While considering the ${part.imaginary === true ? 'imaginary' : 'real'} part of complex outputs only, `
      : '';
  const mode = part.forward === true ? 'computed with forward mode ' : '';
  return new GradcheckError(
    `${prefix}Jacobian ${mode}mismatch for output ${output} with respect to input ${input},\nnumerical:${numerical.toString()}\nanalytical:${analytical.toString()}\n`,
  );
}

function allclose(a: Tensor, b: Tensor, options: Settled): boolean {
  const dtype = a.add(b).dtype; // what both are promoted to
  return ops.allclose(a.to({ dtype }), b.to({ dtype }), { rtol: options.rtol, atol: options.atol });
}

/** Compares the Jacobians of one (real) function with differences. */
function compare(fn: Outputs, inputs: readonly unknown[], options: Settled, part: Part): void {
  const all = fn(...inputs);
  const outputs = recorded(all);
  const differences = numericalJacobians(fn, inputs, all, options.eps, part.forward === true);
  if (outputs.length === 0) {
    const wrong = differences.flat().some((each) => each.ne(0).sum().item() > 0);
    if (wrong) throw new GradcheckError('Numerical gradient for function expected to be zero');
    return;
  }
  const numerical = differences.filter((_, i) => all[i]?.requiresGrad === true);
  const forward = part.forward === true ? forwardJacobians(fn, inputs, all) : undefined;
  for (const [i, output] of outputs.entries()) {
    const analytical = forward?.[i] ?? analyticalJacobians(needsGradient(inputs), output, options);
    for (const [j, each] of analytical.entries()) {
      const expected = numerical[i]![j]!;
      if (!allclose(each, expected, options)) throw mismatch(each, expected, i, j, part);
    }
  }
}

function checkMultiplied(outputs: readonly Tensor[], inputs: readonly Tensor[]): void {
  const zeros = outputs.map((each) => ops.zerosLike(each, { memoryFormat: 'contiguous_format' }));
  const found = grad(outputs, inputs, { gradOutputs: zeros, allowUnused: true, retainGraph: true });
  for (const [index, each] of found.entries()) {
    if (each === null) continue;
    const input = inputs[index]!;
    if (each.eq(0).all().item() === 0) throw new GradcheckError('backward not multiplied by grad_output');
    if (each.dtype !== input.dtype) throw new GradcheckError('grad is incorrect type');
    if (each.device !== input.device) throw new GradcheckError('grad is incorrect device');
    if (each.shape.join() !== input.shape.join()) throw new GradcheckError('grad is incorrect size');
  }
}

function checkUndefined(fn: Outputs, inputs: readonly unknown[]): void {
  const wanted = needsGradient(inputs);
  const check = (outputs: readonly Tensor[]): void => {
    const zeros = outputs.map((each) => ops.zerosLike(each, { memoryFormat: 'contiguous_format' }));
    let found: (Tensor | null)[];
    try {
      found = grad(outputs, wanted, { gradOutputs: zeros, allowUnused: true });
    } catch (cause) {
      const error = new GradcheckError(
        'Expected backward function to handle undefined output grads. Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"',
      );
      error.cause = cause;
      throw error;
    }
    if (found.some((each) => each !== null && each.eq(0).all().item() === 0)) {
      throw new GradcheckError(
        'Expected all input grads to be undefined or zero when all output grads are undefined or zero. Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"',
      );
    }
  };
  const outputs = recorded(fn(...inputs)).map((each) => undefinedGrad(each));
  check(outputs);
  if (outputs.length < 2) return;
  for (let i = 0; i < outputs.length; ++i) {
    check(recorded(fn(...inputs)).map((each, k) => (k === i ? undefinedGrad(each) : each)));
  }
}

function run(fn: Outputs, inputs: readonly unknown[], options: Settled): true {
  checkInputs(inputs);
  const all = fn(...inputs);
  const outputs = recorded(all);
  if (options.checkBackwardAd) {
    const complex = new Set(outputs.flatMap((each, index) => (isComplex(each.dtype) ? [index] : [])));
    if (all.some((each) => isComplex(each.dtype))) {
      const half =
        (take: (z: Tensor) => Tensor): Outputs =>
        (...given) =>
          fn(...given).map((each) => (isComplex(each.dtype) ? take(each) : each));
      compare(
        half((z) => ops.imag(z)),
        inputs,
        options,
        { complex, imaginary: true },
      );
      compare(
        half((z) => ops.real(z)),
        inputs,
        options,
        { complex },
      );
    } else {
      compare(fn, inputs, options, {});
    }
  }
  if (options.checkForwardAd) compare(fn, inputs, options, { forward: true });
  if (!options.checkBackwardAd) return true;
  if (outputs.length > 0) {
    checkMultiplied(outputs, needsGradient(inputs));
    if (options.checkUndefinedGrad) checkUndefined(fn, inputs);
  }
  return true;
}

/**
 * Compares the derivatives of a function with finite differences, element by element.
 * ```ts
 * autograd.gradcheck((x: Tensor) => x.sin(), randn([3], { dtype: 'float64', requiresGrad: true }));
 * ```
 * @param inputs its arguments; the tensors that require gradients are checked, and should be float64 or complex128.
 * @returns true; false only with `raiseException: false`.
 * @throws GradcheckError that shows both Jacobians; TorchError `value` when no input requires gradients.
 * @see torch.autograd.gradcheck
 */
export function gradcheck<Args extends readonly unknown[]>(
  func: (...inputs: Args) => Tensor | readonly Tensor[],
  inputs: Args | Tensor,
  options: GradcheckOptions = {},
): boolean {
  const settled = settle(options);
  if (!settled.checkForwardAd && !settled.checkBackwardAd) {
    throw new TorchError('value', 'Expected at least one of check_forward_ad or check_backward_ad to be True');
  }
  const fn: Outputs = (...given) => listOf((func as Checked)(...(given as never[])));
  return scope(() => {
    try {
      return run(fn, inputs instanceof Tensor ? [inputs] : inputs, settled);
    } catch (error) {
      if (error instanceof GradcheckError && !settled.raiseException) return false;
      throw error;
    }
  });
}

/**
 * Compares second derivatives with finite differences of the first.
 * @see torch.autograd.gradgradcheck
 */
export function gradgradcheck<Args extends readonly unknown[]>(
  func: (...inputs: Args) => Tensor | readonly Tensor[],
  inputs: Args | Tensor,
  options: GradgradcheckOptions = {},
): boolean {
  return scope(() => {
    const given: readonly unknown[] = inputs instanceof Tensor ? [inputs] : inputs;
    const fn: Outputs = (...args) => recorded(listOf((func as Checked)(...(args as never[]))));
    const directions =
      options.gradOutputs === undefined ? fn(...given).map((each) => randomLike(each)) : listOf(options.gradOutputs);
    const wanted = given.map((each) => each instanceof Tensor && each.requiresGrad);
    const first = (...args: readonly unknown[]): Tensor[] => {
      const at = args.slice(0, given.length);
      const outputs = fn(...at);
      const targets = at.filter((_, index) => wanted[index] === true) as Tensor[];
      const found = grad(outputs, targets, {
        gradOutputs: args.slice(given.length) as Tensor[],
        createGraph: true,
        allowUnused: true,
      });
      return found.filter((each) => each !== null);
    };
    const { gradOutputs: _, ...rest } = options;
    return gradcheck(first, [...given, ...directions], rest);
  });
}

/** Numbers from −1 to 1 of the form of an output. */
function randomLike(output: Tensor): Tensor {
  const dtype = isFloatingPoint(output.dtype) || isComplex(output.dtype) ? output.dtype : 'float64';
  const real = rand(output.shape, { dtype, device: output.device });
  return real.mul(2).sub(1).detach().requiresGrad_();
}
