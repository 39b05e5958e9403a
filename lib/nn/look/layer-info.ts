import type { Module } from '../module.js';

/** Where a module stands in the tree of a network. */
export interface Place {
  /** The property that holds it. */
  readonly name: string;
  /** 0 for the network. */
  readonly depth: number;
  readonly parent: Module | undefined;
}

const product = (numbers: readonly number[]): number => numbers.reduce((all, each) => all * each, 1);

/** One call of a module, a row of a summary. */
export class LayerInfo {
  readonly className: string;
  /** Whether it has no modules below it. */
  readonly isLeaf: boolean;
  readonly numParams: number;
  readonly trainableParams: number;
  readonly paramBytes: number;
  /** Size of its kernel as it was given, null for a module without one. */
  readonly kernelSize: number | readonly number[] | null;
  /** Whether its parameters were counted at an earlier call. */
  isRecursive: boolean;
  inputSize: readonly number[] = [];
  /** `[]` for what was not called itself. */
  outputSize: readonly number[] = [];
  outputBytes = 0;
  /** Multiply-adds, for the whole batch. */
  macs = 0;
  /** Its number among those of its depth, from 1. */
  depthIndex = 0;
  /** Everything below it. */
  children: readonly LayerInfo[] = [];
  readonly #places: ReadonlyMap<Module, Place> | undefined;

  constructor(
    readonly module: Module,
    readonly place: Place,
    { again = false, places }: { readonly again?: boolean; readonly places?: ReadonlyMap<Module, Place> } = {},
  ) {
    const parameters = module.parameters();
    this.className = module.className();
    this.isLeaf = module.children().length === 0;
    this.numParams = parameters.reduce((sum, each) => sum + each.numel(), 0);
    this.trainableParams = parameters.reduce((sum, each) => sum + (each.requiresGrad ? each.numel() : 0), 0);
    this.paramBytes = parameters.reduce((sum, each) => sum + each.numel() * each.itemsize, 0);
    this.kernelSize = kernelSizeOf(module);
    this.isRecursive = again && this.numParams > 0;
    this.#places = places;
  }

  /** Rows for the modules above it, but for the network itself, from the outermost. */
  ancestors(): LayerInfo[] {
    const found: LayerInfo[] = [];
    let { parent } = this.place;
    while (parent !== undefined && this.#places !== undefined) {
      const place = this.#places.get(parent)!;
      if (place.depth > 0) found.unshift(new LayerInfo(parent, place, { places: this.#places }));
      parent = place.parent;
    }
    return found;
  }

  /** Parameters that belong to no module below it. */
  get ownParams(): number {
    return this.#own((layer) => layer.numParams);
  }

  get ownTrainableParams(): number {
    return this.#own((layer) => layer.trainableParams);
  }

  #own(of: (layer: LayerInfo) => number): number {
    if (this.isLeaf) return of(this);
    const below = this.children.filter((each) => !each.isRecursive);
    return of(this) - below.reduce((sum, each) => sum + each.#own(of), 0);
  }

  /** Whether its parameters learn: all, none, or some of them; `--` where it has none. */
  get trainable(): 'True' | 'False' | 'Partial' | '--' {
    if (this.numParams === 0) return '--';
    if (this.trainableParams === 0) return 'False';
    return this.trainableParams === this.numParams ? 'True' : 'Partial';
  }
}

function kernelSizeOf(module: Module): number | readonly number[] | null {
  const { kernelSize } = module as { readonly kernelSize?: unknown };
  if (typeof kernelSize === 'number') return kernelSize;
  return Array.isArray(kernelSize) ? (kernelSize as number[]) : null;
}

/**
 * torchinfo's multiply-adds of a module: of a convolution its parameters for each place of the output, of what else has a weight or a bias
 * its parameters for each element of the batch, of other parameters with such names for the first two dimensions.
 */
export function multiplyAdds(module: Module, output: readonly number[]): number {
  const places = module.className().includes('Conv')
    ? product([...output.slice(0, 1), ...output.slice(2)])
    : (output[0] ?? 1);
  let macs = 0;
  for (const [name, parameter] of module.namedParameters()) {
    if (name === 'weight' || name === 'bias') macs += parameter.numel() * places;
    else if (name.includes('weight') || name.includes('bias')) macs += parameter.numel() * product(output.slice(0, 2));
  }
  return macs;
}
