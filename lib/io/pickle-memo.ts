/** Stands in {@link PickleMemo.dense} for numbers that are not taken. */
export const ABSENT = Symbol('absent');

/** What a pickle stores by number, to name it again. */
export class PickleMemo {
  /** What is stored by number: picklers count up from 0, or 1. Where `sparse` is undefined, a next one may just be appended. */
  readonly dense: unknown[] = [];
  /** Numbers far beyond those that came before: memory follows what is stored, not the numbers. */
  sparse: Map<number, unknown> | undefined;
  #absent = 0;

  /** How many numbers are taken. */
  get size(): number {
    return this.dense.length - this.#absent + (this.sparse?.size ?? 0);
  }

  put(index: number, value: unknown): void {
    const { dense } = this;
    if (index > dense.length + 1) {
      this.sparse ??= new Map();
      this.sparse.set(index, value);
      return;
    }
    for (; dense.length <= index; this.#absent++) dense.push(ABSENT);
    if (dense[index] === ABSENT) this.#absent--;
    dense[index] = value;
    this.sparse?.delete(index);
  }

  has(index: number): boolean {
    return (index < this.dense.length && this.dense[index] !== ABSENT) || this.sparse?.has(index) === true;
  }

  get(index: number): unknown {
    const value = index < this.dense.length ? this.dense[index] : ABSENT;
    return value === ABSENT ? this.sparse?.get(index) : value;
  }
}
