/** A safetensors file of this header and these data, both latin-1: any bytes at all. */
export function safetensorsBytes(header: string, data = ''): Buffer {
  const text = Buffer.from(header, 'latin1');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.from(data, 'latin1')]);
}
