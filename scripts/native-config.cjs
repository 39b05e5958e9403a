/**
 * The build facts, once. CMakeLists.txt reads them with `node scripts/native-config.cjs --cmake`, binding.gyp with
 * `node -p "require('./scripts/native-config.cjs').forGyp(...)"`, the scripts with `import`; so the two builds cannot drift apart.
 *
 * CommonJS and free of dependencies: gyp evaluates it synchronously, and it runs before `npm ci` has.
 */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const root = path.resolve(__dirname, '..');

/** The release that the project is built and tested with; operators in lib/generated are those of this release. */
const LIBTORCH_VERSION = '2.13.0';

/** The release of the CUDA build that `fetch-libtorch --cuda` lays out (scripts/util/cuda-wheels.mjs). */
const CUDA_LIBTORCH_VERSION = '2.14.1';

/** Releases that the C++ is meant to compile against. Others are refused before an hour goes into strange compiler errors. */
const LIBTORCH_RANGE = { from: [2, 11], to: [2, 14] };

/**
 * What the publisher offers for the pinned release. A Python wheel is a whole libtorch (headers, libraries, its own libgomp).
 * The wheel for CPython 3.11 serves every Python and none: only torch/lib and torch/include are used.
 */
const LIBTORCH_FLAVOURS = {
  cpu: {
    'linux-x64': {
      requirement: `torch==${LIBTORCH_VERSION}+cpu`,
      pythonTag: { version: '3.11', implementation: 'cp', abi: 'cp311', platform: 'manylinux_2_28_x86_64' },
      file: `torch-${LIBTORCH_VERSION}+cpu-cp311-cp311-manylinux_2_28_x86_64.whl`,
      url: `https://download.pytorch.org/whl/cpu/torch-${LIBTORCH_VERSION}%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl`,
      sha256: '6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b',
      bytes: 191_794_682,
    },
  },
};

const ADDON_NAME = 'torchbridge';
const NAPI_VERSION = 9;
const CXX_STANDARD = 20;

// NDEBUG as in the publisher's own builds: libtorch's headers look at it.
const definitions = [`NAPI_VERSION=${NAPI_VERSION}`, 'NODE_ADDON_API_CPP_EXCEPTIONS_ALL', 'NDEBUG'];
// Visibility stays the default: libtorch's headers hold inline variables that must be the same object in libtorch and here.
const cflags = ['-O2', '-Wall', '-Wextra', '-fdiagnostics-color=auto'];

/**
 * Why torchbridge cannot run on this machine, in one line; undefined where it can. package.json's `os`, `cpu` and `libc` say the same
 * to npm, which can be overruled; lib/native/platform.ts says it when the addon cannot be loaded.
 */
function unsupportedPlatform() {
  const { platform, arch } = process;
  const { glibcVersionRuntime } = platform === 'linux' ? process.report.getReport().header : {};
  if (platform === 'linux' && arch === 'x64' && glibcVersionRuntime !== undefined) return undefined;
  const libc = platform === 'linux' && glibcVersionRuntime === undefined ? ' without glibc' : '';
  return `torchbridge runs on Linux x64 with glibc; this is ${platform} ${arch}${libc}.`;
}

/** Every .cpp of a folder, sorted, relative to the root: a new file needs no edit anywhere. */
function sources(folder = 'native') {
  return fs
    .readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.cpp'))
    .sort()
    .map((name) => `${folder}/${name}`);
}

/** The folder of a package in node_modules, found as Node finds it (a dependency may be hoisted above this package). */
function packageFolder(name) {
  try {
    return path.dirname(require.resolve(`${name}/package.json`, { paths: [root] }));
  } catch {
    throw new Error(`The package ${name} is not installed: run \`npm ci\` in ${root} first.`);
  }
}

/** The folder that all clones share. */
function cacheFolder(env = process.env) {
  if (env.TORCHBRIDGE_CACHE) return path.resolve(env.TORCHBRIDGE_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'torchbridge');
}

/** Where the fetched libtorch of a version and flavour lies, whether or not it is there yet. */
function cachedLibtorch(version = LIBTORCH_VERSION, flavour = 'cpu', env = process.env) {
  return path.join(cacheFolder(env), `libtorch-${version}-${flavour}`);
}

/** Where the fetched CUDA build lies: its libraries look for NVIDIA's beside its folder, as pip lays them. */
const cachedCudaLibtorch = (env = process.env) =>
  path.join(cachedLibtorch(CUDA_LIBTORCH_VERSION, 'cuda', env), 'torch');

const FLAVOUR_FILE = path.join(root, '.cache', 'flavour');

/** `cpu` or `cuda`: TORCHBRIDGE_FLAVOUR, else what `fetch-libtorch` was last asked for, else cpu. */
function chosenFlavour(env = process.env) {
  if (env.TORCHBRIDGE_FLAVOUR) {
    if (['cpu', 'cuda'].includes(env.TORCHBRIDGE_FLAVOUR)) return env.TORCHBRIDGE_FLAVOUR;
    throw new Error(`Expected cpu or cuda for TORCHBRIDGE_FLAVOUR but received ${env.TORCHBRIDGE_FLAVOUR}`);
  }
  try {
    return fs.readFileSync(FLAVOUR_FILE, 'utf8').trim() === 'cuda' ? 'cuda' : 'cpu';
  } catch {
    return 'cpu';
  }
}

/** Remembers what `fetch-libtorch` was asked for. */
function chooseFlavour(flavour) {
  fs.mkdirSync(path.dirname(FLAVOUR_FILE), { recursive: true });
  fs.writeFileSync(FLAVOUR_FILE, `${flavour}\n`);
}

/**
 * The folders of CUDA's headers that the CUDA module is compiled with: NVIDIA's packages beside a libtorch, as pip lays them, with those of the
 * compiler from Triton's package where NVIDIA's own is not installed; else an installed CUDA, or both together. Those that NCCL's part needs
 * too come first. Empty for a CPU build, and where some are missing.
 */
function cudaIncludeFolders(libtorch, env = process.env) {
  if (!fs.existsSync(path.join(libtorch, 'lib', 'libtorch_cuda.so'))) return [];
  const nvidia = path.join(libtorch, '..', 'nvidia');
  const beside = fs.existsSync(nvidia) ? fs.readdirSync(nvidia).map((name) => path.join(nvidia, name, 'include')) : [];
  const installed = [env.CUDA_HOME, env.CUDA_PATH, '/usr/local/cuda'].filter(Boolean);
  const triton = path.join(libtorch, '..', 'triton', 'backends', 'nvidia', 'include');
  const toolkits = installed.map((folder) => path.join(folder, 'include'));
  const sets = [beside, [...beside, triton], ...toolkits.flatMap((folder) => [[folder], [...beside, folder]])];
  const holds = (folders, header) => folders.some((folder) => fs.existsSync(path.join(folder, header)));
  const has = (headers) => sets.find((set) => headers.every((header) => holds(set, header)));
  const needed = ['cuda_runtime.h', 'crt/host_config.h', 'cusparse.h'];
  const complete = has([...needed, 'nccl.h', 'nv/target']) ?? has(needed);
  return (complete ?? []).filter((folder) => fs.existsSync(folder));
}

/**
 * Reads what a libtorch folder says of itself. Wheels have version.py, the official zip has build-version, all have version.h.
 * @returns version without the local part (`2.13.0`), and the flavour (`cpu`, `cu130`, `unknown`).
 */
function readLibtorchVersion(folder) {
  const read = (name) => {
    try {
      return fs.readFileSync(path.join(folder, name), 'utf8');
    } catch {
      return undefined;
    }
  };
  const full =
    /__version__ = '([^']+)'/.exec(read('version.py') ?? '')?.[1] ??
    read('build-version')?.trim() ??
    /#define TORCH_VERSION\s*\\?\s*"([^"]+)"/.exec(
      read('include/torch/headeronly/version.h') ?? read('include/torch/csrc/api/include/torch/version.h') ?? '',
    )?.[1];
  if (full === undefined) return undefined;
  const [version, local] = full.split('+');
  const hasCuda = fs.existsSync(path.join(folder, 'lib', 'libtorch_cuda.so'));
  return { version, flavour: local ?? (hasCuda ? 'cuda' : 'cpu') };
}

/**
 * Checks that a folder is a libtorch that can be built against.
 * @returns {{folder: string, version: string, flavour: string}}
 * @throws Error in one line: what is missing, and in which folder.
 */
function checkLibtorch(folder, origin) {
  const absolute = path.resolve(folder);
  for (const needed of ['lib/libtorch.so', 'lib/libtorch_cpu.so', 'lib/libc10.so', 'include/ATen/core/Tensor.h']) {
    if (!fs.existsSync(path.join(absolute, needed))) {
      const inside = fs.existsSync(path.join(absolute, 'torch', needed))
        ? ` Did you mean ${path.join(absolute, 'torch')}?`
        : '';
      throw new Error(`${origin} is ${absolute}, which is not a libtorch: it has no ${needed}.${inside}`);
    }
  }
  const found = readLibtorchVersion(absolute);
  if (found === undefined)
    throw new Error(
      `${origin} is ${absolute}, which does not tell its version (no version.py, build-version or version.h).`,
    );
  const [major = 0, minor = 0] = found.version.split('.').map(Number);
  const { from, to } = LIBTORCH_RANGE;
  if (major * 1000 + minor < from[0] * 1000 + from[1] || major * 1000 + minor > to[0] * 1000 + to[1]) {
    throw new Error(
      `${origin} is ${absolute}, which is libtorch ${found.version}; torchbridge builds with ${from.join('.')} to ${to.join('.')} (tested: ${LIBTORCH_VERSION}).`,
    );
  }
  return { folder: absolute, ...found };
}

/**
 * Finds a libtorch that is already on this machine: LIBTORCH, then the PyTorch of python3 when TORCHBRIDGE_USE_PYTHON_TORCH=1
 * asks for it, then the cache.
 * @returns undefined when there is none and one must be fetched.
 * @throws Error when the place that was asked for does not hold a usable one: nothing else is tried then.
 */
function findLibtorch(env = process.env) {
  if (env.LIBTORCH) return { ...checkLibtorch(env.LIBTORCH, 'LIBTORCH'), origin: 'LIBTORCH' };
  if (env.TORCHBRIDGE_USE_PYTHON_TORCH && env.TORCHBRIDGE_USE_PYTHON_TORCH !== '0') {
    let folder;
    try {
      // find_spec does not import torch, which would take seconds.
      const program =
        'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")';
      folder = execFileSync('python3', ['-c', program], {
        encoding: 'utf8',
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      }).trim();
    } catch (error) {
      throw new Error(
        `TORCHBRIDGE_USE_PYTHON_TORCH is set, but python3 could not be asked: ${String(error.message).split('\n')[0]}`,
      );
    }
    if (folder === '')
      throw new Error('TORCHBRIDGE_USE_PYTHON_TORCH is set, but the python3 on the PATH has no PyTorch.');
    return { ...checkLibtorch(folder, 'The PyTorch of python3'), origin: 'python3' };
  }
  const flavour = chosenFlavour(env);
  const cached = flavour === 'cuda' ? cachedCudaLibtorch(env) : cachedLibtorch(LIBTORCH_VERSION, 'cpu', env);
  if (fs.existsSync(cached)) return { ...checkLibtorch(cached, 'The cached libtorch'), origin: 'cache' };
  return undefined;
}

/** As findLibtorch, but having none is an error: for the two build systems. */
function requireLibtorch() {
  const found = findLibtorch();
  if (found) return found;
  throw new Error('No libtorch found: run `npm run setup`, which fetches it, or set LIBTORCH to the folder of one.');
}

/** What the linker is given. Without --no-as-needed the CUDA library, which nothing refers to by name, is silently dropped. */
function libraries(libtorch) {
  const names = ['torch', 'torch_cpu', 'c10'];
  for (const name of ['torch_cuda', 'c10_cuda']) {
    if (fs.existsSync(path.join(libtorch, 'lib', `lib${name}.so`))) names.push(name);
  }
  return names;
}

function includeFolders(libtorch) {
  return [
    packageFolder('node-addon-api'),
    path.join(packageFolder('node-api-headers'), 'include'),
    path.join(libtorch, 'include'),
    path.join(libtorch, 'include', 'torch', 'csrc', 'api', 'include'),
    path.join(root, 'native', 'gloo'), // for c10d's headers, which name Gloo's
  ];
}

/** Everything that both builds need, for a libtorch that is found now. */
function buildFacts() {
  const { folder, version } = requireLibtorch();
  return {
    addonName: ADDON_NAME,
    cxxStandard: CXX_STANDARD,
    sources: sources(),
    cudaSources: sources('native/cuda'),
    definitions: [...definitions, `TORCHBRIDGE_LIBTORCH_VERSION="${version}"`],
    cflags,
    includeFolders: includeFolders(folder),
    libtorch: folder,
    libraryFolder: path.join(folder, 'lib'),
    libraries: libraries(folder),
    cudaIncludes: cudaIncludeFolders(folder),
  };
}

/** gyp takes one line per list element. */
function forGyp(what) {
  const facts = buildFacts();
  switch (what) {
    case 'cflags':
      return [...facts.cflags, ...facts.includeFolders.flatMap((folder) => ['-isystem', folder])].join('\n');
    case 'cuda-headers':
      return facts.cudaIncludes.flatMap((folder) => ['-isystem', folder]).join('\n');
    case 'ldflags':
      return [`-L${facts.libraryFolder}`, `-Wl,-rpath,${facts.libraryFolder}`, '-Wl,--no-as-needed'].join('\n');
    case 'libraries':
      return facts.libraries.map((name) => `-l${name}`).join('\n');
    case 'definitions':
      // make's shell takes one level of quotes away.
      return facts.definitions.map((definition) => definition.replaceAll('"', '\\"')).join('\n');
    case 'sources':
      return facts.sources.join('\n');
    case 'cuda-sources':
      return facts.cudaSources.join('\n');
    default:
      throw new Error(`native-config: unknown list ${String(what)}`);
  }
}

function forCMake() {
  const facts = buildFacts();
  const quote = (text) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const set = (name, values) =>
    `set(${name} ${[values]
      .flat()
      .map((value) => quote(String(value)))
      .join(' ')})`;
  return [
    set('TORCHBRIDGE_ADDON_NAME', facts.addonName),
    set('TORCHBRIDGE_CXX_STANDARD', facts.cxxStandard),
    set('TORCHBRIDGE_SOURCES', facts.sources),
    set('TORCHBRIDGE_CUDA_SOURCES', facts.cudaSources),
    set('TORCHBRIDGE_DEFINITIONS', facts.definitions),
    set('TORCHBRIDGE_CFLAGS', facts.cflags),
    set('TORCHBRIDGE_INCLUDES', facts.includeFolders),
    set('TORCHBRIDGE_LIBTORCH_FOLDER', facts.libtorch),
    set('TORCHBRIDGE_LIBRARY_FOLDER', facts.libraryFolder),
    set('TORCHBRIDGE_LIBRARIES', facts.libraries),
    set('TORCHBRIDGE_CUDA_INCLUDES', facts.cudaIncludes),
    '',
  ].join('\n');
}

module.exports = {
  root,
  LIBTORCH_VERSION,
  CUDA_LIBTORCH_VERSION,
  LIBTORCH_RANGE,
  LIBTORCH_FLAVOURS,
  ADDON_NAME,
  NAPI_VERSION,
  unsupportedPlatform,
  sources,
  packageFolder,
  cacheFolder,
  cachedLibtorch,
  cachedCudaLibtorch,
  chosenFlavour,
  chooseFlavour,
  cudaIncludeFolders,
  readLibtorchVersion,
  checkLibtorch,
  findLibtorch,
  buildFacts,
  forGyp,
  forCMake,
};

if (require.main === module) {
  const [, , flag, what] = process.argv;
  try {
    if (flag === '--cmake') process.stdout.write(forCMake());
    else if (flag === '--gyp') process.stdout.write(`${forGyp(what)}\n`);
    else
      throw new Error(
        'Usage: node scripts/native-config.cjs --cmake | --gyp sources|cuda-sources|cflags|cuda-headers|ldflags|libraries|definitions',
      );
  } catch (error) {
    process.stderr.write(`torchbridge: ${error.message}\n`);
    process.exitCode = 1;
  }
}
