import { native } from '../../native/load.js';
import { CheckpointError } from '../errors.js';
import { operatorName } from '../operators.js';
import { refusePromise, TensorBase } from '../scope.js';
import { intercept, isOptions } from '../tape.js';
import type { Tensor } from '../tensor.js';
import { ownFolder, stackOfCaller } from './anomaly.js';
import type { FunctionWrapper } from './checkpoint-options.js';

/** As PyTorch's texts about graphs abbreviate dtypes. */
const short = (dtype: string): string =>
  dtype === 'bool' ? 'b8' : dtype.replace(/^(b?f)loat|^(c)omplex|^(u?i)nt/, '$1$2$3');

/** The operators of one run of a checkpointed function. */
class OperatorLog {
  private readonly lines: string[] = [];
  private readonly stacks: string[] = [];
  private readonly numbers = new WeakMap<TensorBase, number>();
  private count = 0;

  record<T>(fn: () => T): T {
    return intercept((operator, given, run) => {
      const call = `${operatorName(operator)}(${given.map((each) => this.show(each)).join(', ')})`;
      const at = this.lines.push(call) - 1; // stays so where it fails, or what it saves ends the run
      this.stacks.push(stackOfCaller());
      const result = run();
      this.lines[at] = `${this.showResult(result)} = ${call}`;
      return result;
    }, fn);
  }

  operators(): string {
    return this.lines.join('\n');
  }

  traces(label: string): string {
    const total = this.lines.length;
    const one = (line: string, i: number): string => {
      const frames = (this.stacks[i] ?? '')
        .split('\n')
        .filter((frame) => !frame.includes(ownFolder))
        .map((frame) => frame.trim());
      return `${line}   (${i + 1} of ${total} in ${label})\n\n${frames.join('\n')}\n\n\n`;
    };
    return this.lines.map(one).join('');
  }

  private name(tensor: TensorBase): string {
    let number = this.numbers.get(tensor);
    if (number === undefined) this.numbers.set(tensor, (number = this.count++));
    return `$${number}`;
  }

  private show(value: unknown): string {
    if (value instanceof TensorBase) return this.name(value);
    if (Array.isArray(value)) return `[${value.map((each) => this.show(each)).join(', ')}]`;
    if (isOptions(value)) {
      return Object.entries(value)
        .filter(([, each]) => each !== undefined && each !== null)
        .map(([name, each]) => `${name}=${this.show(each)}`)
        .join(', ');
    }
    return typeof value === 'string' ? `'${value}'` : String(value);
  }

  private showResult(result: unknown): string {
    if (Array.isArray(result)) return `[${result.map((each) => this.showResult(each)).join(', ')}]`;
    if (!(result instanceof TensorBase)) return this.show(result);
    const { dtype, shape } = result as Tensor;
    return `${this.name(result)}: ${short(dtype)}[${shape.join(', ')}]`;
  }
}

/** What a checkpoint knows that was asked to say how its two runs differ. */
export class CheckpointDebug {
  private readonly forward = new OperatorLog();
  private again = new OperatorLog();

  readonly around: FunctionWrapper = (fn) => this.forward.record(fn);
  readonly aroundAgain: FunctionWrapper = (fn) => {
    this.again = new OperatorLog();
    return this.again.record(fn);
  };

  /** PyTorch's words around the operators of both runs; the error itself is the cause. */
  explain(error: CheckpointError): CheckpointError {
    const explained = new CheckpointError('runtime', text(this.forward, this.again));
    explained.cause = error;
    return explained;
  }
}

let enabledForAll: boolean | null = null;

/** @internal what a checkpoint's own option comes to */
export const isDebugEnabled = (own: boolean | undefined): boolean => enabledForAll ?? own ?? false;

/**
 * Runs a synchronous function in which every checkpoint without reentrance has the option `debug`, or none has, whatever their own
 * options say; null leaves it to them.
 * @see torch.utils.checkpoint.set_checkpoint_debug_enabled
 */
export function setCheckpointDebugEnabled<T>(enabled: boolean | null, fn: () => T): T {
  const before = enabledForAll;
  enabledForAll = enabled;
  try {
    const result = fn();
    refusePromise(result, 'setCheckpointDebugEnabled');
    return result;
  } finally {
    enabledForAll = before;
  }
}

/** The failure that C++ wants explained. */
export const pendingFailure = (): CheckpointError => new CheckpointError('runtime', native.checkpointFailure());

const heading = (text: string): string =>
  `+~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~+
|${text.padEnd(78)}|
+------------------------------------------------------------------------------+`;

const text = (forward: OperatorLog, again: OperatorLog): string =>
  `An error happened while unpacking tensors; dumping logs of latest computation
because you passed \`debug: true\` to \`checkpoint()\`.
Scroll all the way down for guidance on how to navigate these logs.

${heading('        1. Stack traces of the operators that ran in the original forward')}

${forward.traces('original')}
${heading('        2. Stack traces of the operators that ran during recomputation')}

${again.traces('recompute')}
${heading('       3. Log of operators in the original forward and recomputation')}
(Scroll up to correlate stack traces with each operation listed below. This
 helps identify their source in the code.)

Operations executed during the original forward:

${forward.operators()}

Operations executed during recomputation:

${again.operators()}

+------------------------------------------------------------------------------+
 ERROR: Detected non-determinism while running activation checkpointing

 You are seeing this error because you passed \`debug: true\` to checkpoint and
 tensors to be saved during the original forward and differ between those saved
 during recomputation. This can happen if different operators were ran in the
 original forward and in the recomputation.

 To identify where the mismatch may be coming from, you can do the following:

 1) Compare the operators ran during original forward and recomputation to
    see where they differ. These operators are printed above in the order they
    were executed.

 2) Review the stack trace for each operator to locate its invocation source.
    Each operator's stack trace is printed in their execution order.

 Note that the logs can be quite long. Here's how they are structured:
 (Tip: you can Ctrl-f for these headers)

 1. Stack traces of the operators that ran in the original forward
 2. Stack traces of the operators that ran during recomputation
 3. Log of operators in the original forward and recomputation
 4. Error message                                             <--- You are here
--------------------------------------------------------------------------------
`;
