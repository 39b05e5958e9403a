/** A Python tuple: an array that is written as a tuple again. */
export class Tuple<T = unknown> extends Array<T> {
  // map(), slice() and the like give plain arrays (Python lists): only what was a tuple in the file stays one.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** A tuple of these items (`new Tuple(3)` would be three holes, as with Array). */
  static override of<T>(...items: T[]): Tuple<T> {
    return Tuple.make(items);
  }

  /** A tuple of what `items` yields. */
  static make<T>(items: Iterable<T>): Tuple<T> {
    const tuple = new Tuple<T>();
    if (Array.isArray(items)) for (let i = 0; i < items.length; i++) tuple.push(items[i] as T);
    else for (const item of items) tuple.push(item);
    return tuple;
  }
}
