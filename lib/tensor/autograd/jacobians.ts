import { grad } from '../autograd.js';
import { isComplex, isFloatingPoint } from '../dtype.js';
import { TorchError } from '../errors.js';
import { ops } from '../functions.js';
import { scope } from '../scope.js';
import { Complex, float } from '../tape.js';
import { Tensor } from '../tensor.js';
import { dualLevel, makeDual, unpackDual } from './forward-ad.js';

/** What gradcheck calls: any arguments, one tensor or several. */
export type Checked = (...inputs: never[]) => unknown;
export type Outputs = (...inputs: readonly unknown[]) => Tensor[];

/** A gradient that is wrong. @see torch.autograd.gradcheck.GradcheckError */
export class GradcheckError extends TorchError {
  constructor(message: string) {
    super('runtime', message);
  }
}

export const listOf = (value: unknown): Tensor[] => (Array.isArray(value) ? (value as Tensor[]) : [value as Tensor]);

export const isDifferentiable = (tensor: Tensor): boolean => isFloatingPoint(tensor.dtype) || isComplex(tensor.dtype);

export const needsGradient = (inputs: readonly unknown[]): Tensor[] =>
  inputs.filter((each): each is Tensor => each instanceof Tensor && each.requiresGrad);

const zerosFor = (rows: number, columns: number, like: Tensor): Tensor =>
  like.newZeros([rows, columns], { dtype: like.dtype, device: like.device });

function sameForm(a: Tensor, b: Tensor, index: string, eps: number): void {
  const shapes = [a, b].map((each) => `torch.Size([${each.shape.join(', ')}])`);
  const start = `Expected \`func\` to return outputs with the same`;
  if (shapes[0] !== shapes[1]) {
    throw new TorchError(
      'value',
      `${start} shape when inputs are perturbed on index ${index} by ${eps}, but got: shapes ${shapes[0] ?? ''} and ${shapes[1] ?? ''}.`,
    );
  }
  if (a.dtype !== b.dtype) {
    throw new TorchError(
      'value',
      `${start} dtype when inputs are perturbed on index ${index} by ${eps}, but got: dtypes ${a.dtype} and ${b.dtype}.`,
    );
  }
}

/** The place of an element as Python prints it: `(0, 2)`, `(1,)`. */
function placeOf(flat: number, shape: readonly number[]): string {
  const place: number[] = [];
  let rest = flat;
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `(${place.join(', ')}${place.length === 1 ? ',' : ''})`;
}

/** Central differences of every output by one element of an input, by a step that may be imaginary. */
function difference(fn: () => Tensor[], element: Tensor, step: number | Complex, eps: number, place: string): Tensor[] {
  const before = element.clone();
  element.copy_(before.sub(step));
  const low = fn().map((each) => each.clone());
  element.copy_(before.add(step));
  const high = fn().map((each) => each.clone());
  element.copy_(before);
  return low.map((a, i) => {
    sameForm(a, high[i]!, place, eps);
    return high[i]!.sub(a)
      .div(float(2 * eps))
      .detach()
      .reshape([-1]);
  });
}

/**
 * Jacobians by central differences: `[output][input]`, each `[elements of the input, elements of the output]`.
 */
export function numericalJacobians(
  fn: Outputs,
  inputs: readonly unknown[],
  outputs: readonly Tensor[],
  eps: number,
  forward: boolean,
): Tensor[][] {
  if (!forward && outputs.some((each) => isComplex(each.dtype))) {
    throw new TorchError(
      'value',
      'Expected output to be non-complex. get_numerical_jacobian no longer supports functions that return complex outputs.',
    );
  }
  const perInput = needsGradient(inputs).map((input) => {
    const shown = outputs.filter(isDifferentiable);
    const jacobians = shown.map((output) =>
      zerosFor(input.numel(), output.numel(), isComplex(input.dtype) ? output.to({ dtype: input.dtype }) : output),
    );
    const flat = input.data.view([-1]);
    for (let i = 0; i < input.numel(); ++i) {
      scope(() => {
        const place = placeOf(i, input.shape);
        const element = flat.select(0, i);
        const call = (): Tensor[] => fn(...inputs);
        let columns = difference(call, element, eps, eps, place);
        if (isComplex(input.dtype)) {
          const imaginary = difference(call, element, new Complex(0, eps), eps, place);
          columns = columns.map((real, k) => real.add(imaginary[k]!.mul(new Complex(0, 1))));
        }
        const kept = columns.filter((_, k) => isDifferentiable(outputs[k]!));
        for (const [k, column] of kept.entries()) jacobians[k]!.select(0, i).copy_(column);
      });
    }
    return jacobians;
  });
  return outputs.filter(isDifferentiable).map((_, o) => perInput.map((jacobians) => jacobians[o]!));
}

/** One pass over the elements of an output: Jacobians by backward, an input each. */
function backwardPass(
  inputs: readonly Tensor[],
  output: Tensor,
): { jacobians: Tensor[]; types: boolean; sizes: boolean } {
  const jacobians = inputs.map((input) => zerosFor(input.numel(), output.numel(), input));
  const base = ops.zerosLike(output, { memoryFormat: 'contiguous_format' });
  const flat = base.view([-1]);
  let [types, sizes] = [true, true];
  for (let j = 0; j < output.numel(); ++j) {
    scope(() => {
      flat.zero_();
      flat.select(0, j).fill_(1);
      const found = grad(output, inputs, { gradOutputs: base, retainGraph: true, allowUnused: true });
      for (const [i, each] of found.entries()) {
        const input = inputs[i]!;
        if (each === null) continue;
        if (each.shape.join() !== input.shape.join()) sizes = false;
        else if (each.dtype !== input.dtype) types = false;
        jacobians[i]!.select(1, j).copy_(each.reshape([-1]));
      }
    });
  }
  return { jacobians, types, sizes };
}

export interface Attributes {
  nondetTol: number;
  checkGradDtypes: boolean;
}

/** Jacobians of one output by backward, computed twice, since a backward may depend on what it did before. */
export function analyticalJacobians(inputs: readonly Tensor[], output: Tensor, options: Attributes): Tensor[] {
  const first = backwardPass(inputs, output.clone());
  const again = backwardPass(inputs, output.clone());
  if (!first.types && options.checkGradDtypes) throw new GradcheckError('Gradient has dtype mismatch');
  if (!first.sizes) throw new GradcheckError('Analytical gradient has incorrect size');
  const equal = first.jacobians.every(
    (each, i) => each.numel() === 0 || !(each.sub(again.jacobians[i]!).abs().max().item() > options.nondetTol),
  );
  if (!equal) {
    throw new GradcheckError(
      'Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values, ' +
        `although analytical gradient matches numerical gradient.The tolerance for nondeterminism was ${Number.isInteger(options.nondetTol) ? options.nondetTol.toFixed(1) : options.nondetTol}.`,
    );
  }
  return first.jacobians;
}

/** Jacobians by forward mode: `[output][input]`. */
export function forwardJacobians(fn: Outputs, inputs: readonly unknown[], outputs: readonly Tensor[]): Tensor[][] {
  const wanted = needsGradient(inputs);
  if (wanted.some((each) => isComplex(each.dtype))) {
    throw new TorchError('value', 'Expected inputs to be non-complex for _get_analytical_jacobian_forward_ad.');
  }
  const shown = outputs.filter(isDifferentiable);
  const jacobians = shown.map((output) => wanted.map((input) => zerosFor(input.numel(), output.numel(), output)));
  dualLevel(() => {
    const tangents: Tensor[] = [];
    const duals = inputs.map((each) => {
      if (!(each instanceof Tensor) || !each.requiresGrad) return each;
      const dual = makeDual(each.detach(), ops.zerosLike(each));
      tangents.push(unpackDual(dual).tangent!);
      return dual;
    });
    for (const [i, tangent] of tangents.entries()) {
      const flat = tangent.view([-1]);
      for (let k = 0; k < tangent.numel(); ++k) {
        scope(() => {
          flat.select(0, k).fill_(1);
          for (const [o, output] of fn(...duals)
            .filter(isDifferentiable)
            .entries()) {
            const found = unpackDual(output).tangent;
            if (found !== null) jacobians[o]![i]!.select(0, k).copy_(found.reshape([-1]));
          }
          flat.select(0, k).fill_(0);
        });
      }
    }
  });
  return jacobians;
}
