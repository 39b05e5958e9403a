import { autograd, Tensor } from '../tensor/index.js';

/** The tensors in what a module returns: in arrays, objects, maps and sets. */
export function tensorsIn(value: unknown, seen = new Set<object>()): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  const values = value instanceof Map || value instanceof Set ? [...value.values()] : Object.values(value);
  return values.flatMap((each) => tensorsIn(each, seen));
}

/** Gives back what it gets; in between there is one node for all of it. */
class Sink extends autograd.Function {
  static forward(ctx: autograd.FunctionCtx, ...outputs: readonly Tensor[]): Tensor[] {
    ctx.setMaterializeGrads(false);
    return outputs.map((each) => each.clone());
  }

  static backward(_ctx: autograd.FunctionCtx, ...gradients: (Tensor | null)[]): readonly (Tensor | null)[] {
    return gradients;
  }
}

/**
 * Ties the tensors of an output together, so that backward from one of them reaches the parameters behind all: those behind an
 * output that the loss does not use get no gradient, but are not waited for. Tensors in arrays, Maps and plain objects are replaced,
 * what is in other objects stays.
 * @param tie makes of tensors with a history others of the same values, behind one node.
 */
export function tiedOutputs<T>(output: T, tie?: (tensors: readonly Tensor[]) => readonly Tensor[]): T {
  const replaceable: Tensor[] = [];
  mapTensors(output, (each) => {
    if (each.requiresGrad && !each.isLeaf) replaceable.push(each);
    return each;
  });
  // One alone has no use for it where nothing else is to be told.
  if (replaceable.length < (tie === undefined ? 2 : 1)) return output;
  const tied = tie?.(replaceable) ?? Sink.apply(...replaceable);
  const places = new Map(replaceable.map((each, index) => [each, tied[index]!]));
  return mapTensors(output, (each) => places.get(each) ?? each) as T;
}

/** A copy of arrays, Maps and plain objects with other tensors; whatever holds itself holds its copy. */
function mapTensors(value: unknown, of: (each: Tensor) => Tensor, done = new Map<unknown, unknown>()): unknown {
  if (value instanceof Tensor) return of(value);
  if (typeof value !== 'object' || value === null) return value;
  if (done.has(value)) return done.get(value);
  const next = (each: unknown): unknown => mapTensors(each, of, done);
  const kind = Object.getPrototypeOf(value) as unknown;
  if (kind === Array.prototype) {
    const copy: unknown[] = [];
    done.set(value, copy);
    for (const each of value as unknown[]) copy.push(next(each));
    return copy;
  }
  if (kind === Map.prototype) {
    const copy = new Map<unknown, unknown>();
    done.set(value, copy);
    for (const [key, each] of value as Map<unknown, unknown>) copy.set(key, next(each));
    return copy;
  }
  if (kind !== Object.prototype) return value;
  const copy: Record<string, unknown> = {};
  done.set(value, copy);
  for (const [key, each] of Object.entries(value)) copy[key] = next(each);
  return copy;
}
