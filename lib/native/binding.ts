/** The functions of the addon, as TypeScript sees them. Handles are indices into the addon's slot table. */
export interface Binding {
  // dispatch: arguments and results stand on the tape (tape.ts)
  call(operator: number): number | Float64Array;
  resolve(operator: number): string;
  findOperator(name: string): number;
  describeOperators(namespace: string): string;
  loadLibrary(path: string): string[];
  /** The checks before operators as JSON: `[{ names, reason }]`. */
  describeGuards(): string;
  setTape(buffer: ArrayBuffer): void;
  setErrorFactory(factory: (code: string, message: string, operator: string, operands: string) => Error): void;

  // deferred calls: between begin and submit, operators are written down instead of run
  beginDeferred(): void;
  submitDeferred(done: (error?: Error, call?: number) => void): void;
  abandonDeferred(): void;
  stopDeferred(): void;
  setDeferredHooks(trace: (call: number) => void, warn: (reason: string) => void): void;

  // tensors
  release(handle: number): void;
  releaseMany(handles: Int32Array, count: number): void;
  /** Slots to free before anything else is done: a count, then as many handles. */
  setReleased(released: Int32Array): void;
  /** Frees them. */
  sweep(): void;
  share(handle: number): number;
  shape(handle: number): number;
  stride(handle: number): number;
  dtype(handle: number): string;
  device(handle: number): string;
  layout(handle: number): string;
  ndim(handle: number): number;
  numel(handle: number): number;
  elementSize(handle: number): number;
  storageOffset(handle: number): number;
  version(handle: number): number;
  isSame(a: number, b: number): boolean;
  isNested(handle: number): boolean;
  isInference(handle: number): boolean;
  isContiguous(handle: number, memoryFormat: string): boolean;

  // elements and storages
  fromBytes(bytes: ArrayBufferView, dtype: string): number;
  copyTo(handle: number, target: ArrayBufferView): void;
  item(handle: number): number | bigint;
  storageId(handle: number): number;
  storageNbytes(handle: number): number;
  storageCopyTo(handle: number, target: Uint8Array): void;
  viewStorage(handle: number, dtype: string, offset: number): number;

  // files: a handle; -1 where the file ended early, -2 where its checksum differs, -100 - errno where the system refused
  // with a dtype, of a tensor with `start` as its offset, and shape and strides from the tape; with '' of the bytes
  readFile(descriptor: number, offset: number, nbytes: number, crc: number, dtype: string, start: number): number;
  readEach(descriptor: number, offsets: Float64Array, target: Uint8Array): boolean;
  mapFile(descriptor: number, nbytes: number): number;
  sliceStorage(handle: number, offset: number, nbytes: number, dtype: string, start: number): number;
  // texts, numbers that say what is made of them (native/plain_steps.h), and handles; undefined where the file is unusual
  readPlainFile(
    descriptor: number,
    bytes: Uint8Array,
    size: number,
    mapped: boolean,
  ): [texts: string[], steps: Float64Array, handles: Int32Array] | undefined;
  storageCrc(handle: number): number;
  storagePiece(handle: number, offset: number, target: Uint8Array): void;

  // indexing: the list of indices, then the value, stand on the tape
  getItem(handle: number): number;
  setItem(handle: number): void;

  // memory that is shared instead of copied
  asArrayBuffer(handle: number): ArrayBuffer;
  overBuffer(bytes: Uint8Array, dtype: string, offset: number, pin: boolean): number;
  pinnedBuffer(handle: number): Uint8Array | undefined;
  shareTensor(handle: number, receivers: number): string;
  receiveTensor(token: string): number;
  unshareTensor(token: string): boolean;
  sharedTensors(): number;

  // autograd
  requiresGrad(handle: number): boolean;
  setRequiresGrad(handle: number, wanted: boolean): void;
  isLeaf(handle: number): boolean;
  gradFn(handle: number): string;
  grad(handle: number): number;
  setGrad(handle: number, gradient: number): void;
  dataOf(handle: number): number;
  setData(handle: number, data: number): void;
  backward(retainGraph: boolean | undefined, createGraph: boolean): void;
  gradOf(retainGraph: boolean | undefined, createGraph: boolean, allowUnused: boolean): number[];
  normReluConv(): number;
  normReluConvSaved(): void;
  normReluKernels(dtype: string): boolean;
  isGradEnabled(): boolean;
  setGradEnabled(enabled: boolean): void;
  pushInferenceMode(enabled: boolean): void;
  popInferenceMode(): void;
  isInferenceMode(): boolean;

  // custom functions: lists of tensors stand on the tape
  setCallbackEntry(
    entry: (kind: number, object: unknown, tensors: readonly number[], more: readonly number[]) => unknown,
  ): void;
  giveTensors(): void;
  functionBegin(context: object, name: string): number;
  functionEnd(id: number, materializeGrads: boolean, setupContext: boolean): number[];
  functionAbort(id: number): void;
  functionSaved(id: number): number[];
  functionOwn(id: number): void;
  takeEnded(): unknown[];

  // a dense block as one function: tensors and numbers stand on the tape
  denseBlock(): number;
  // norm, ReLU and the mean of windows, the same way
  fusedNormPool(): number;
  fusedKernels(): string;

  // hooks and nodes of the graph: a node's handle is that of a tensor whose gradient edge it is
  tensorHooks(handle: number, list: object): unknown;
  postAccumulateHooks(handle: number, list: object): unknown;
  checkHookResult(original: number, result: number, name: string): void;
  retainGrad(handle: number): void;
  retainsGrad(handle: number): boolean;
  nodeOf(handle: number): number;
  accumulatorOf(handle: number): number;
  outputNr(handle: number): number;
  nodeSequence(node: number): number;
  sameNode(a: number, b: number): boolean;
  nodeNext(node: number): number[];
  nodeVariable(node: number): number;
  nodeHooks(node: number, list: object): unknown;
  nodePreHooks(node: number, list: object): unknown;
  enterDualLevel(): number;
  exitDualLevel(level: number): void;

  // backwards off JavaScript's thread: the tape as for backward
  backwardAsync(
    retainGraph: boolean | undefined,
    createGraph: boolean,
    done: (error?: Error, thrown?: boolean) => void,
  ): void;
  finishBackwards(): void;

  // hooks of saved tensors: null keeps them as they are
  pushSavedHooks(pair: object | null): void;
  popSavedHooks(): void;
  ownPacked(): void;
  savedHooksDisabled(): string | undefined;
  disableSavedHooks(reason: string): void;
  enableSavedHooks(): void;

  // checkpoints
  checkpointBegin(
    recompute: object,
    preserveRngState: boolean,
    check: boolean,
    earlyStop: boolean,
    explain: boolean,
  ): void;
  /** Why a checkpoint failed that JavaScript is to explain. */
  checkpointFailure(): string;
  checkpointEnd(completed: boolean): void;
  /** The tensors of the list on the tape live as long as the open checkpoint; the number of the first one. */
  checkpointKeep(): number;
  /** The same elements, as the result of a node. */
  withNode(handle: number): number;
  setStopSignal(signal: object): void;
  isCheckpointValid(): boolean;

  // automatic mixed precision
  pushAutocast(device: string, enabled: boolean, dtype: string, cache: boolean): void;
  popAutocast(): void;
  isAutocastEnabled(device: string): boolean;
  autocastDtype(device: string): string;
  isAutocastCacheEnabled(): boolean;

  // anomaly mode
  setAnomaly(enabled: boolean, checkNan: boolean): void;
  isAnomaly(): boolean;
  isAnomalyCheckNan(): boolean;
  takeAnomaly(): string;

  // random numbers
  manualSeed(seed: number | bigint): void;
  newGenerator(device: string): number;
  defaultGenerator(device: string): number;
  releaseGenerator(handle: number): void;
  generatorManualSeed(handle: number, seed: number | bigint): void;
  generatorSeed(handle: number): bigint;
  generatorInitialSeed(handle: number): bigint;
  generatorGetState(handle: number): number;
  generatorSetState(handle: number, state: number): void;

  // devices of an accelerator; a device is named with its number unless it says otherwise
  deviceCount(type: string): number;
  currentDevice(type: string): number;
  setDevice(device: string): void;
  synchronizeDevice(device: string): void;
  /** JSON of the CUDA driver: `{ failure, version, devices }`. */
  cudaDriver(): string;
  getSwitch(name: string): boolean;
  setSwitch(name: string, on: boolean): void;
  /** -1 without cuDNN. */
  cudnnVersion(): number;
  getMatmulPrecision(): string;
  setMatmulPrecision(precision: string): void;
  /** JSON with the names of torch.cuda.memory_stats. */
  memoryStats(device: string): string;
  resetPeakStats(device: string): void;
  resetAccumulatedStats(device: string): void;
  emptyCache(device: string): void;
  /** JSON of `{ free, total }`. */
  memoryInfo(device: string): string;

  // streams and events: a stream is a device and a number
  newStream(device: string, highPriority: boolean): bigint;
  currentStream(device: string): bigint;
  defaultStream(device: string): bigint;
  /** The one that was current. */
  setStream(device: string, stream: bigint): bigint;
  queryStream(device: string, stream: bigint): boolean;
  synchronizeStream(device: string, stream: bigint): void;
  recordStream(tensor: number, device: string, stream: bigint): void;
  newEvent(type: string, timed: boolean): number;
  recordEvent(event: number, device: string, stream: bigint): void;
  blockStream(event: number, device: string, stream: bigint): void;
  queryEvent(event: number): boolean;
  synchronizeEvent(event: number): void;
  elapsedTime(start: number, end: number): number;
  releaseEvent(event: number): void;

  // the process
  memory(): void;
  resetPeakMemory(): void;
  setMemoryLimit(bytes: number): void;
  releaseMemory(): boolean;
  syncExternalMemory(): void;
  setNumThreads(count: number): void;
  getNumThreads(): number;
  setNumInteropThreads(count: number): void;
  getNumInteropThreads(): number;
  setDeterministic(enabled: boolean, warnOnly: boolean): void;
  isDeterministic(): boolean;
  isDeterministicWarnOnly(): boolean;
  buildInfo(): BuildInfo;

  // a log of dispatched operators
  beginOperatorLog(names: string): number;
  endOperatorLog(): string;
  operatorLogSize(log: number): number;
  sequenceNumber(): number;

  // c10d: stores, groups, works and reducers by number; what waits is a promise
  tcpStore(
    host: string,
    port: number,
    worldSize: number,
    server: boolean,
    timeout: number,
    waitForWorkers: boolean,
    multiTenant: boolean,
  ): Promise<number>;
  fileStore(path: string, worldSize: number, timeout: number): number;
  hashStore(timeout: number): number;
  prefixStore(prefix: string, store: number): number;
  storePort(store: number): number;
  storeSet(store: number, key: string, value: Uint8Array): Promise<void>;
  storeGet(store: number, key: string, timeout: number): Promise<Uint8Array>;
  storeWait(store: number, keys: string[], timeout: number): Promise<void>;
  storeAdd(store: number, key: string, amount: number): Promise<number>;
  storeCheck(store: number, keys: string[]): Promise<boolean>;
  storeCompareSet(store: number, key: string, expected: Uint8Array, desired: Uint8Array): Promise<Uint8Array>;
  storeDelete(store: number, key: string): Promise<boolean>;
  storeCount(store: number): Promise<number>;
  releaseStore(store: number): void;
  /** @param backends as `cpu:gloo`. @param ranks those of the whole job. @param device that it is bound to; '' for none. */
  newProcessGroup(
    backends: readonly string[],
    store: number,
    name: string,
    rank: number,
    ranks: readonly number[],
    host: string,
    timeout: number,
    device: string,
  ): Promise<number>;
  /** @param factory what the CUDA module gives */
  setNccl(factory: object): void;
  setWayOn(words: string): void;
  destroyProcessGroup(group: number): void;
  /** Stores, groups, works and reducers that are alive. */
  distributedCounts(): number[];
  /** On the tape two lists of tensors. @returns a work */
  issueCollective(
    group: number,
    kind: string,
    op: number,
    root: number,
    tag: number,
    timeout: number,
    outputSplits: readonly number[],
    inputSplits: readonly number[],
  ): number;
  /** Whether the group's backend for CUDA runs what is issued until `endCoalescing` as one. */
  startCoalescing(group: number): boolean;
  /** @returns a work */
  endCoalescing(group: number): number;
  /** @returns the rank that a receive from any came from, -1 of others */
  awaitWork(work: number): Promise<number>;
  waitWork(work: number): void;
  workDone(work: number): boolean;
  releaseWork(work: number): void;
  monitoredBarrier(group: number, timeout: number, waitAllRanks: boolean): Promise<void>;
  newReducer(
    group: number,
    bucketBytes: number,
    firstBucketBytes: number,
    findUnused: boolean,
    bucketView: boolean,
    names: string[],
    sparse: string[],
    staticGraph: boolean,
  ): number;
  prepareForForward(reducer: number): void;
  rebuildBuckets(reducer: number): boolean;
  prepareForBackward(reducer: number): void;
  delaysReduction(reducer: number): boolean;
  delayReduction(reducer: number): number[];
  registerCommHook(reducer: number, hook: string): void;
  setForwardWork(reducer: number, work: number, staticSize: boolean): void;
  shadowBackward(reducer: number): Promise<void>;
  /** Elements of each parameter, -1 after each bucket. */
  reducerBuckets(reducer: number): number[];
  releaseReducer(reducer: number): void;
  verifyParameters(group: number): void;
  broadcastCoalesced(group: number, bytes: number, root: number): void;

  // Python's floats: the C library's functions
  cos(x: number): number;
  sin(x: number): number;
  tan(x: number): number;
  atan(x: number): number;
  pow(base: number, exponent: number): number;
  erf(x: number): number;
}

/** What the addon and its libtorch say of themselves. */
export interface BuildInfo {
  /** The release of the libtorch that is loaded, such as `2.13.0`. */
  torchVersion: string;
  /** The release the addon was compiled for. */
  compiledFor: string;
  /** The vector instructions libtorch's kernels use here: `AVX512`, `AVX2`, `DEFAULT`. */
  cpuCapability: string;
  /** `torch.__config__.show()`. */
  config: string;
  /** `torch.__config__.parallel_info()`. */
  parallel: string;
  /** `cuda`, …, or an empty text without an accelerator. */
  accelerator: string;
  /** How many devices the accelerator has. */
  accelerators: number;
}
