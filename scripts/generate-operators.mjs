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
// Parts of other operators, and kernels that libtorch calls with arguments it has checked elsewhere; `ops.aten` still calls them.
const hidden =
  /(^(native|cudnn|miopen|mkldnn|quantized)_.*|_backward(_data|_input|_weight|_weights|_bias|_output)?|_jvp|_double_backward|_copy|^_.*)$/;

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

/** name -> { method, function } as PyTorch's own bindings have them. */
function readVariants(yaml) {
  const variants = new Map();
  for (const entry of yaml.split(/\n(?=- func: )/)) {
    const name = /^- func: ([A-Za-z0-9_]+)/.exec(entry)?.[1];
    if (name === undefined) continue;
    const line = /\n {2}variants: (.*)/.exec(entry)?.[1] ?? 'function';
    const known = variants.get(name) ?? { method: false, function: false };
    known.method ||= line.includes('method');
    known.function ||= line.includes('function');
    variants.set(name, known);
  }
  return variants;
}

function argumentType(argument) {
  let type = kinds[argument.kind];
  if (type === undefined) return undefined;
  if (argument.broadcast > 0 && type === 'Ints') type = 'Ints | number';
  return argument.optional ? `${type} | null` : type;
}

function resultType(overload, inPlace) {
  const results = overload.returns.map((result) => {
    if (inPlace && result.alias === 0) return 'this';
    const type = result.type.replace(/\?$/, '');
    if (/^(Tensor|\(Tensor\))/.test(type) && !type.includes('[]')) return 'Tensor';
    if (type === 'Tensor[]' || type === 'List[Tensor]') return 'Tensor[]';
    if (/^(int|SymInt|float|number|Scalar)$/.test(type)) return 'number';
    if (type === 'bool') return 'boolean';
    if (type === 'str') return 'string';
    if (/^(int|SymInt|float|List\[(int|SymInt|float)\])(\[\])?$/.test(type)) return 'number[]';
    return 'unknown';
  });
  if (results.length === 0) return 'void';
  return results.length === 1
    ? results[0]
    : `[${results.map((each) => (each === 'this' ? 'Tensor' : each)).join(', ')}]`;
}

/** One or two call signatures of an overload: everything positional, and the optional ones by name. */
function signatures(overload, method) {
  let args = overload.arguments.filter((each) => kinds[each.kind] !== undefined || !each.default);
  if (args.some((each) => kinds[each.kind] === undefined)) return [];
  if (method) {
    if (args[0]?.name !== 'self' && !/^Tensor/.test(kinds[args[0]?.kind] ?? '')) return [];
    args = args.slice(1);
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
  const both = [write(positional, named)];
  if (byName.length > 0) both.push(write(required, [...byName, ...named]));
  return both.filter((each) => each !== undefined);
}

const reserved = new Set(['in', 'this', 'new', 'function', 'default', 'with', 'var', 'let', 'else', 'if', 'for']);
const safe = (name) => (reserved.has(name) ? `${name}_` : name);

const rank = (overload) => {
  const out = overload.arguments.some((each) => each.out) ? 1 : 0;
  const scalars = overload.arguments.filter((each) => kinds[each.kind] === 'Scalar' && !each.default).length;
  return out * 100 + scalars * 10 + (overload.overload === '' ? 0 : 1);
};

function section(groups, wanted, method) {
  const lines = [];
  const table = [];
  for (const [name, overloads] of groups) {
    if (!wanted(name)) continue;
    const js = camelCase(name);
    const written = overloads
      .filter((each) => each.unsupported === '')
      .sort((a, b) => rank(a) - rank(b))
      .flatMap((each) => signatures(each, method));
    const unique = [...new Set(written)];
    if (unique.length === 0) continue;
    const torch = method ? `torch.Tensor.${name}` : `torch.${name}`;
    lines.push(`  /** \`aten::${name}\`, as \`${torch}\`. */`);
    for (const each of unique) lines.push(`  ${js}${each};`);
    table.push(js === name ? name : `${js}=${name}`);
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

const header = (
  version,
  what,
) => `// Generated by scripts/generate-operators.mjs from the schemas of libtorch ${version}. Do not edit.
// ${what}
import type { Device, DType, Layout, MemoryFormat } from '../tensor/dtype.js';
import type { Generator } from '../tensor/generator.js';
import type { PyFloat } from '../tensor/tape.js';
import type { Ints, Scalar } from '../tensor/scalar.js';
import type { Tensor } from '../tensor/tensor.js';
`;

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
  const methods = section(
    groups,
    (name) => variants.get(name).method && !name.startsWith('_') && !byHand.has(name),
    true,
  );
  const functions = section(groups, (name) => variants.get(name).function && !hidden.test(name), false);
  return {
    'methods.ts': `${header(version, 'The operators that are methods of Tensor.')}
/** Every operator that PyTorch has as a method of its tensors. */
export interface TensorMethods {
${methods.lines.join('\n')}
}

/** The methods' names, \`camelCase=aten_name\` where the two differ. */
${wrapTable('methodTable', methods.table)}`,
    'functions.ts': `${header(version, 'The operators that are functions.')}
/** Every public operator as a function, with the tensor it works on as its first argument. */
export interface Functions {
${functions.lines.join('\n')}
}

/** The functions' names, \`camelCase=aten_name\` where the two differ. */
${wrapTable('functionTable', functions.table)}`,
  };
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
