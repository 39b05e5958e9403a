export { atomicWriteFile, type FileContent } from './atomic-write.js';
export { openRegularFile } from './byte-source.js';
export { downloadFile, type DownloadOptions } from './download.js';
export { explainSystemError, IoError, systemCode, type IoErrorCode } from './errors.js';
export { readIdx } from './idx.js';
export { load, type LoadOptions, type MapLocation } from './load.js';
export { makeFolders } from './make-folders.js';
export { readMat } from './matlab.js';
export type { MatNumbers, MatValue } from './mat-values.js';
export { outline, type TorchOutline } from './outline.js';
export { TensorOutline } from './outline-maker.js';
export { readPickle, type PickleGlobal, type PickleReadOptions, type Py2Encoding } from './pickle-reader.js';
export { NdArray, Tuple, UnknownObject, type NdData, type NdType } from './pickle-values.js';
export { writePickle, PyName, type PickleWriteOptions, type Reduced } from './pickle-writer.js';
export { save, serialize } from './save.js';
export type { QuantizerSpec, StorageRef, TensorMaker, TensorSpec } from './tensor-maker.js';
export { buildPython, PYTHON_GLOBALS } from './python-globals.js';
export {
  loadSafetensors,
  SafetensorsDict,
  saveSafetensors,
  serializeSafetensors,
  type NamedTensors,
  type SafetensorsLoadOptions,
  type SafetensorsSaveOptions,
} from './safetensors.js';
export { convert, type Conversion, type ConvertOptions, type WrittenForm } from './convert.js';
export { inspect, type InspectedTensor, type Inspection } from './inspect.js';
