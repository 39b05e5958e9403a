import { native } from '../../native/load.js';
import { TorchError } from '../errors.js';
import type { TensorBase } from '../scope.js';
import { wrap } from '../tape.js';
import type { Tensor } from '../tensor.js';
import { addHook, type NodeHook, type NodePreHook, type RemovableHandle } from './hooks.js';

/**
 * A function of the recorded graph, as `tensor.gradFn` shows it. Holding it holds the graph behind it; it is freed by the rules of
 * tensors (with its scope, unless it is returned).
 * @see torch.autograd.graph.Node
 */
export class Node {
  /** @internal an empty tensor whose gradient edge is the node: so the node lives in scopes as tensors do */
  readonly carrier: TensorBase;
  /** The function's name, such as `AddBackward0`. */
  readonly name: string;

  /** @internal */
  constructor(carrier: TensorBase) {
    this.carrier = carrier; // no private field: scopes must see it in what they return
    this.name = native.gradFn(carrier.handle);
  }

  /** The functions that its gradients go to, with the number of the input there; null for what needs no gradient. */
  get nextFunctions(): [Node | null, number][] {
    const flat = native.nodeNext(this.carrier.handle);
    const found: [Node | null, number][] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) found.push([nodeFrom(flat[i] ?? -1), flat[i + 1] ?? 0]);
    return found;
  }

  /** The leaf that an AccumulateGrad node accumulates into; null for other nodes. */
  get variable(): Tensor | null {
    const slot = native.nodeVariable(this.carrier.handle);
    return slot < 0 ? null : (wrap(slot) as Tensor);
  }

  /** Backward runs nodes with higher numbers first. */
  get sequenceNr(): number {
    return native.nodeSequence(this.carrier.handle);
  }

  /** Whether both objects stand for one node. */
  isSame(other: Node): boolean {
    return native.sameNode(this.carrier.handle, other.carrier.handle);
  }

  /** `hook(gradInputs, gradOutputs)` runs after the node; what it returns replaces the gradients of the inputs. */
  registerHook(hook: NodeHook): RemovableHandle {
    return addHook(hook, (list) => native.nodeHooks(this.carrier.handle, list));
  }

  /** `hook(gradOutputs)` runs before the node; what it returns replaces the gradients that the node gets. */
  registerPrehook(hook: NodePreHook): RemovableHandle {
    return addHook(hook, (list) => native.nodePreHooks(this.carrier.handle, list));
  }

  dispose(): void {
    this.carrier.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return this.name;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `<${this.name}>`;
  }
}

function nodeFrom(slot: number): Node | null {
  return slot < 0 ? null : new Node(wrap(slot));
}

/** Behind `tensor.gradFn`. */
export function gradFnOf(tensor: TensorBase): Node | null {
  return nodeFrom(native.nodeOf(tensor.handle));
}

/** The end of the graph at a tensor: its function, or for a leaf its gradient accumulator. */
export interface GradientEdge {
  node: Node;
  outputNr: number;
}

/**
 * The edge that the gradient of a tensor arrives at; for a leaf the AccumulateGrad node, on which hooks can be registered (keep
 * the node: a leaf alone does not hold its accumulator).
 * @see torch.autograd.graph.get_gradient_edge
 */
export function getGradientEdge(tensor: TensorBase): GradientEdge {
  if (!native.requiresGrad(tensor.handle)) {
    throw new TorchError(
      'runtime',
      'It is not possible to get the gradient edge for a Tensor that does not require gradients',
    );
  }
  const node = nodeFrom(native.accumulatorOf(tensor.handle));
  if (node === null) throw new TorchError('internal', 'the tensor has no gradient edge');
  return { node, outputNr: native.outputNr(tensor.handle) };
}
