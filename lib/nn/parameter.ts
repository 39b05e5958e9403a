import { empty, keep, Tensor, type DType } from '../tensor/index.js';

/**
 * A tensor to be trained. A module takes those among its properties for its parameters. It shares the elements of the
 * tensor it is made of, has no history, and belongs to no scope: it lives as long as something holds it.
 * @see torch.nn.Parameter
 */
export class Parameter extends Tensor {
  /** @param options.requiresGrad whether autograd records operations on it; default true. */
  constructor(data: Tensor, options: { readonly requiresGrad?: boolean } = {}) {
    const alias = data.data;
    super(alias);
    alias.dispose();
    this.requiresGrad = options.requiresGrad ?? true;
    keep(this);
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`;
  }
}

/** A parameter of a shape, its elements not yet set. */
export function newParameter(
  shape: readonly number[],
  options: { readonly dtype?: DType; readonly device?: string } = {},
): Parameter {
  const elements = empty([...shape], options);
  const parameter = new Parameter(elements);
  elements.dispose();
  return parameter;
}
