import { TorchError } from './errors.js';
import { checkOptionBag } from './option-bag.js';

/** How tensors are printed. @see torch.set_printoptions */
export interface PrintOptions {
  /** Digits after the point; 4 by default. */
  precision: number;
  /** More elements than this are summarised; 1000 by default. */
  threshold: number;
  /** How many elements a summary shows at each end of a dimension; 3 by default. */
  edgeitems: number;
  /** Characters of a line; 80 by default. */
  linewidth: number;
  /** Scientific notation always or never; null: where the numbers' sizes ask for it. */
  sciMode: boolean | null;
}

/** What {@link setPrintOptions} takes. */
export type PrintSettings = {
  /** A set of options under one name; those that are named beside it win. */
  profile?: 'default' | 'short' | 'full' | undefined;
} & { [Name in keyof PrintOptions]?: PrintOptions[Name] | undefined };

const profiles = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 80 },
} as const;

let options: PrintOptions = { ...profiles.default, sciMode: null };

const limits = { precision: 1000, threshold: Infinity, edgeitems: Infinity, linewidth: Infinity } as const;

/**
 * Sets how tensors are printed, in this thread. What is left out stays as it is, but `sciMode`, which goes back to null, as in PyTorch.
 * @throws TorchError `value` for a number below 0, `type` for an option that there is not.
 * @see torch.set_printoptions
 */
export function setPrintOptions(settings: PrintSettings): void {
  checkOptionBag<PrintSettings>('setPrintOptions', settings, {
    profile: false,
    precision: false,
    threshold: false,
    edgeitems: false,
    linewidth: false,
    sciMode: false,
  });
  const profile = settings.profile;
  if (profile !== undefined && !Object.hasOwn(profiles, profile)) {
    throw new TorchError('value', `Expected default, short or full for profile but received ${profile}`);
  }
  const next: PrintOptions = { ...options, ...(profile === undefined ? {} : profiles[profile]) };
  for (const name of ['precision', 'threshold', 'edgeitems', 'linewidth'] as const) {
    const value = settings[name];
    if (value === undefined) continue;
    if (!(value >= 0 && value <= limits[name] && (Number.isInteger(value) || value === Infinity))) {
      throw new TorchError('value', `Expected a whole number for ${name} but received ${String(value)}`);
    }
    next[name] = value;
  }
  next.sciMode = settings.sciMode ?? null;
  options = next;
}

/** The options in force. @see torch._tensor_str.get_printoptions */
export function getPrintOptions(): Readonly<PrintOptions> {
  return options;
}

/** Runs a function with other options. @see torch._tensor_str.printoptions */
export function printOptions<T>(settings: PrintSettings, fn: () => T): T {
  const before = options;
  setPrintOptions(settings);
  try {
    return fn();
  } finally {
    options = before;
  }
}
