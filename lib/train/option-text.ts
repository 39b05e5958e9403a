import type { RunConfig, RunOptions } from './config-schema.js';
import { UsageError } from './errors.js';

/** The command's option that sets a field, without its value. */
export function flagOf(field: keyof RunConfig | keyof RunOptions): string {
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** An option as it would be written, as far as that can be: `--no-nesterov`, `--milestones 150,225`. */
export function optionText(field: keyof RunOptions, value: unknown): string {
  if (typeof value === 'boolean') {
    const flag = flagOf(field);
    return value ? flag : flag.replace('--', '--no-');
  }
  if (value === null || value === undefined) return `no ${flagOf(field)}`;
  return `${flagOf(field)} ${Array.isArray(value) ? value.join(',') : JSON.stringify(value).replaceAll('"', '')}`;
}

/**
 * Those of some fields that a thing takes, given or by default.
 * @param taken what it takes, with the defaults.
 * @throws UsageError for a given one that it does not take.
 */
export function fieldsFor<Field extends keyof RunOptions>(
  fields: readonly Field[],
  taken: { readonly [K in Field]?: RunOptions[K] },
  options: RunOptions,
  what: string,
): { [K in Field]?: RunOptions[K] } {
  const found: { [K in Field]?: RunOptions[K] } = {};
  for (const field of fields) {
    if (field in taken) found[field] = options[field] ?? taken[field];
    else if (options[field] != null) {
      const others = fields.filter((each) => each in taken).map(flagOf);
      const way = others.length === 0 ? 'it takes no options of this kind' : `it takes ${others.join(', ')}`;
      throw new UsageError(`Expected ${optionText(field, options[field]).replace(/^/, 'no ')} with ${what}: ${way}`);
    }
  }
  return found;
}
