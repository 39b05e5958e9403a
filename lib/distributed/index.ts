/** Many processes, on one machine or several: c10d's stores and groups, collectives, and training in parallel. */
export {
  FileStore,
  HashStore,
  PrefixStore,
  Store,
  type StoreValue,
  TCPStore,
  type TCPStoreOptions,
  type TimeoutOptions,
} from './store.js';
export { isLaunched, type Launch, type LaunchEnvironment, launchFromEnvironment } from './launch.js';
export { type Backend, ProcessGroup } from './process-group.js';
export {
  destroyProcessGroup,
  getBackend,
  getRank,
  getWorldSize,
  initProcessGroup,
  type InitProcessGroupOptions,
  isInitialized,
  newGroup,
} from './groups.js';
export { Work } from './work.js';
export type { CollectiveOptions, ReduceOp, ReduceOptions } from './issue.js';
export {
  allGather,
  allGatherInto,
  allReduce,
  allReduceCoalesced,
  allToAll,
  barrier,
  broadcast,
  type DestinationOptions,
  gather,
  monitoredBarrier,
  type PointToPointOptions,
  recv,
  reduce,
  reduceScatter,
  reduceScatterTensor,
  scatter,
  send,
  type SourceOptions,
} from './collectives.js';
export { allGatherObject, broadcastObjectList, gatherObject } from './objects.js';
export { DistributedDataParallel, type DistributedDataParallelOptions } from './data-parallel.js';
export { DistributedSampler, type DistributedSamplerOptions } from './distributed-sampler.js';
export { convertSyncBatchNorm, SyncBatchNorm, type SyncBatchNormOptions } from './sync-batch-norm.js';
export {
  type OptimizerClass,
  ZeroRedundancyOptimizer,
  type ZeroRedundancyOptions,
} from './zero-redundancy-optimizer.js';
