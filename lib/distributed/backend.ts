import { cudaBinding } from '../native/cuda-binding.js';
import { native } from '../native/load.js';
import { cuda, TorchError } from '../tensor/index.js';

/** Kinds of devices that collectives run on. */
export type BackendDevice = 'cpu' | 'cuda';

/**
 * What collectives run on: `gloo` for tensors on the CPU and on CUDA, `nccl` for CUDA alone, or one for each kind of device.
 * @see torch.distributed.Backend
 */
export type Backend =
  'gloo' | 'nccl' | 'cpu:gloo' | 'cuda:gloo' | 'cuda:nccl' | 'cpu:gloo,cuda:gloo' | 'cpu:gloo,cuda:nccl';

/** PyTorch's defaults in milliseconds: half an hour, ten minutes for NCCL alone. */
const TIMEOUT = 1_800_000;
const NCCL_TIMEOUT = 600_000;

/** How long collectives of a backend wait where nothing is said. */
export const defaultTimeout = (backend: Backend): number => (backend === 'nccl' ? NCCL_TIMEOUT : TIMEOUT);

const DEVICES: Readonly<Record<string, readonly BackendDevice[]>> = { gloo: ['cpu', 'cuda'], nccl: ['cuda'] };

/** The backend of each kind of device. @throws TorchError `value` for a text that is none. */
export function parseBackend(backend: string): ReadonlyMap<BackendDevice, 'gloo' | 'nccl'> {
  const wrong = new TorchError(
    'value',
    `Expected gloo, nccl or one for each device (as cpu:gloo,cuda:nccl) for backend but received ${backend}`,
  );
  const pairs = Object.hasOwn(DEVICES, backend)
    ? DEVICES[backend]!.map((device) => [device, backend])
    : backend.split(',').map((pair) => pair.split(':'));
  const parsed = new Map<BackendDevice, 'gloo' | 'nccl'>();
  for (const [device = '', name = '', ...rest] of pairs) {
    const known = Object.hasOwn(DEVICES, name) && DEVICES[name]!.includes(device as BackendDevice);
    if (!known || rest.length > 0 || parsed.has(device as BackendDevice)) throw wrong;
    parsed.set(device as BackendDevice, name as 'gloo' | 'nccl');
  }
  return parsed;
}

let nccl: string | true | undefined;

/** Why there are no groups of NCCL; undefined where there are. */
function whyNoNccl(): string | undefined {
  nccl ??= findNccl();
  return nccl === true ? undefined : nccl;
}

function findNccl(): string | true {
  const binding = cudaBinding();
  if (typeof binding === 'string') return binding;
  const factory = binding.nccl();
  if (typeof factory === 'string') return `the CUDA module has no NCCL: ${factory}`;
  native.setNccl(factory);
  return true;
}

/** Whether Gloo is built in: always. @see torch.distributed.is_gloo_available */
export const isGlooAvailable = (): boolean => true;

/** Whether NCCL is built in, as it is beside a CUDA build of libtorch; a GPU may still be missing. @see torch.distributed.is_nccl_available */
export const isNcclAvailable = (): boolean => whyNoNccl() === undefined;

/** That of the machine: NCCL's where there are GPUs and NCCL, else Gloo's. */
export const defaultBackend = (): Backend => (cuda.isAvailable() && isNcclAvailable() ? 'nccl' : 'gloo');

/** The pairs that the addon takes. NCCL is given to it where it has not been. */
export function backendPairs(backend: Backend): string[] {
  const parsed = parseBackend(backend);
  if ([...parsed.values()].includes('nccl')) whyNoNccl();
  return [...parsed].map((pair) => pair.join(':'));
}

/** @throws TorchError `value` for a text that is no backend, for one of GPUs alone without a GPU, and for NCCL where it is not built in. */
export function checkBackend(backend: string): void {
  const parsed = parseBackend(backend);
  const onNccl = [...parsed.values()].includes('nccl');
  const reason =
    onNccl || !parsed.has('cpu') ? (cuda.whyNotAvailable() ?? (onNccl ? whyNoNccl() : undefined)) : undefined;
  if (reason !== undefined) throw new TorchError('value', `The backend ${backend} cannot be used: ${reason}`);
}
