/** Safetensors files that nobody means well with. */
import { safetensorsBytes } from './safetensors-bytes.js';

/** `(name, file)`. */
export function* hostileSafetensors(): Generator<[string, Buffer]> {
  const t = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  const one = (info: string, data = '1234'): Buffer => safetensorsBytes(`{"a":{${info}}}`, data);
  for (const length of [
    '0000000000000000',
    '0100000000000000',
    'ffffffffffffffff',
    'ffffffffffffff7f',
    '00e1f50500000000',
    '01e1f50500000000',
  ])
    yield [`a header of 0x${length}`, Buffer.from(`${length}7b7d`, 'hex')];
  yield ['a deep header', safetensorsBytes(`{"a":${'['.repeat(1_000_000)}`)];
  yield ['a deep header that ends', safetensorsBytes(`{"a":${'{"b":'.repeat(100_000)}1${'}'.repeat(100_001)}`)];
  yield ['200,000 numbers as shape', one(`"dtype":"F32","shape":[${'1,'.repeat(200_000)}1],"data_offsets":[0,4]`)];
  yield ['a number of a million digits', one(`"dtype":"F32","shape":[${'1'.repeat(1_000_000)}],"data_offsets":[0,4]`)];
  yield ['a name of a megabyte', safetensorsBytes(`{"${'a'.repeat(1_000_000)}":${t}}`, '1234')];
  yield ['a name of a million escapes', safetensorsBytes(`{"${'\\"'.repeat(500_000)}":${t}}`, '1234')];
  yield ['a text without an end', safetensorsBytes(`{"${'\\"'.repeat(500_000)}`)];
  yield ['a megabyte of spaces', safetensorsBytes(`{${' '.repeat(1_000_000)}}`)];
  yield ['ten thousand times one name', safetensorsBytes(`{${`"a":${t},`.repeat(10_000)}"a":${t}}`, '1234')];
  yield [
    'ten thousand tensors over each other',
    safetensorsBytes(`{${Array.from({ length: 10_000 }, (_, i) => `"${i}":${t}`).join()}}`, '1234'),
  ];
  yield [
    'a name of JavaScript',
    safetensorsBytes(`{"__proto__":${t},"__metadata__":{"__proto__":"a","constructor":"b"}}`, '1234'),
  ];
  for (const offsets of [
    '[4,0]',
    '[-4,0]',
    '[0,1e1]',
    '[0,4.0]',
    '[4,8]',
    '[0,18446744073709551616]',
    '[18446744073709551612,0]',
    '[null,4]',
    '[0,4,4]',
    '"0,4"',
  ])
    yield [`a place of ${offsets}`, one(`"dtype":"F32","shape":[1],"data_offsets":${offsets}`)];
  for (const shape of [
    '[2]',
    '[0]',
    '[-1]',
    '[NaN]',
    '[1.5]',
    '[4294967296,4294967296]',
    '[9007199254740993]',
    '[0,9223372036854775807]',
    '{}',
    '1',
  ])
    yield [`a shape of ${shape}`, one(`"dtype":"F32","shape":${shape},"data_offsets":[0,4]`)];
  for (const dtype of ['"F64"', '"f32"', '"FP4"', '"F4"', 'null', '32', '["F32"]'])
    yield [`dtype ${dtype}`, one(`"dtype":${dtype},"shape":[1],"data_offsets":[0,4]`)];
  yield ['text that is no UTF-8', safetensorsBytes(`{"\xff\xfe":${t}}`, '1234')];
  yield ['a NUL behind the header', safetensorsBytes(`{"a":${t}}\0`, '1234')];
}
