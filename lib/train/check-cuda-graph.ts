import type { RunOptions } from './config-schema.js';
import { UsageError } from './errors.js';

/** What a recorded step cannot do, before any data are read. @throws UsageError in one line. */
export function checkCudaGraph(options: RunOptions): void {
  if (options.cudaGraph !== true) return;
  const { device = 'cpu', optimizer = 'sgd', accumulate = 1, schedule } = options;
  const refuse = (line: string): never => {
    throw new UsageError(line);
  };
  if (!device.startsWith('cuda'))
    refuse(
      `Expected --device cuda with --cuda-graph but received ${device}: a graph is recorded on an NVIDIA GPU, by the CUDA build of libtorch (torchbridge doctor shows what is there)`,
    );
  if (optimizer !== 'sgd')
    refuse(`Expected --optimizer sgd with --cuda-graph but received ${optimizer}: its steps are not recorded`);
  if (accumulate > 1) refuse('Expected no --accumulate with --cuda-graph: each batch is a step that is recorded');
  if (schedule === 'one-cycle')
    refuse('Expected no --schedule one-cycle with --cuda-graph: it moves the momentum, which a recorded step holds');
}
