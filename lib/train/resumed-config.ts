import { resolve } from 'node:path';
import type { RunConfig, RunOptions } from './config-schema.js';
import { UsageError } from './errors.js';
import { withNetwork } from './network-config.js';
import { optionText } from './option-text.js';

/** Fields that say where the data are, or how the network is computed: not what it is, nor what it learns. */
const freeFields: ReadonlySet<string> = new Set(['data', 'verify', 'versions', 'efficient', 'workers', 'skipBroken']);

/**
 * What to go on with when a run is resumed: its own configuration; options may only repeat it, say where the data are
 * now, and choose another way of computing.
 * @throws UsageError naming every option that would change the numbers.
 */
export function resumedConfig(stored: RunConfig, options: RunOptions, save: string): RunConfig {
  const changed: string[] = [];
  const { validationSplit, ...given } = options.model == null ? options : withNetwork(options);
  const validSize = validationSplit == null ? undefined : Math.floor(validationSplit * stored.pictures.train);
  for (const [key, value] of Object.entries({ ...given, ...(validSize === undefined ? {} : { validSize }) })) {
    const field = key as Exclude<keyof RunOptions, 'validationSplit'>;
    if (value === undefined || value === null || freeFields.has(field)) continue;
    if (JSON.stringify(value) !== JSON.stringify(stored[field])) {
      changed.push(`${optionText(field, value)} (it was ${optionText(field, stored[field])})`);
    }
  }
  if (changed.length > 0) {
    throw new UsageError(`Cannot resume the run in ${save} with ${changed.join(', ')}: the numbers would change`);
  }
  const data = options.data == null ? stored.data : resolve(options.data);
  const { verify = stored.verify, efficient = stored.efficient } = options;
  const { workers = stored.workers, skipBroken = stored.skipBroken } = options;
  return { ...stored, data, verify, efficient, workers, skipBroken };
}

/** Whether two configurations give the same numbers, wherever their data are. */
export function sameNumbers(one: RunConfig, other: RunConfig): boolean {
  const fixed = (config: RunConfig): string =>
    JSON.stringify(Object.entries(config).filter(([field]) => !freeFields.has(field)));
  return fixed(one) === fixed(other);
}
