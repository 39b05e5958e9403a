import type { Tensor } from '../tensor/index.js';

/** The layers that make classes, in each kind of network that has published weights. */
const HEADS = [['fc', 'aux1.fc2', 'aux2.fc2'], ['classifier.6'], ['classifier']] as const;

/** The layers that make classes, the one that is used first; none for a network of another kind. */
export function headsOf(names: { has(name: string): boolean }): readonly string[] {
  return HEADS.find(([first]) => names.has(`${first}.weight`)) ?? [];
}

/** How many classes a network of those kinds has, by its state dict; undefined for another. */
export function numClassesOf(state: ReadonlyMap<string, Tensor>): number | undefined {
  return state.get(`${headsOf(state)[0] ?? ''}.weight`)?.shape[0];
}
