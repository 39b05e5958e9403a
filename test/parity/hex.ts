/** A float32 as Python's `float.hex`, which the reference wrote, read back. */
export function fromHex(text: string): number {
  const [, sign, mantissa = '', exponent] = /^(-?)0x([0-9a-f.]+)p([+-]\d+)$/.exec(text) ?? [];
  const [whole = '', fraction = ''] = mantissa.split('.');
  const value = parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === '-' ? -value : value;
}
