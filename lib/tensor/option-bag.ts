import { TorchError } from './errors.js';

/** Every option of a bag: true where it must be given. */
export type OptionNames<Options> = {
  readonly [Name in keyof Options]-?: object extends Pick<Options, Name> ? false : true;
};

/**
 * Checks what callers without types may get wrong: no bag at all, a name that is missing, or one that is not known.
 * @param what names the class in messages.
 * @throws TorchError `type`, one line, with the name that was probably meant.
 */
export function checkOptionBag<Options>(what: string, given: unknown, names: OptionNames<Options>): void {
  const bag = given === undefined ? {} : given;
  if (typeof bag !== 'object' || bag === null || Array.isArray(bag)) {
    const example = Object.keys(names).slice(0, 2).join(', ');
    const got = Array.isArray(bag) ? 'an array' : bag === null ? 'null' : typeof bag;
    throw new TorchError('type', `${what} takes its options in an object ({ ${example}, ... }), but got ${got}`);
  }
  const known = new Set(Object.keys(names));
  for (const name of Object.keys(bag)) {
    if (known.has(name)) continue;
    const meant = meantOption(name, known);
    const hint = meant === undefined ? `it knows ${[...known].join(', ')}` : `did you mean ${meant}?`;
    throw new TorchError('type', `${what} has no option ${name}; ${hint}`);
  }
  for (const [name, required] of Object.entries(names)) {
    if (required === true && (bag as Record<string, unknown>)[name] === undefined)
      throw new TorchError('type', `${what} needs the option ${name}`);
  }
}

/**
 * {@link checkOptionBag} for functions that are called often: a bag whose names are all known costs next to nothing.
 */
export function checkOptionNames<Options>(what: string, given: unknown, names: OptionNames<Options>): void {
  if (typeof given === 'object' && given !== null) {
    let known = 0;
    for (const name in given) {
      if ((names as Readonly<Record<string, boolean | undefined>>)[name] === undefined) {
        known = -1;
        break;
      }
      known++;
    }
    if (known > 0) return;
  }
  checkOptionBag(what, given, names);
}

/** The known name that differs only in case or underscores, as Python's `weight_decay` from `weightDecay`. */
export function meantOption(name: string, known: Iterable<string>): string | undefined {
  const plain = (text: string): string => text.replaceAll('_', '').toLowerCase();
  for (const other of known) if (other !== name && plain(other) === plain(name)) return other;
  return undefined;
}
