import type { Module } from './module.js';

/** Is told of every call of a module. It must not hold the tensors: they are released when the call's scope ends. */
export interface CallWatcher {
  /** Before the module's hooks and its forward. */
  enter?(module: Module, input: readonly unknown[]): void;
  /** After them; not when they throw. */
  leave?(module: Module, input: readonly unknown[], output: unknown): void;
  /** After them, in any case. */
  end?(module: Module): void;
}

let watchers: readonly CallWatcher[] = [];

/** Whether calls of modules are watched at all. */
export const isWatched = (): boolean => watchers.length > 0;

/** Runs `fn` while `watcher` is told of every call of a module, on this thread of JavaScript. */
export function watchCalls<T>(watcher: CallWatcher, fn: () => T): T {
  const before = watchers;
  watchers = [...before, watcher];
  try {
    return fn();
  } finally {
    watchers = before;
  }
}

/** One call, with those who watch told of it. */
export function underWatch(module: Module, input: readonly unknown[], run: () => unknown): unknown {
  const told = watchers;
  for (const each of told) each.enter?.(module, input);
  try {
    const output = run();
    for (const each of told) each.leave?.(module, input, output);
    return output;
  } finally {
    for (const each of told) each.end?.(module);
  }
}
