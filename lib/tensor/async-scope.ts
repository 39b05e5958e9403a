import { AsyncLocalStorage } from 'node:async_hooks';
import { escape, outsideScopes, Scope, setAsyncScopes } from './scope.js';

const scopes = new AsyncLocalStorage<Scope>();

/**
 * The asynchronous form of {@link scope}: releases every tensor that `fn` and what it awaits have made outside a synchronous scope,
 * when the promise of `fn` settles, save those that it resolves to, and those that were `keep`-ed. Functions that run at the same time do
 * not mix: each tensor belongs to the innermost `scopeAsync` it was made in. What goes on after the promise has settled is outside.
 * ```ts
 * const probabilities = await scopeAsync(async () => {
 *   const logits = await model.callAsync(tensor(pixels));
 *   return logits.softmax(-1).toArrayAsync();
 * });
 * ```
 * @param fn an asynchronous function.
 * @returns what `fn` resolves to; its tensors belong to the `scopeAsync` around, or to nobody.
 */
export async function scopeAsync<T>(fn: () => Promise<T>): Promise<T> {
  setAsyncScopes(() => scopes.getStore());
  const opened = new Scope(null);
  try {
    const result = await outsideScopes(() => scopes.run(opened, fn));
    escape(result, opened);
    return result;
  } finally {
    opened.close();
  }
}
