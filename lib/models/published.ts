import { existsSync } from 'node:fs';
import type { Module } from '../nn/index.js';
import { scope, TorchError, type StateDict } from '../tensor/index.js';
import { putWeights, type LoadWeightsOptions } from './load-weights.js';
import { fitNames } from './weight-names.js';
import { findWeights, type WeightsSource } from './weight-files.js';
import { getModelWeights, memberOf } from './find-weights.js';
import { Weights } from './weights.js';

/** The weights of a network that is made by its name. */
export interface NetworkWeights extends Pick<LoadWeightsOptions, 'entry' | 'onNotice'> {
  /**
   * `'DEFAULT'` or `'IMAGENET1K_V1'` for the published ones, which must be in PyTorch's cache (`await fetchWeights(…)` fetches
   * them); a file; or what {@link loadWeights} takes. Default: none, the network is initialised.
   */
  readonly weights?: WeightsSource | null | undefined;
}

/**
 * Makes a network of a published form.
 *
 * Without `numClasses` the weights say how many classes there are. With another number than theirs the trunk is kept, the
 * classifier is initialised, and `onNotice` is told (torchvision refuses).
 * @throws WeightsError for weights that do not fit; IoError for a file that is missing or damaged, with the way out.
 */
export type Published<Options, Network extends Module> = (options?: Options & NetworkWeights) => Network;

/** What is known of the weights when a network is made for them. */
export interface GivenWeights {
  /** Whether they are torchvision's own, not a file. */
  readonly published: boolean;
  /** Their names. */
  readonly names: readonly string[];
}

/**
 * The function of a network of a published form.
 * @param name under which its weights are published.
 * @param heads the layers that make classes, as `fc`; the first is the one that is used.
 * @param make the network without its weights; its draws are torchvision's.
 * @param finish what is done once the weights are in it.
 */
export function published<Options extends { readonly numClasses?: number }, Network extends Module>(
  name: string,
  heads: readonly [string, ...string[]],
  make: (options: Options, given: GivenWeights | undefined) => Network,
  finish?: (model: Network, options: Options) => void,
): Published<Options, Network> {
  return (given = {} as Options & NetworkWeights) => {
    const { weights = null, entry, onNotice, ...rest } = given;
    const options = rest as unknown as Options;
    if (weights === null) return make(options, undefined);
    const source = sourceFor(name, weights);
    return scope(() => {
      const found = findWeights(source, entry);
      const numClasses = options.numClasses ?? classesIn(found.state, heads[0]);
      const form = numClasses === undefined ? options : { ...options, numClasses };
      const model = make(form, { published: source instanceof Weights, names: [...found.state.keys()] });
      try {
        putWeights(model, found, { onNotice, heads, otherClasses: options.numClasses !== undefined });
        finish?.(model, options);
      } catch (error) {
        for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
        throw error;
      }
      return model;
    });
  };
}

/** How many classes the weights are for, whatever stands before their names. */
function classesIn(state: StateDict, head: string): number | undefined {
  const key = `${head}.weight`;
  const behind = [...state.keys()].find((name) => name.endsWith(`.${key}`));
  const found =
    state.get(key) ?? fitNames(state).state.get(key) ?? (behind === undefined ? undefined : state.get(behind));
  return found?.shape[0];
}

/** Published weights for their names in the set of the network; those of another network are refused. */
function sourceFor(model: string, source: WeightsSource): WeightsSource {
  const set = getModelWeights(model);
  if (typeof source === 'string') {
    const member = set === undefined ? source : source.replace(`${set.DEFAULT.enumName}.`, '');
    const found = memberOf(set, member);
    if (found !== undefined) return found;
    if (/^[A-Z0-9_]+$/.test(member) && !existsSync(source)) {
      const there = set === undefined ? 'none are published for it' : `published are ${Object.keys(set).join(', ')}`;
      throw new TorchError(
        'value',
        `Expected weights or a file of weights for ${model} but received ${source}: ${there}`,
      );
    }
    return source;
  }
  if (!(source instanceof Weights) || source.enumName === set?.DEFAULT.enumName) return source;
  const expected = set === undefined ? 'a file' : set.DEFAULT.enumName;
  throw new TorchError('type', `Invalid Weight class provided; expected ${expected} but received ${source.enumName}.`);
}
