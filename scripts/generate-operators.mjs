/**
 * Writes lib/generated/ from the schemas of the linked libtorch: `node scripts/generate-operators.mjs`, or `--check` to compare
 * only (exit code 1 and the difference when they differ). Which operators are methods and which functions says libtorch's own
 * native_functions.yaml (part of the wheel).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

// Members that lib/tensor/tensor.ts writes by hand.
const byHand = new Set([
  ...[
    'item',
    'to',
    'data',
    'grad',
    'backward',
    'requires_grad_',
    'is_leaf',
    'output_nr',
    '_version',
    'size',
    'stride',
    'numel',
  ],
  ...[
    'dim',
    'dtype',
    'device',
    'layout',
    'storage_offset',
    'is_contiguous',
    'set_data',
    'retain_grad',
    'retains_grad',
    'is_inference',
  ],
]);
// What Python's bindings leave out too: parts of other operators, and kernels that libtorch calls with arguments it has checked
// elsewhere; `ops.aten` still calls them.
const hidden = /(_backward(_data|_input|_weight|_weights|_bias|_output)?|_jvp|_forward|_overrideable)$|^_/;
// Python has the functions of these modules under the module's name: torch.linalg.solve is aten's linalg_solve.
const modules = ['linalg', 'fft', 'special'];

const kinds = [
  ...[
    'Tensor',
    'number | bigint',
    'number | PyFloat',
    'boolean',
    'Scalar',
    'string',
    'DType',
    'Layout',
    'MemoryFormat',
    'Device',
    'Generator',
  ],
  ...[
    'readonly Tensor[]',
    'readonly (Tensor | null)[]',
    'Ints',
    'readonly number[]',
    'readonly boolean[]',
    'readonly Scalar[]',
    'readonly string[]',
  ],
];

export const camelCase = (name) => name.replace(/(?<=[^_])_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const optionName = (name) => (/^[A-Z]/.test(name) ? name : camelCase(name));

/** name -> { method, function, module } as PyTorch's own bindings have them. */
function readVariants(yaml) {
  const variants = new Map();
  for (const entry of yaml.split(/\n(?=- func: )/)) {
    const name = /^- func: ([A-Za-z0-9_]+)/.exec(entry)?.[1];
    if (name === undefined) continue;
    const line = /\n {2}variants: (.*)/.exec(entry)?.[1] ?? 'function';
    const known = variants.get(name) ?? { method: false, function: false, module: undefined };
    known.method ||= line.includes('method');
    known.function ||= line.includes('function');
    known.module ??= /\n {2}python_module: (.*)/.exec(entry)?.[1];
    variants.set(name, known);
  }
  return variants;
}

function argumentType(argument) {
  let type = kinds[argument.kind];
  if (type === undefined) return undefined;
  if (argument.number) type = `${type} | Scalar`;
  if (argument.broadcast > 0 && type === 'Ints') type = 'Ints | number';
  return argument.optional ? `${type} | null` : type;
}

function oneResult(type) {
  if (/^(Tensor|\(Tensor\))/.test(type) && !type.includes('[]')) return 'Tensor';
  if (type === 'Tensor[]' || type === 'List[Tensor]') return 'Tensor[]';
  if (/^(int|SymInt|float|number|Scalar|QScheme)$/.test(type)) return 'number';
  if (type === 'bool' || type === 'SymBool') return 'boolean';
  if (type === 'str') return 'string';
  if (type === 'ScalarType') return 'DType';
  if (/^(int|SymInt|float|List\[(int|SymInt|float)\])(\[\])?$/.test(type)) return 'number[]';
  if (type === 'Dict(Tensor, Tensor)') return 'Map<Tensor, Tensor>';
  throw new Error(`no type stands for a result of type ${type}`);
}

function resultType(overload, inPlace) {
  const results = overload.returns.map((result) =>
    inPlace && result.alias === 0 ? 'this' : oneResult(result.type.replace(/\?$/, '')),
  );
  if (results.length === 0) return 'void';
  if (results.length === 1) return results[0];
  const types = results.map((each) => (each === 'this' ? 'Tensor' : each));
  const names = overload.returns.map((result) => camelCase(result.name));
  const named = names.every((name) => name !== '' && !/^out\d?$/.test(name));
  return `[${types.map((type, i) => (named ? `${safe(names[i])}: ${type}` : type)).join(', ')}]`;
}

/** The argument that a method is called on: `self`, which need not stand first (polygamma). */
const selfOf = (overload) => overload.arguments.findIndex((each) => each.name === 'self');

/** One to three call signatures of an overload: everything positional, the optional ones by name, numbers in a row. */
function signatures(overload, method) {
  let args = overload.arguments.filter((each) => kinds[each.kind] !== undefined || !each.default);
  if (args.some((each) => kinds[each.kind] === undefined)) return [];
  if (method) {
    const self = args.findIndex((each) => each.name === 'self');
    // Methods have no out=, as in Python.
    if (self < 0 || !/^Tensor/.test(kinds[args[self].kind]) || args.some((each) => each.out)) return [];
    args = args.filter((_, i) => i !== self);
  }
  const inPlace = method && overload.name.endsWith('_');
  const positional = args.filter((each) => !each.keywordOnly);
  const named = args.filter((each) => each.keywordOnly);
  const required = positional.filter((each) => !each.default);
  const result = resultType(overload, inPlace);
  const write = (fixed, options) => {
    const parameters = fixed.map(
      (each) => `${safe(optionName(each.name))}${each.default ? '?' : ''}: ${argumentType(each)}`,
    );
    if (options.length > 0) {
      const must = options.some((each) => !each.default);
      if (must && fixed.some((each) => each.default)) return undefined;
      const fields = options.map(
        (each) =>
          `${optionName(each.name)}${each.default ? '?' : ''}: ${argumentType(each)}${each.default ? ' | undefined' : ''}`,
      );
      parameters.push(`options${must ? '' : '?'}: { ${fields.join('; ')} }`);
    }
    return `(${parameters.join(', ')}): ${result}`;
  };
  const byName = positional.filter((each) => each.default);
  const all = [write(positional, named)];
  if (byName.length > 0) all.push(write(required, [...byName, ...named]));
  // view(2, 3), zeros(2, 3): where the list is all that there is, as in Python.
  if (overload.numbersInARow >= 0 && positional.length === 1 && !overload.arguments.some((each) => each.out)) {
    all.push(`(...${safe(optionName(positional[0].name))}: (number | bigint)[]): ${result}`);
  }
  return all.filter((each) => each !== undefined);
}

const reserved = new Set(['in', 'this', 'new', 'function', 'default', 'with', 'var', 'let', 'else', 'if', 'for']);
const safe = (name) => (reserved.has(name) ? `${name}_` : name);

const rank = (overload) => {
  const out = overload.arguments.some((each) => each.out) ? 1 : 0;
  const scalars = overload.arguments.filter((each) => kinds[each.kind] === 'Scalar' && !each.default).length;
  return out * 100 + scalars * 10 + (overload.overload === '' ? 0 : 1);
};

/** PyTorch's name, and the schemas: what `aten` takes, and what libtorch's own documents describe. */
function docstring(torch, overloads) {
  const schemas = overloads.map((each) => `\`${each.schema}\``);
  if (schemas.length === 1) return [`  /** \`${torch}\`: ${schemas[0]} */`];
  return ['  /**', `   * \`${torch}\``, ...schemas.map((each) => `   * - ${each}`), '   */'];
}

/** @param kind `{ method, prefix, torch }`: what of the names is left out, and what PyTorch's begin with. */
function section(groups, wanted, { method = false, prefix = '', torch = 'torch.' }) {
  const lines = [];
  const table = [];
  for (const [name, overloads] of groups) {
    if (!wanted(name)) continue;
    const js = camelCase(name.slice(prefix.length));
    const called = overloads.filter((each) => each.unsupported === '').sort((a, b) => rank(a) - rank(b));
    const written = called.map((overload) => ({ overload, signatures: signatures(overload, method) }));
    const unique = [...new Set(written.flatMap((each) => each.signatures))];
    if (unique.length === 0) continue;
    const described = written.filter((each) => each.signatures.length > 0).map((each) => each.overload);
    lines.push(...docstring(torch + name.slice(prefix.length), described));
    for (const each of unique) lines.push(`  ${js}${each};`);
    const self = method ? Math.max(...described.map(selfOf)) : 0;
    table.push((js === name ? name : `${js}=${name}`) + (self > 0 ? `@${self}` : ''));
  }
  return { lines, table };
}

function wrapTable(name, table) {
  const rows = [];
  let row = '';
  for (const each of table) {
    if (row.length + each.length > 110) {
      rows.push(row);
      row = '';
    }
    row += row === '' ? each : ` ${each}`;
  }
  rows.push(row);
  return `export const ${name} = \`\n${rows.join('\n')}\n\`;\n`;
}

const imports = [
  [['Device', 'DType', 'Layout', 'MemoryFormat'], 'dtype'],
  [['Generator'], 'generator'],
  [['PyFloat'], 'tape'],
  [['Ints', 'Scalar'], 'scalar'],
  [['Tensor'], 'tensor'],
];

const header = (
  version,
  what,
  lines,
) => `// Generated by scripts/generate-operators.mjs from the schemas of libtorch ${version}. Do not edit.
// ${what}
${imports
  .filter(([names]) => names.some((name) => new RegExp(`\\b${name}\\b`).test(lines.join('\n'))))
  .map(([names, file]) => {
    const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(lines.join('\n')));
    return `import type { ${used.join(', ')} } from '../tensor/${file}.js';\n`;
  })
  .join('')}`;

/** The generated files by name. */
export function generate(native, yaml) {
  const version = native.buildInfo().torchVersion;
  const variants = readVariants(yaml);
  const groups = new Map();
  for (const schema of JSON.parse(native.describeOperators('aten'))) {
    const name = schema.name.replace('aten::', '');
    if (!variants.has(name)) continue;
    const overload = { ...schema, name };
    groups.set(name, [...(groups.get(name) ?? []), overload]);
  }
  const methods = section(groups, (name) => variants.get(name).method && !name.startsWith('_') && !byHand.has(name), {
    method: true,
    torch: 'torch.Tensor.',
  });
  const inModule = (name) => modules.includes(variants.get(name).module) && name.startsWith(variants.get(name).module);
  const functions = section(groups, (name) => variants.get(name).function && !hidden.test(name) && !inModule(name), {});
  const files = {
    'methods.ts': `${header(version, 'The operators that are methods of Tensor.', methods.lines)}
/** Every operator that PyTorch has as a method of its tensors. */
export interface TensorMethods {
${methods.lines.join('\n')}
}

/** The methods' names: \`camelCase=aten_name\` where the two differ, \`@1\` where the tensor is the second argument. */
${wrapTable('methodTable', methods.table)}`,
    'functions.ts': `${header(version, 'The operators that are functions.', functions.lines)}
/** Every public operator as a function, with the tensor it works on as its first argument. */
export interface Functions {
${functions.lines.join('\n')}
}

/** The functions' names, \`camelCase=aten_name\` where the two differ. */
${wrapTable('functionTable', functions.table)}`,
  };
  for (const module of modules) {
    const wanted = (name) => variants.get(name).module === module && !hidden.test(name.slice(module.length + 1));
    const found = section(groups, wanted, { prefix: `${module}_`, torch: `torch.${module}.` });
    const type = `${module[0].toUpperCase()}${module.slice(1)}Functions`;
    files[`${module}.ts`] = `${header(version, `The functions of torch.${module}.`, found.lines)}
/** The functions of \`torch.${module}\`. */
export interface ${type} {
${found.lines.join('\n')}
}

/** The functions' names, \`camelCase=aten_name\`. */
${wrapTable(`${module}Table`, found.table)}`;
  }
  return files;
}

/** native_functions.yaml of the libtorch in use, undefined where it has none (the official zip). */
export function findYaml(libtorch) {
  // Beside the folder in an unpacked wheel, inside it where the set-up unpacked it.
  const file = ['..', '.']
    .map((at) => path.join(libtorch, at, 'torchgen', 'packaged', 'ATen', 'native', 'native_functions.yaml'))
    .find((each) => existsSync(each));
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

function main() {
  const info = JSON.parse(readFileSync(path.join(root, 'build-cmake', 'build-info.json'), 'utf8'));
  const native = createRequire(import.meta.url)(path.join(root, 'build-cmake', 'Release', 'torchbridge.node'));
  const yaml = findYaml(info.libtorch);
  if (yaml === undefined) {
    console.error(`Expected native_functions.yaml beside ${info.libtorch}: take the libtorch of a wheel`);
    process.exit(1);
  }
  let differing = 0;
  for (const [name, text] of Object.entries(generate(native, yaml))) {
    const file = path.join(root, 'lib', 'generated', name);
    const old = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (old === text) continue;
    ++differing;
    if (!process.argv.includes('--check')) {
      writeFileSync(file, text);
      continue;
    }
    const before = new Set(old.split('\n'));
    const after = new Set(text.split('\n'));
    for (const line of before) if (!after.has(line)) console.log(`- ${line}`);
    for (const line of after) if (!before.has(line)) console.log(`+ ${line}`);
  }
  if (process.argv.includes('--check') && differing > 0) process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
