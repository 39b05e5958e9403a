/** What the tables of api.ts are made of. */
import { Tensor } from '../../../lib/tensor/index.js';

/** `tensor`, `list:int`; a `?` behind it may be left out, `name=kind` stands in the last plain object. */
export interface ApiEntry {
  readonly takes: string;
  readonly call: (...given: never[]) => unknown;
  /** Whether it gives a promise that is to be waited for. */
  readonly later: boolean;
}

export const entry = (takes: string, call: (...given: never[]) => unknown): ApiEntry => ({ takes, call, later: false });
export const later = (takes: string, call: (...given: never[]) => Promise<unknown>): ApiEntry => ({
  takes,
  call,
  later: true,
});

/** A step of a user's function, chosen by a number. */
const steps: readonly ((x: Tensor) => Tensor)[] = [
  (x) => x.mul(x),
  (x) => x.exp().sum(),
  (x) => x.detach(),
  (x) => x.add_(1),
  (x) => x.unsqueeze(0).expand([2, -1]),
  (x) => x,
  (x) => x.get(0),
];
export const step = (n: unknown): ((x: Tensor) => Tensor) => steps[Math.abs(Number(n)) % steps.length] ?? ((x) => x);

/** Of floats a leaf or what was computed, so that there is a way back. */
export const ready = (x: Tensor): Tensor => (x.isFloatingPoint() && !x.requiresGrad ? x.detach().requiresGrad_() : x);

/** Takes it through backward, and gives what came of it. */
export function through(y: Tensor, x: Tensor, options?: object): unknown[] {
  y.sum().backward(options);
  return [y, x.grad];
}

export const onGraph = (takes: string, call: (...given: never[]) => unknown): ApiEntry =>
  entry(takes, (...given: unknown[]) =>
    call(...(given.map((each) => (each instanceof Tensor ? ready(each) : each)) as never[])),
  );
