import path from 'node:path';
import tseslint from 'typescript-eslint';

/**
 * The floors of lib/, from the top down: a file may import from the floors below its own, and inside its own folder.
 * lib/generated is part of the tensor floor; lib/index.ts stands above all and may import everything.
 */
const floors = [
  ['cli'],
  ['train'],
  ['distributed'],
  ['models', 'data'],
  ['nn', 'optim', 'io'],
  ['tensor', 'generated'],
  ['native'],
];
const level = new Map(floors.flatMap((folders, index) => folders.map((folder) => [folder, index])));

const floorsRule = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const root = import.meta.dirname;
    const folderOf = (file) => /^lib\/(?:([^/]+)\/)?/.exec(path.relative(root, file))?.[1];
    const own = folderOf(context.filename);
    const check = (node) => {
      const target = node.source?.value;
      if (own === undefined || typeof target !== 'string' || !target.startsWith('.')) return;
      const file = path.resolve(path.dirname(context.filename), target);
      const other = folderOf(file);
      if (other === own || (own === 'tensor' && other === 'generated')) return;
      const relative = path.relative(root, file);
      if (other === undefined || (level.get(other) ?? -1) <= (level.get(own) ?? -1)) {
        context.report({ node, message: `lib/${own} may not import ${relative}: imports point to lower floors only.` });
      }
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
    };
  },
};

export default tseslint.config(
  // examples/ imports the package as its users do: the tests compile it.
  { ignores: ['examples/', 'dist/', 'build/', 'build-*/', 'node_modules/', 'runs/', 'coverage/', 'lib/generated/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers in messages are shapes and counts: they print as meant.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Array accesses that the surrounding loop has proved, under noUncheckedIndexedAccess.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/unified-signatures': 'off',
      // A type parameter may stand for what the caller knows of an untyped result.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // The generated signatures name a class by the base that it shares with its subclasses.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // The result type of ops.aten is the caller's claim; the tags of the tape are read from raw numbers; lists of numbers are
      // taken for class instances where a union holds both.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Tests ask for an effect (a getter that throws), and pass functions that do nothing.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['lib/**/*.ts'],
    plugins: { local: { rules: { floors: floorsRule } } },
    rules: { 'local/floors': 'error' },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    rules: { 'no-unused-vars': ['error', { argsIgnorePattern: '^_' }], 'prefer-const': 'error', eqeqeq: 'error' },
  },
);
