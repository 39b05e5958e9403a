import { native } from '../../native/load.js';
import { autocast } from '../autocast.js';
import { backward } from '../autograd.js';
import type { DType } from '../dtype.js';
import { TorchError } from '../errors.js';
import { defaultGenerator, type Generator } from '../generator.js';
import { enableGrad } from '../grad-mode.js';
import { Tensor } from '../tensor.js';
import { warnOnce } from '../warn-once.js';
import type { FunctionCtx } from './context.js';
import { CustomFunction, type Gradient } from './custom-function.js';
import { explainReleased } from './explain-released.js';
import { putTogether, takeApart } from './held-arguments.js';

type Run = (...args: readonly unknown[]) => unknown;

interface CheckpointCtx extends FunctionCtx {
  run: Run;
  template: readonly unknown[];
  held: readonly Tensor[];
  devices: readonly string[];
  autocasts: readonly { device: string; enabled: boolean; dtype: DType; cacheEnabled: boolean }[];
  /** States of the devices' generators; none when they are not to be restored. */
  states: readonly Tensor[];
}

const generators = new Map<string, Generator>();

function generatorOf(device: string): Generator {
  let generator = generators.get(device);
  if (generator === undefined) {
    generator = defaultGenerator(device);
    generators.set(device, generator);
  }
  return generator;
}

/** Runs `fn` with the generators in these states, and puts them back where they were. */
function withStates<T>(devices: readonly string[], states: readonly Tensor[], fn: () => T): T {
  const before = states.map((_, index) => generatorOf(devices[index]!).getState());
  try {
    for (const [index, state] of states.entries()) generatorOf(devices[index]!).setState(state);
    return fn();
  } finally {
    for (const [index, state] of before.entries()) generatorOf(devices[index]!).setState(state);
  }
}

function withAutocasts<T>(autocasts: CheckpointCtx['autocasts'], fn: () => T): T {
  const [first, ...others] = autocasts;
  if (first === undefined) return fn();
  const { device, ...options } = first;
  return autocast(device, options, () => withAutocasts(others, fn));
}

function checkBackwardValidity(args: readonly unknown[]): void {
  if (args.some((each) => each instanceof Tensor && each.requiresGrad)) return;
  warnOnce('None of the inputs have requires_grad=True. Gradients will be None');
}

/** The same tensors without their histories, leaves of a graph of their own. */
function detachVariable(tensor: Tensor): Tensor {
  const detached = tensor.detach();
  if (tensor.requiresGrad) detached.requiresGrad = true;
  return detached;
}

// Named like PyTorch's: the name of its node is CheckpointFunctionBackward.
class CheckpointFunction extends CustomFunction {
  static forward(ctx: CheckpointCtx, run: Run, preserve: boolean, ...args: readonly unknown[]): unknown {
    checkBackwardValidity(args);
    const { template, inputs, held } = takeApart(args);
    const tensors = [...inputs, ...held] as Tensor[];
    const others = tensors.map((each) => each.device).filter((device) => !/^(cpu|meta)/.test(device));
    ctx.devices = ['cpu', ...new Set(others)];
    ctx.autocasts = ctx.devices.map((device) => ({
      device,
      enabled: native.isAutocastEnabled(device),
      dtype: native.autocastDtype(device) as DType,
      cacheEnabled: native.isAutocastCacheEnabled(),
    }));
    ctx.states = preserve ? ctx.devices.map((device) => generatorOf(device).getState()) : [];
    ctx.run = run;
    ctx.template = template;
    ctx.held = held as Tensor[];
    ctx.saveForBackward(...(inputs as Tensor[]));
    return run(...args);
  }

  static backward(ctx: CheckpointCtx, ...gradients: readonly Gradient[]): Gradient[] {
    if (!native.isCheckpointValid()) {
      throw new TorchError(
        'runtime',
        'When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing the `inputs` argument.',
      );
    }
    const { run, savedTensors: inputs } = ctx;
    const detached: Tensor[] = [];
    const raw = withStates(ctx.devices, ctx.states, () => {
      detached.push(...inputs.map(detachVariable));
      const args = putTogether(ctx.template, detached, ctx.held);
      return enableGrad(() => withAutocasts(ctx.autocasts, () => explainReleased(() => run(...args))));
    });
    const outputs: unknown[] = Array.isArray(raw) ? raw : [raw];
    const tensors: Tensor[] = [];
    const gradTensors: (Tensor | null)[] = [];
    for (const [index, output] of outputs.entries()) {
      if (!(output instanceof Tensor) || !output.requiresGrad) continue;
      tensors.push(output);
      gradTensors.push(gradients[index] ?? null);
    }
    if (tensors.length === 0) {
      throw new TorchError('runtime', 'none of output has requires_grad=True, this checkpoint() is not necessary');
    }
    backward(tensors, { gradTensors });
    const direct = putTogether(ctx.template, detached, ctx.held);
    return [null, null, ...direct.map((each) => (each instanceof Tensor ? each.grad : null))];
  }
}

/** The implementation with a backward inside backward. */
export function checkpointReentrant(run: Run, args: readonly unknown[], preserveRngState: boolean): unknown {
  return CheckpointFunction.apply(run, preserveRngState, ...args);
}
