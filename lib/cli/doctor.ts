import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { BuildInfo } from '../native/binding.js';
import { setupCommand, unsupportedPlatform } from '../native/place.js';
import { packageFile, packageVersion } from '../train/package-version.js';
import { coloursFor, errorLine, type Output } from './output.js';

/** One thing the doctor looked at. */
interface Check {
  readonly name: string;
  /** `info` is neither good nor bad: there is no accelerator, say. */
  readonly status: 'ok' | 'missing' | 'info';
  readonly text: string;
  /** How to mend what is missing. */
  readonly wayOut?: string;
}

/** What `scripts/native-config.cjs` tells of the build; the doctor must answer even where it is damaged. */
interface BuildFacts {
  readonly LIBTORCH_VERSION: string;
  cacheFolder(): string;
  findLibtorch(): { folder: string; version: string; flavour: string; origin: string } | undefined;
}

/** `torchbridge doctor`. @returns the exit code: 1 when something is missing. */
export async function runDoctor({ json }: { json: boolean }, stdout: Output): Promise<number> {
  const addon = await loadAddon();
  const facts = buildFacts();
  const checks: Check[] = [
    nodeCheck(),
    addonCheck(addon),
    libtorchCheck(addon, facts),
    ...machineChecks(addon),
    cacheCheck(facts),
  ];
  const missing = checks.filter((check) => check.status === 'missing');
  if (json) {
    stdout.write(`${JSON.stringify({ torchbridge: packageVersion(), ok: missing.length === 0, checks }, null, 2)}\n`);
  } else {
    printChecks(checks, stdout);
  }
  return missing.length === 0 ? 0 : 1;
}

type Addon =
  | { readonly path: string; readonly info: BuildInfo; readonly threads: number; readonly cuda: CudaChain }
  | { readonly error: string };

/** What has to be there for CUDA, link by link. */
interface CudaChain {
  readonly driver: {
    readonly failure: string | null;
    readonly version: string | null;
    readonly devices: readonly { name?: string; totalMemory?: number }[];
  };
  readonly devices: number;
  /** Why graphs cannot be recorded, null where they can. */
  readonly module: string | null;
  /** Why processes cannot exchange tensors by NCCL, null where they can. */
  readonly nccl: string | null;
}

async function loadAddon(): Promise<Addon> {
  try {
    const { addonPath, native } = await import('../native/load.js');
    const { cudaBinding } = await import('../native/cuda-binding.js');
    const info = native.buildInfo();
    const module = hasCuda(info) ? cudaBinding() : 'libtorch has no CUDA';
    const nccl = typeof module === 'string' ? module : module.nccl();
    const cuda = {
      driver: JSON.parse(native.cudaDriver()) as CudaChain['driver'],
      devices: native.deviceCount('cuda'),
      module: typeof module === 'string' ? module : null,
      nccl: typeof nccl === 'string' ? nccl : null,
    };
    return { path: addonPath, info, threads: native.getNumThreads(), cuda };
  } catch (error) {
    return { error: errorLine(error) };
  }
}

const hasCuda = ({ config }: BuildInfo): boolean => /\bUSE_CUDA=(1|ON)\b/.test(config);

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const text = `${process.versions.node}, ${process.execPath}`;
  if (major > 20 || (major === 20 && minor >= 19)) return { name: 'node', status: 'ok', text };
  return { name: 'node', status: 'missing', text, wayOut: 'torchbridge needs Node 20.19 or newer: https://nodejs.org' };
}

function addonCheck(addon: Addon): Check {
  if ('error' in addon) {
    const unsupported = unsupportedPlatform();
    if (unsupported !== undefined) return { name: 'addon', status: 'missing', text: unsupported };
    // The loader's line ends with the way out, after the last colon.
    const [, text = addon.error, wayOut] = /^(.*): (run .*)$/.exec(addon.error) ?? [];
    return { name: 'addon', status: 'missing', text, wayOut: wayOut ?? `run \`${setupCommand()}\`` };
  }
  return { name: 'addon', status: 'ok', text: `${addon.path}, built for libtorch ${addon.info.compiledFor}` };
}

function libtorchCheck(addon: Addon, facts: BuildFacts | null): Check {
  const built = recordedLibtorch();
  if (!('error' in addon)) {
    // What is loaded, whatever was recorded: TORCHBRIDGE_ADDON may name an addon of another libtorch.
    const where = libtorchInMemory() ?? built?.folder ?? 'in the place the addon was linked with';
    return { name: 'libtorch', status: 'ok', text: `${addon.info.torchVersion}, ${where}` };
  }
  if (built !== null && existsSync(join(built.folder, 'lib', 'libtorch.so'))) {
    return { name: 'libtorch', status: 'ok', text: `${built.version}, ${built.folder}` };
  }
  const wayOut =
    `run \`${setupCommand()}\`, which fetches it, or set LIBTORCH to the folder of libtorch ${facts?.LIBTORCH_VERSION ?? ''}`.trimEnd();
  try {
    const found = facts?.findLibtorch();
    if (found === undefined) {
      return {
        name: 'libtorch',
        status: 'missing',
        text: 'not found: LIBTORCH is not set and the cache has none',
        wayOut,
      };
    }
    return {
      name: 'libtorch',
      status: 'ok',
      text: `${found.version} ${found.flavour}, ${found.folder} (${found.origin})`,
    };
  } catch (error) {
    return { name: 'libtorch', status: 'missing', text: errorLine(error), wayOut };
  }
}

function machineChecks(addon: Addon): Check[] {
  const cores = `${availableParallelism()} cores`;
  if ('error' in addon) return [{ name: 'machine', status: 'info', text: cores }];
  const { cpuCapability, accelerator, accelerators } = addon.info;
  const device = accelerators > 0 ? `${accelerators} x ${accelerator}` : 'none';
  return [
    { name: 'cpu', status: 'info', text: `${cpuCapability} kernels` },
    { name: 'threads', status: 'info', text: `${addon.threads} of libtorch, ${cores}` },
    { name: 'accelerator', status: 'info', text: device },
    ...cudaChecks(addon.info, addon.cuda),
  ];
}

/** The chain from the driver to the devices: what is missing first is why `--device cuda` fails. */
function cudaChecks(info: BuildInfo, { driver, devices, module, nccl }: CudaChain): Check[] {
  const of = (bytes = 0): string => `${(bytes / 2 ** 30).toFixed(0)} GiB`;
  const names = driver.devices.map(({ name = 'unknown', totalMemory }) => `${name}, ${of(totalMemory)}`);
  const found = `CUDA ${driver.version ?? 'unknown'}${names.length === 0 ? ', no device' : `: ${names.join('; ')}`}`;
  const checks: Check[] = [{ name: 'cuda driver', status: 'info', text: driver.failure ?? found }];
  if (!hasCuda(info)) {
    const text = 'libtorch is a CPU build';
    const wayOut = '`torchbridge fetch-libtorch --cuda` and `torchbridge setup` bring the CUDA build';
    checks.push({
      name: 'flavour',
      status: 'info',
      text,
      ...(driver.failure === null && names.length > 0 ? { wayOut } : {}),
    });
    return checks;
  }
  const number = (name: string): string => new RegExp(`\\b${name}=([\\d.]+)`).exec(info.config)?.[1] ?? 'unknown';
  const text = `libtorch is built for CUDA ${number('CUDA_VERSION')}, cuDNN ${number('CUDNN_VERSION')}; its libraries are loaded`;
  const lacking = driver.failure === null && names.length > 0 && devices === 0;
  checks.push({
    name: 'flavour',
    status: lacking ? 'missing' : 'info',
    text: lacking ? `${text}, but it sees no device` : text,
    ...(lacking
      ? { wayOut: `the driver runs CUDA up to ${driver.version ?? 'unknown'}: a newer one may be needed` }
      : {}),
  });
  checks.push({ name: 'cuda module', status: 'info', text: module ?? 'built: graphs can be recorded' });
  if (module === null) checks.push({ name: 'nccl', status: 'info', text: nccl ?? 'built in' });
  return checks;
}

function cacheCheck(facts: BuildFacts | null): Check {
  if (facts === null)
    return { name: 'cache', status: 'info', text: 'unknown: scripts/native-config.cjs cannot be read' };
  const folder = facts.cacheFolder();
  // The folder itself may be yet to be made: what counts is the nearest one above that exists.
  let existing = folder;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
    return { name: 'cache', status: 'info', text: existsSync(folder) ? folder : `${folder} (empty)` };
  } catch {
    const wayOut = 'set TORCHBRIDGE_CACHE to a folder that can be written to';
    return { name: 'cache', status: 'missing', text: `${folder} cannot be written to`, wayOut };
  }
}

function buildFacts(): BuildFacts | null {
  try {
    return createRequire(import.meta.url)(join(dirname(packageFile()), 'scripts', 'native-config.cjs')) as BuildFacts;
  } catch {
    return null;
  }
}

/** The libtorch that the set-up recorded when it built the addon. */
function recordedLibtorch(): { folder: string; version: string } | null {
  try {
    const text = readFileSync(join(dirname(packageFile()), 'build-cmake', 'build-info.json'), 'utf8');
    const { libtorch, version } = JSON.parse(text) as Record<string, unknown>;
    return typeof libtorch === 'string' && typeof version === 'string' ? { folder: libtorch, version } : null;
  } catch {
    return null;
  }
}

/** Where the library that is loaded now lies, as Linux tells it. */
function libtorchInMemory(): string | null {
  try {
    return /\s(\/\S.*)\/lib\/libtorch_cpu\.so/.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

function printChecks(checks: readonly Check[], stdout: Output): void {
  const colours = coloursFor(stdout);
  const marks = { ok: colours.green('ok     '), missing: colours.red('missing'), info: colours.dim('-      ') };
  stdout.write(`torchbridge ${packageVersion()}\n`);
  for (const { name, status, text, wayOut } of checks) {
    stdout.write(`  ${marks[status]}  ${name.padEnd(11)}  ${text}\n`);
    if (wayOut !== undefined) stdout.write(`${' '.repeat(24)}${colours.yellow(wayOut)}\n`);
  }
  const missing = checks.filter((check) => check.status === 'missing').length;
  const ending =
    missing === 0 ? 'Everything is in place.' : `${missing} ${missing === 1 ? 'thing is' : 'things are'} missing.`;
  stdout.write(`${ending}\n`);
}
