import { randn, Tensor } from '../../tensor/index.js';
import { watchCalls } from '../call-watcher.js';
import type { Module } from '../module.js';
import { Sequential } from '../sequential.js';
import { callWith, examine, oneSize } from './examine.js';

/**
 * The notes' table of a network: a line for each layer with the shape of its output, then the output itself. What a Sequential holds
 * is shown, what another module holds is not.
 *
 * The network runs in the mode it is in, with gradients recorded and with an input drawn from the default generator, as in the notes,
 * so that the numbers are Python's for the same seed; mode, generator and running statistics are afterwards what they were.
 * ```ts
 * console.log(nn.showNet(models.getModel('lenet'), [1, 1, 32, 32]));
 * ```
 * @param input the shape of the input, or the input.
 * @returns the lines.
 * @throws TorchError `value` for sizes that are none; what the network throws, with the sizes and the module.
 */
export function showNet(net: Module, input: readonly number[] | Tensor): string {
  const lines: string[] = [];
  const open: Module[] = [];
  const isShown = (module: Module): boolean =>
    !isSequential(module) && module !== net && open.every((each) => each === net || isSequential(each));
  const watcher = {
    enter: (module: Module) => void open.push(module),
    leave: (module: Module, _input: readonly unknown[], output: unknown) => {
      open.pop();
      if (isShown(module)) lines.push(layerLine(module, output));
    },
  };
  return examine(net, { record: true }, () => {
    const x = input instanceof Tensor ? input : randn([...oneSize(input)]);
    const output = watchCalls(watcher, () => callWith(net, [x]));
    if (lines.length === 0) lines.push(layerLine(net, output));
    return [...lines, String(output)].join('\n');
  });
}

// By its name, as in the notes: a class of one's own that extends Sequential is a layer like any other.
const isSequential = (module: Module): boolean => module instanceof Sequential && module.className() === 'Sequential';

function layerLine(module: Module, output: unknown): string {
  const name = module.className().padStart(20);
  const shape = output instanceof Tensor ? `torch.Size([${output.shape.join(', ')}])` : typeof output;
  return `${name} output shape : ${shape}`;
}
