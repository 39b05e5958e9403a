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
export { type Backend, type BackendDevice, isGlooAvailable, isNcclAvailable } from './backend.js';
export { ProcessGroup } from './process-group.js';
export {
  destroyProcessGroup,
  getBackend,
  getRank,
  getWorldSize,
  initProcessGroup,
  type InitProcessGroupOptions,
  isInitialized,
  newGroup,
  type NewGroupOptions,
  newSubgroups,
} from './groups.js';
export { newSubgroupsByEnumeration } from './subgroups.js';
export { Work } from './work.js';
export type { CollectiveOptions, ReduceOp, ReduceOptions } from './issue.js';
export {
  allGather,
  allGatherInto,
  allReduce,
  allReduceCoalesced,
  allToAll,
  allToAllSingle,
  type AllToAllSingleOptions,
  barrier,
  batchISendIRecv,
  broadcast,
  type DestinationOptions,
  gather,
  monitoredBarrier,
  type P2POp,
  type PointToPointOptions,
  recv,
  reduce,
  reduceScatter,
  reduceScatterTensor,
  scatter,
  send,
  type SourceOptions,
} from './collectives.js';
export {
  allGatherObject,
  broadcastObjectList,
  gatherObject,
  recvObjectList,
  scatterObjectList,
  sendObjectList,
} from './objects.js';
export { join, type Joinable, type JoinHook, type JoinOptions, notifyJoinContext } from './join.js';
export { DistributedDataParallel } from './data-parallel.js';
export type { CommHook, DistributedDataParallelOptions } from './data-parallel-options.js';
export { DistributedSampler, type DistributedSamplerOptions } from './distributed-sampler.js';
export { convertSyncBatchNorm, SyncBatchNorm, type SyncBatchNormOptions } from './sync-batch-norm.js';
export {
  type OptimizerClass,
  ZeroRedundancyOptimizer,
  type ZeroRedundancyOptions,
} from './zero-redundancy-optimizer.js';
