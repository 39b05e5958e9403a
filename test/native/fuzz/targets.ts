/** Everything that can be called: each overload by its raw name, each typed function and method, and what is written by hand. */
import { functionTable } from '../../../lib/generated/functions.js';
import { methodTable } from '../../../lib/generated/methods.js';
import { native } from '../../../lib/native/load.js';
import { tableEntries } from '../../../lib/tensor/tensor.js';
import { apiTargets } from './api-lists.js';
import type { Schema, Target } from './lists.js';

/** Namespaces of libtorch other than aten, whose operators `ops.aten('namespace::name.overload', …)` calls too. */
const others = [
  ...['prims', 'quantized', '_quantized', 'sparse', 'mkldnn', 'onednn', 'mkldnn_prepacked', 'mkl', 'quantization'],
  ...['profiler', 'c10d', '_c10d_functional', 'inductor', 'static_runtime', 'symm_mem', '_test', '_native', 'export'],
];

const callable = (namespace: string): Schema[] =>
  (JSON.parse(native.describeOperators(namespace)) as Schema[]).filter((each) => each.unsupported === '');

export function allTargets(): Target[] {
  const byName = new Map<string, Schema[]>();
  const targets: Target[] = [];
  for (const schema of callable('aten')) {
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
    ['async', functionTable],
  ] as const) {
    for (const [name, aten] of tableEntries(table)) {
      const overloads = byName.get(aten);
      if (overloads !== undefined) targets.push({ via, name, schemas: overloads });
    }
  }
  for (const schema of others.flatMap(callable)) {
    targets.push({ via: 'raw', name: `${schema.name}.${schema.overload || 'default'}`, schemas: [schema] });
  }
  return [...targets, ...apiTargets()];
}
