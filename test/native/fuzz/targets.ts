/** Everything that can be called: each overload by its raw name, and each typed function and method. */
import { functionTable } from '../../../lib/generated/functions.js';
import { methodTable } from '../../../lib/generated/methods.js';
import { native } from '../../../lib/native/load.js';
import { tableEntries } from '../../../lib/tensor/tensor.js';
import type { Schema, Target } from './lists.js';

export function allTargets(): Target[] {
  const schemas = (JSON.parse(native.describeOperators('aten')) as Schema[]).filter((each) => each.unsupported === '');
  const byName = new Map<string, Schema[]>();
  const targets: Target[] = [];
  for (const schema of schemas) {
    const name = schema.name.replace('aten::', '');
    byName.set(name, [...(byName.get(name) ?? []), schema]);
    targets.push({
      via: 'raw',
      name: schema.overload === '' ? `${name}.default` : `${name}.${schema.overload}`,
      schemas: [schema],
    });
  }
  for (const [via, table] of [
    ['function', functionTable],
    ['method', methodTable],
  ] as const) {
    for (const [name, aten] of tableEntries(table)) {
      const overloads = byName.get(aten);
      if (overloads !== undefined) targets.push({ via, name, schemas: overloads });
    }
  }
  return targets;
}
