import type { ByteSource } from './byte-source.js';
import { IoError } from './errors.js';
import { Tuple } from './pickle-values.js';
import { asciiText, StorageValue } from './torch-arguments.js';
import { StorageMentions, storageRef, type StorageContent, type TorchContainer } from './torch-file.js';
import type { StorageRef } from './tensor-maker.js';
import { ELEMENT_BYTES } from './torch-storages.js';
import { ZipReader } from './zip-reader.js';

/** Opens the zip form of torch.save, the default since PyTorch 1.6. */
export function openZip(source: ByteSource): TorchContainer {
  const zip = new ZipReader(source);
  const fail = (code: 'format' | 'unsupported', message: string): never => {
    throw new IoError(code, `${source.name}: ${message}`, source.name);
  };
  const pickles: string[] = [];
  for (const each of zip.entries.keys())
    if (each.endsWith('/data.pkl') && /^[^/]+\/[^/]+$/.test(each)) pickles.push(each);
  const [name] = pickles;
  if (name === undefined || pickles.length > 1)
    return fail('format', `a zip file, but not one of torch.save: it holds ${pickles.length} data.pkl`);
  const prefix = name.slice(0, -'data.pkl'.length);
  for (const each of zip.entries.keys()) {
    if (each.startsWith(prefix)) continue;
    fail('format', `a zip file, but not one of torch.save: ${JSON.stringify(each.slice(0, 200))} is not in ${prefix}`);
  }
  if (zip.entries.has(`${prefix}constants.pkl`))
    return fail('unsupported', 'a TorchScript archive; save its state_dict() to read the weights');
  let swapped = false;
  if (zip.entries.has(`${prefix}byteorder`)) {
    const order =
      zip.entries.get(`${prefix}byteorder`)!.size > 6
        ? ''
        : Buffer.from(zip.read(`${prefix}byteorder`)).toString('latin1');
    if (order !== 'little' && order !== 'big')
      fail('format', 'its record of the byte order says neither little nor big');
    swapped = order === 'big';
  }
  return {
    form: 'zip',
    pickle: zip.read(name),
    what: `${source.name}: ${name}`,
    swapped,
    persistentLoad: (maker) => {
      const mentions = new StorageMentions();
      return (id) => {
        if (!(id instanceof Tuple) || id.length !== 5) throw new Error('a persistent id that is no tuple of five');
        if (asciiText(id[0], 'the kind of a persistent id') !== 'storage')
          throw new Error('a persistent id that names no storage');
        const ref = storageRef(id[1], id[2], id[3], id[4]);
        mentions.check(ref);
        return new StorageValue(ref, maker.storage(ref));
      };
    },
    content: (ref) => contentOf(zip, `${prefix}data/${ref.key}`, ref),
  };
}

function contentOf(zip: ZipReader, name: string, { key, dtype, nbytes }: StorageRef): StorageContent {
  // Compared before anything is unpacked, which takes no more memory than the directory says. A storage may be a few bytes
  // longer than its whole elements are.
  const held = zip.entries.get(name)?.size;
  const size = dtype === undefined ? 1 : ELEMENT_BYTES.get(dtype)!.size;
  if (held !== undefined && Math.floor(held / size) * size !== nbytes)
    throw new Error(`storage ${key} holds ${held} bytes, the pickle counts ${nbytes}`);
  const place = zip.locate(name);
  return {
    nbytes,
    offset: place.offset,
    crc: held === nbytes ? place.crc : undefined,
    read: () => zip.read(name).subarray(0, nbytes),
  };
}
