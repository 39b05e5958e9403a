/** @throws RangeError, one line, for what is no integer within the bounds. */
export function expectInteger(name: string, value: number, low: number, high = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < low || value > high) {
    const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new RangeError(`Expected an integer ${range} for ${name} but received ${value}`);
  }
}
