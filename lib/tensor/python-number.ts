/**
 * Python's `repr` of a number. An integral JavaScript number counts as an int, as everywhere in torchbridge.
 * @returns such as `1e-05`, `0.1`, `3`, `inf`, `nan`.
 */
export function pyNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Number.isInteger(value)) return BigInt(value).toString();
  // Python leaves the plain form below 1e-4, JavaScript only below 1e-6; the shortest digits are the same.
  if (Math.abs(value) >= 1e-4) return String(value);
  const [digits = '', exponent = ''] = value.toExponential().split('e-');
  return `${digits}e-${exponent.padStart(2, '0')}`;
}
