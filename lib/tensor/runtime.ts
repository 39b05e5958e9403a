import type { BuildInfo } from '../native/binding.js';
import { addonPath, native } from '../native/load.js';

/** Threads that one operator uses. @see torch.set_num_threads */
export function setNumThreads(count: number): void {
  native.setNumThreads(count);
}
export const getNumThreads = (): number => native.getNumThreads();

/** Threads between operators; to be set before the first parallel work. @see torch.set_num_interop_threads */
export function setNumInteropThreads(count: number): void {
  native.setNumInteropThreads(count);
}
export const getNumInteropThreads = (): number => native.getNumInteropThreads();

/**
 * Refuses (or, with `warnOnly`, warns of) operators whose results differ from run to run.
 * @see torch.use_deterministic_algorithms
 */
export function useDeterministicAlgorithms(enabled: boolean, options: { warnOnly?: boolean } = {}): void {
  native.setDeterministic(enabled, options.warnOnly ?? false);
}
export const areDeterministicAlgorithmsEnabled = (): boolean => native.isDeterministic();
/** Whether operators without a deterministic algorithm only warn. @see torch.is_deterministic_algorithms_warn_only_enabled */
export const isDeterministicAlgorithmsWarnOnlyEnabled = (): boolean => native.isDeterministicWarnOnly();

/** The addon, and the libtorch behind it. */
export const buildInfo = (): BuildInfo & { addon: string } => ({ ...native.buildInfo(), addon: addonPath });
