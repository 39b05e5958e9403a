import { OrderedDict } from '../tensor/index.js';

/** What {@link fitNames} did. */
export interface FittedNames<T> {
  /** The entries under their new names, with the versions of the modules. */
  readonly state: OrderedDict<T>;
  /** What was taken off in front of every name, as `module.`; empty for nothing. */
  readonly prefix: string;
  /** Old names, without the prefix, and the new ones. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Entries beside the prefix, which belong to whatever was around the network. */
  readonly leftOut: readonly string[];
}

/** torchvision's own pattern, and the counter of batches that it passes over: no names of modules had dots when it came. */
const DOTTED =
  /^(.*denselayer\d+\.(?:norm|relu|conv))\.((?:[12])\.(?:weight|bias|running_mean|running_var|num_batches_tracked))$/;

/**
 * The memory-efficient layers that the efficient_densenet_pytorch script had before PyTorch 0.4 hold the first norm and the
 * first convolution in one module of their own, whose name varied: `denselayer1.bn.norm_running_mean`.
 */
const EFFICIENT = /^(.*denselayer\d+)\.\w+\.(norm|conv)_(weight|bias|running_mean|running_var)$/;

/** The names of a DenseNet of any form. */
const DENSENET =
  /^(features\.(((conv|norm)0|norm5|norm_final)|denseblock\d+\.denselayer\d+\.(norm|conv)[12]|transition\d+\.(norm|conv))|classifier)\.(weight|bias|running_mean|running_var|num_batches_tracked)$/;

/** Other spellings of a name, of which one may be known. */
function spellings(name: string): string[] {
  // 'denseblock 1' comes from names that were made for people to read.
  const plain = name.replaceAll(' ', '').replace(DOTTED, '$1$2').replace(EFFICIENT, '$1.$21.$3');
  // torchvision's name of the last normalisation, and that of the CIFAR script.
  const other = plain.replace(
    /^features\.(norm5|norm_final)\./,
    (_, last) => `features.${last === 'norm5' ? 'norm_final' : 'norm5'}.`,
  );
  // A classifier that stands in a Sequential, with an activation or a dropout beside it.
  const only = plain.replace(/^classifier\.\d+\.(weight|bias)$/, 'classifier.$1');
  return [plain, other, only];
}

/**
 * Names of a state dict made those of a network: a prefix of all taken off (`module.` of DataParallel, `_orig_mod.` of a
 * compiled model, `model.` of a trainer), and old spellings replaced (`denselayer1.norm.1`, `denseblock 1`, `denselayer1.bn.norm_weight`).
 * @param known whether the network has such a name; a DenseNet's spelling is taken where it has none. What is not known
 *   under any spelling keeps its name.
 */
export function fitNames<T>(
  given: ReadonlyMap<string, T>,
  known: (name: string) => boolean = () => false,
): FittedNames<T> {
  const spelled = (name: string): string | undefined => {
    const all = [name, ...spellings(name)];
    return all.find(known) ?? all.find((each) => DENSENET.test(each));
  };
  const prefix = commonPrefix(given, (name) => spelled(name) !== undefined);
  const state = new OrderedDict<T>();
  const renamed = new Map<string, string>();
  const leftOut: string[] = [];
  for (const [key, value] of given) {
    if (!key.startsWith(prefix)) {
      leftOut.push(key);
      continue;
    }
    const name = key.slice(prefix.length);
    const fitting = spelled(name);
    if (fitting === undefined || fitting === name || given.has(prefix + fitting) || state.has(fitting)) {
      state.set(name, value);
    } else {
      state.set(fitting, value);
      renamed.set(name, fitting);
    }
  }
  const metadata = given instanceof OrderedDict ? given.metadata : undefined;
  if (metadata !== undefined) state.metadata = withoutPrefix(metadata, prefix);
  return { state, prefix, renamed, leftOut };
}

/** That a prefix may consist of. */
const MOST_PARTS = 8;

/** The beginning after which most names are known, unless that is nothing, or it is a smaller part of all. */
function commonPrefix(given: ReadonlyMap<string, unknown>, known: (name: string) => boolean): string {
  const counts = new Map<string, number>([['', 0]]);
  for (const key of given.keys()) {
    let at = 0;
    for (let parts = 0; parts <= MOST_PARTS; parts++) {
      if (known(key.slice(at))) counts.set(key.slice(0, at), (counts.get(key.slice(0, at)) ?? 0) + 1);
      at = key.indexOf('.', at) + 1;
      if (at === 0) break;
    }
  }
  let best = '';
  for (const [prefix, count] of counts) if (count > counts.get(best)!) best = prefix;
  return counts.get(best)! * 2 > given.size ? best : '';
}

/** The versions of what is inside of the prefix. */
function withoutPrefix<V>(metadata: ReadonlyMap<string, V>, prefix: string): Map<string, V> {
  const inside = new Map<string, V>();
  for (const [path, entry] of metadata) {
    if (`${path}.`.startsWith(prefix)) inside.set(path.slice(prefix.length), entry);
  }
  return inside;
}
