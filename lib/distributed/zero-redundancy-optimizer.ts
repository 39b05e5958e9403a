import { native } from '../native/load.js';
import { type GivenGroup, Optimizer, type ParamGroup, type Params } from '../optim/optimizer.js';
import type { OptimizerStateDict, OptimizerStateLike } from '../optim/state-dict.js';
import { type Device, fromBytes, keep, noGrad, scope, Tensor, TorchError, type DType } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { writeTape } from '../tensor/tape.js';
import { groupOf } from './groups.js';
import { type Joinable, type JoinHook, notifyJoinContext } from './join.js';
import { gatherObject } from './objects.js';
import type { ProcessGroup } from './process-group.js';

/** How an optimizer is made: `optim.SGD`, `optim.Adam`, ... */
export type OptimizerClass<Options> = new (
  params: Params<Options>,
  options?: Options,
) => Optimizer<ParamGroup, Options>;

/** Options of {@link ZeroRedundancyOptimizer}. */
export interface ZeroRedundancyOptions<Options> {
  /** The optimizer whose steps are taken. */
  readonly optimizer: OptimizerClass<Options>;
  /** Its options. */
  readonly options?: Options;
  /** Default the whole job. */
  readonly group?: ProcessGroup;
}

const OPTIONS: OptionNames<ZeroRedundancyOptions<object>> = { optimizer: true, options: false, group: false };

/** c10d's size of what is broadcast at once: 250 MB. */
const BROADCAST_BYTES = 250 * 1024 * 1024;

/**
 * An optimizer whose state (momentum, second moments) is divided among the processes of a group: each keeps that of its own
 * parameters, steps them, and sends them to the others. The parameters that come out are those of the plain optimizer, bit for bit, for
 * optimizers that treat each tensor by itself; gradients must be equal everywhere, as {@link DistributedDataParallel} makes them.
 *
 * All processes make it with the same parameters in the same order, and step together.
 * @see torch.distributed.optim.ZeroRedundancyOptimizer
 */
export class ZeroRedundancyOptimizer<Options extends object = object>
  extends Optimizer<ParamGroup, Options>
  implements Joinable
{
  readonly #group: ProcessGroup;
  /** Knows the options of all groups; never steps. */
  readonly #whole: Optimizer<ParamGroup, Options>;
  readonly #local: Optimizer<ParamGroup, Options>;
  /** For each rank its parameters, group by group. */
  #parts: readonly (readonly (readonly Tensor[])[])[];
  #consolidated: OptimizerStateDict | null = null;

  /** @throws TorchError what the optimizer says of its parameters and options. */
  constructor(params: Params<Options>, given: ZeroRedundancyOptions<Options>) {
    checkOptionBag('ZeroRedundancyOptimizer', given, OPTIONS);
    const { optimizer: Class, options, group } = given;
    const whole = new Class(params, options);
    super(whole.defaults);
    this.#whole = whole;
    this.#group = groupOf(group);
    this.paramGroups.push(...whole.paramGroups);
    this.#parts = partition(
      whole.paramGroups.map(({ params }) => params),
      this.#group.size,
    );
    const own = this.#parts[this.#group.rank]!;
    const groups = whole.paramGroups.map((each, index) => ({ ...optionsOf(each), params: [...own[index]!] }));
    this.#local = new Class(groups as unknown as Params<Options>, options);
    this.state = this.#local.state;
  }

  /** Steps the parameters of this process, then all processes send theirs. Waits for the others. */
  step(closure?: () => Tensor): Tensor | null {
    notifyJoinContext(this)?.forget();
    return this.#step(closure);
  }

  get joinProcessGroup(): ProcessGroup {
    return this.#group;
  }

  /** Where the first parameter is. */
  get joinDevice(): Device {
    return this.paramGroups[0]!.params[0]!.device;
  }

  /**
   * Inside of {@link join}, a process without batches goes on stepping its part of the parameters, as PyTorch's does: with the gradients
   * that it has, its last ones unless the loop set others.
   */
  joinHook(): JoinHook {
    return {
      mainHook: () => {
        this.#step();
      },
    };
  }

  #step(closure?: () => Tensor): Tensor | null {
    this.stepped = true;
    copyOptions(this.paramGroups, this.#local.paramGroups);
    const loss = this.#local.step(closure);
    copyOptions(this.#local.paramGroups, this.paramGroups);
    this.state = this.#local.state;
    this.#disposeConsolidated();
    for (const [rank, part] of this.#parts.entries()) this.#broadcast(part.flat(), rank);
    return loss;
  }

  /**
   * Adds tensors with options of their own; all processes do it. What was dealt out before stays where it is.
   * @throws TorchError what the optimizer says of them.
   */
  override addParamGroup(given: GivenGroup<Options>): void {
    this.#whole.addParamGroup(given);
    const { paramGroups } = this.#whole;
    const added = paramGroups.at(-1)!;
    this.paramGroups.push(added);
    this.#parts = partition(
      paramGroups.map(({ params }) => params),
      this.#group.size,
    );
    const params = [...this.#parts[this.#group.rank]!.at(-1)!];
    this.#local.addParamGroup({ ...optionsOf(added), params } as unknown as GivenGroup<Options>);
    this.#disposeConsolidated();
  }

  /**
   * Brings the state of all processes together on the CPU of one of them, whose {@link stateDict} then is that of the plain optimizer. All
   * processes call it, before rank `to` saves. It is let go at the next step.
   */
  async consolidateStateDict({ to = 0 }: { readonly to?: number } = {}): Promise<void> {
    const numbers = numbersOf(this.paramGroups);
    const own: [number, [string, unknown][]][] = scope(() =>
      [...this.#local.state].map(([param, values]) => [
        numbers.get(param)!,
        Object.entries(values).map(([name, value]) => [name, packed(value)]),
      ]),
    );
    const all = await gatherObject(own, { dst: to, group: this.#group });
    this.#disposeConsolidated();
    if (all === null) return;
    const entries = all.flat().sort(([a], [b]) => a - b);
    this.#consolidated = {
      state: new Map(
        entries.map(([number, values]) => [
          number,
          Object.fromEntries(values.map(([name, value]) => [name, unpacked(value)])),
        ]),
      ),
      param_groups: [],
    };
  }

  /**
   * The state of the plain optimizer, once {@link consolidateStateDict} has brought it here.
   * @throws TorchError `runtime` in PyTorch's words where it has not.
   */
  override stateDict(): OptimizerStateDict {
    const { rank } = this.#group;
    if (this.#consolidated === null) {
      throw new TorchError(
        'runtime',
        `Optimizer state has not been consolidated on this rank. Please call consolidateStateDict({ to: ${rank} }) on all ranks beforehand if you meant to save the global state.`,
      );
    }
    return { state: this.#consolidated.state, param_groups: this.#whole.stateDict().param_groups };
  }

  /** Takes over a state of the plain optimizer: each process its part of it. */
  override loadStateDict(state: OptimizerStateLike): void {
    const given = fieldsOf(state);
    const own = this.#parts[this.#group.rank]!;
    // Says what is wrong with the groups, if anything is.
    this.#whole.loadStateDict(new Map(given).set('state', new Map()));
    const groups = [...(given.get('param_groups') as Iterable<unknown>)].map(fieldsOf);
    const parts = groups.map((fields, index) => {
      const numbers = [...(fields.get('params') as Iterable<unknown>)];
      const all = this.paramGroups[index]!.params;
      return new Map(fields).set(
        'params',
        own[index]!.map((param) => numbers[all.indexOf(param)]),
      );
    });
    this.#local.loadStateDict(
      new Map<string, unknown>([
        ['state', given.get('state')],
        ['param_groups', parts],
      ]),
    );
    this.state = this.#local.state;
    this.#disposeConsolidated();
  }

  #disposeConsolidated(): void {
    for (const values of this.#consolidated?.state.values() ?? []) {
      for (const value of Object.values(values)) if (value instanceof Tensor) value.dispose();
    }
    this.#consolidated = null;
  }

  #broadcast(tensors: readonly Tensor[], rank: number): void {
    if (tensors.length === 0) return;
    scope(() =>
      noGrad(() => {
        writeTape(tensors.map((each) => each.detach()));
        native.broadcastCoalesced(this.#group.number, BROADCAST_BYTES, rank);
      }),
    );
  }
}

/** PyTorch's way: in each group the largest first, each to the rank that has fewest elements so far. */
function partition(groups: readonly (readonly Tensor[])[], ranks: number): Tensor[][][] {
  const parts = Array.from({ length: ranks }, () => groups.map((): Tensor[] => []));
  const sizes = parts.map(() => 0);
  for (const [index, params] of groups.entries()) {
    for (const param of [...params].sort((a, b) => b.numel() - a.numel())) {
      const rank = sizes.indexOf(Math.min(...sizes));
      parts[rank]![index]!.push(param);
      sizes[rank]! += param.numel();
    }
  }
  return parts;
}

function optionsOf(group: ParamGroup): Record<string, unknown> {
  return Object.fromEntries(Object.entries(group).filter(([name]) => name !== 'params' && name !== 'paramNames'));
}

function copyOptions(from: readonly ParamGroup[], to: readonly ParamGroup[]): void {
  for (const [index, group] of from.entries()) Object.assign(to[index]!, optionsOf(group));
}

function numbersOf(groups: readonly ParamGroup[]): Map<Tensor, number> {
  return new Map(groups.flatMap(({ params }) => params).map((param, number) => [param, number]));
}

/** A tensor that structured clone takes. */
interface Packed {
  readonly dtype: DType;
  readonly shape: number[];
  readonly stride: number[];
  readonly elements: Uint8Array;
}

function packed(value: unknown): unknown {
  if (!(value instanceof Tensor)) return { value };
  const whole = value.detach().to('cpu').clone(); // dense, in the order in which its elements lie
  const { dtype, shape } = whole;
  return { dtype, shape, stride: whole.stride(), elements: whole.storageBytes() } satisfies Packed;
}

function unpacked(value: unknown): unknown {
  const fields = value as Packed | { readonly value: unknown };
  if ('value' in fields) return fields.value;
  const { dtype, shape, stride, elements } = fields;
  const count = shape.reduce((product, size) => product * size, 1);
  return scope(() => keep(fromBytes(elements, [count], dtype).asStrided(shape, stride)));
}

function fieldsOf(value: unknown): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TorchError('type', `expected the state dict to be a Map or an object, but got ${typeof value}`);
  }
  return value instanceof Map ? (value as Map<string, unknown>) : new Map(Object.entries(value));
}
