// The collectives: each is issued at once on JavaScript's thread, in its order, and waited for as a promise or by
// wait().
#include <ATen/ops/view_as_real.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cmath>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include "backward_async.h"
#include "deferred.h"
#include "distributed.h"
#include "js_callback.h"

namespace torchbridge {
namespace {

using c10d::ProcessGroup;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

constexpr std::chrono::milliseconds kUnset(-1);

struct Collective {
  c10d::ReduceOp op;
  int root = 0;  // also the other end of send and recv
  int tag = 0;
  std::chrono::milliseconds timeout = kUnset;
  Tensors first;   // what is reduced or sent, or the outputs
  Tensors second;  // the inputs, where outputs are apart
  // Rows for each rank where one tensor is cut for all; empty for even ones.
  std::vector<int64_t> output_splits;
  std::vector<int64_t> input_splits;

  at::Tensor& one(Tensors& tensors, const char* what) const {
    if (tensors.size() != 1) {
      throw BridgeError(
          "value", std::string("Expected one tensor for ") + what + " but received " + std::to_string(tensors.size()));
    }
    return tensors.front();
  }
  // The lists of lists that c10d takes where one rank has many tensors.
  static std::vector<Tensors> nested(Tensors& tensors) {
    return tensors.empty() ? std::vector<Tensors>() : std::vector<Tensors>{tensors};
  }
};

template <typename Options>
Options with_timeout(const Collective& c) {
  Options options;
  options.timeout = c.timeout;
  return options;
}

template <typename Options>
Options with_root(const Collective& c) {
  auto options = with_timeout<Options>(c);
  options.rootRank = c.root;
  return options;
}

template <typename Options>
Options with_op(const Collective& c) {
  auto options = with_timeout<Options>(c);
  options.reduceOp = c.op;
  return options;
}

// On the device that the group is bound to, else the CPU where it has that, else the current device.
c10d::BarrierOptions barrier_options(ProcessGroup& group, std::chrono::milliseconds timeout) {
  c10d::BarrierOptions options;
  options.timeout = timeout;
  options.device = group.getBoundDeviceId();
  if (options.device.has_value()) return options;
  options.device = serves(group, c10::DeviceType::CPU) ? c10::Device(c10::DeviceType::CPU)
                                                       : c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).getDevice();
  return options;
}

// all_gather_single and reduce_scatter_single are newer than the oldest release that this compiles with.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
WorkPtr issue(ProcessGroup& group, const std::string& kind, Collective& c) {
  if (kind == "broadcast") return group.broadcast(c.first, with_root<c10d::BroadcastOptions>(c));
  if (kind == "allReduce") return group.allreduce(c.first, with_op<c10d::AllreduceOptions>(c));
  if (kind == "allReduceCoalesced") {
    return group.allreduce_coalesced(c.first, with_op<c10d::AllreduceCoalescedOptions>(c));
  }
  if (kind == "reduce") {
    auto options = with_op<c10d::ReduceOptions>(c);
    options.rootRank = c.root;
    return group.reduce(c.first, options);
  }
  if (kind == "allGather") {
    auto outputs = Collective::nested(c.first);
    return group.allgather(outputs, c.second, with_timeout<c10d::AllgatherOptions>(c));
  }
  if (kind == "allGatherInto") {
    return group._allgather_base(c.one(c.first, "output"), c.one(c.second, "input"),
                                 with_timeout<c10d::AllgatherOptions>(c));
  }
  if (kind == "gather") {
    auto outputs = Collective::nested(c.first);
    return group.gather(outputs, c.second, with_root<c10d::GatherOptions>(c));
  }
  if (kind == "scatter") {
    auto inputs = Collective::nested(c.second);
    return group.scatter(c.first, inputs, with_root<c10d::ScatterOptions>(c));
  }
  if (kind == "reduceScatter") {
    auto inputs = Collective::nested(c.second);
    return group.reduce_scatter(c.first, inputs, with_op<c10d::ReduceScatterOptions>(c));
  }
  if (kind == "reduceScatterTensor") {
    return group._reduce_scatter_base(c.one(c.first, "output"), c.one(c.second, "input"),
                                      with_op<c10d::ReduceScatterOptions>(c));
  }
  if (kind == "allToAll") return group.alltoall(c.first, c.second, with_timeout<c10d::AllToAllOptions>(c));
  if (kind == "allToAllSingle") {
    return group.alltoall_base(c.one(c.first, "output"), c.one(c.second, "input"), c.output_splits, c.input_splits,
                               with_timeout<c10d::AllToAllOptions>(c));
  }
  if (kind == "send") return group.send(c.first, c.root, c.tag);
  if (kind == "recv") return group.recv(c.first, c.root, c.tag);
  if (kind == "recvAnySource") return group.recvAnysource(c.first, c.tag);
  if (kind == "barrier") return group.barrier(barrier_options(group, c.timeout));
  throw BridgeError("internal", "no collective is called " + kind);
}
#pragma GCC diagnostic pop

// What backends would read or write without looking at it.
void check_tensors(const std::string& kind, ProcessGroup& group, const Collective& c) {
  const at::Tensor* before = nullptr;
  for (const auto* list : {&c.first, &c.second}) {
    for (const auto& tensor : *list) {
      if (!serves(group, tensor.device().type()) || tensor.layout() != c10::kStrided) {
        const std::string names = !serves(group, c10::DeviceType::CUDA) ? "the CPU"
                                  : serves(group, c10::DeviceType::CPU) ? "the CPU or CUDA"
                                                                        : "CUDA";
        throw BridgeError("device", "Expected dense tensors on " + names + " for " + kind +
                                        " but received one that is " + c10::str(tensor.layout()) + " on " +
                                        tensor.device().str());
      }
      if (before != nullptr && before->device() != tensor.device()) {
        throw BridgeError("device", "Expected tensors on one device for " + kind + " but received some on " +
                                        before->device().str() + " and " + tensor.device().str());
      }
      before = &tensor;
      if (tensor.is_quantized() || tensor.is_nested() || tensor._is_zerotensor() || tensor.is_neg() ||
          tensor.is_conj()) {
        throw BridgeError("type", "Expected plain tensors for " + kind + ": resolve or clone it first");
      }
    }
  }
}

// As Python's functions do, which leave out those that follow.
void complex_as_real(const std::string& kind, Collective& c) {
  if (kind == "reduce" || kind == "gather" || kind == "reduceScatter" || kind == "reduceScatterTensor") return;
  for (auto* list : {&c.first, &c.second}) {
    for (auto& tensor : *list) {
      if (!tensor.is_complex()) continue;
      const auto op = static_cast<c10d::ReduceOp::RedOpType>(c.op);
      if (kind.starts_with("allReduce") && op != c10d::ReduceOp::SUM && op != c10d::ReduceOp::AVG) {
        static constexpr const char* kNames[] = {"SUM", "AVG", "PRODUCT", "MIN", "MAX", "BAND", "BOR", "BXOR"};
        throw BridgeError("value",
                          std::string("all_reduce does not support RedOpType.") + kNames[op] + " on complex tensors");
      }
      tensor = at::view_as_real(tensor);
    }
  }
}

// c10d adds and multiplies them without looking.
void check_splits(const Collective& c, int size) {
  const auto check = [size](const at::Tensor& tensor, const std::vector<int64_t>& rows) {
    if (tensor.dim() == 0) throw BridgeError("shape", "Expected tensors of at least one dimension for allToAllSingle");
    if (rows.empty()) return;
    int64_t left = tensor.size(0);
    for (const int64_t each : rows) left -= std::min(each, left + 1);
    if (left != 0 || rows.size() != static_cast<size_t>(size)) {
      throw BridgeError("value", "Expected " + std::to_string(size) + " splits that add up to the " +
                                     std::to_string(tensor.size(0)) + " rows of the tensor");
    }
  };
  for (const auto& each : c.first) check(each, c.output_splits);
  for (const auto& each : c.second) check(each, c.input_splits);
}

DistributedGroup& usable(const std::shared_ptr<DistributedGroup>& group) {
  if (group->exclusive) {
    throw BridgeError("runtime", "a monitoredBarrier of this group is under way: await it first");
  }
  return *group;
}

// issueCollective(group, kind, op, root, tag, timeout (-1: the group's), output splits, input splits); on the tape the
// two lists. Returns a work.
napi_value issue_collective(Call& call) {
  const auto state = Distributed::of(call);
  Environment& data = call.data();
  before_gradients(data);
  DistributedGroup& group = usable(state->groups.get(call.int32(0)));
  const std::string kind = call.string(1);
  Collective c;
  const int op = call.int32(2);
  if (op < 0 || op > c10d::ReduceOp::BXOR) {
    throw BridgeError("value", "Expected a reduction for op but received number " + std::to_string(op));
  }
  c.op = c10d::ReduceOp(static_cast<c10d::ReduceOp::RedOpType>(op));
  c.root = call.int32(3);
  c.tag = call.int32(4);
  if (c.root < 0 || c.root >= group.group->getSize()) {
    throw BridgeError("value", "Expected a rank from 0 to " + std::to_string(group.group->getSize() - 1) + " for " +
                                   kind + " but received " + std::to_string(c.root));
  }
  if ((kind == "send" || kind == "recv") && c.root == group.group->getRank()) {
    throw BridgeError("value", "Expected another rank than this one (" + std::to_string(c.root) + ") for " + kind);
  }
  if (c.tag < 0) throw BridgeError("value", "Tag must be nonnegative but received " + std::to_string(c.tag));
  if (call.number(5) >= 0) c.timeout = milliseconds(call, 5);
  const Values values = data.values();
  c.first = read_tensors(values, 0, false);
  c.second = read_tensors(values, values.tape.next(0), false);
  check_tensors(kind, *group.group, c);
  complex_as_real(kind, c);
  if (kind == "allToAllSingle") {
    c.output_splits = whole_numbers(call, 6, "splits");
    c.input_splits = whole_numbers(call, 7, "splits");
    check_splits(c, group.group->getSize());
  }
  WorkPtr work = issue(*group.group, kind, c);
  const auto on_device = [](const at::Tensor& each) { return !each.is_cpu(); };
  return call.from(state->put_work(group, std::move(work),
                                   std::any_of(c.first.begin(), c.first.end(), on_device) ||
                                       std::any_of(c.second.begin(), c.second.end(), on_device)));
}

// startCoalescing(group): whether its backend for CUDA runs what is issued until endCoalescing as one
napi_value start_coalescing(Call& call) {
  DistributedGroup& group = usable(Distributed::of(call)->groups.get(call.int32(0)));
  if (!serves(*group.group, c10::DeviceType::CUDA)) return call.from(false);
  const auto backend = group.group->getBackend(c10::DeviceType::CUDA);
  if (!backend->supportsCoalescing()) return call.from(false);
  backend->startCoalescing();
  return call.from(true);
}

// endCoalescing(group): a work
napi_value end_coalescing(Call& call) {
  const auto state = Distributed::of(call);
  DistributedGroup& group = *state->groups.get(call.int32(0));
  return call.from(state->put_work(group, group.group->endCoalescing(c10::DeviceType::CUDA), true));
}

// awaitWork(work): a promise of the rank that a receive from any came from, -1 for others
napi_value await_work(Call& call) {
  const auto state = Distributed::of(call);
  const auto handle = state->works.get(call.int32(0));
  return state->start(call, [work = handle->work, ordered = handle->ordered] {
    work->wait();
    const int source = work->retrieveOpType() == c10d::OpType::RECVANYSOURCE ? work->sourceRank() : -1;
    return Settle([source, ordered, work](napi_env env) {
      if (ordered) work->wait();  // so that JavaScript's stream, too, comes after it
      napi_value value = nullptr;
      napi_create_int32(env, source, &value);
      return value;
    });
  });
}

// waitWork(work): waits on JavaScript's thread, at most as long as the collective's timeout
napi_value wait_work(Call& call) {
  const auto state = Distributed::of(call);
  const WorkPtr work = state->works.get(call.int32(0))->work;
  work->wait();
  return call.undefined();
}

// workDone(work)
napi_value work_done(Call& call) {
  return call.from(Distributed::of(call)->works.get(call.int32(0))->work->isCompleted());
}

// releaseWork(work)
napi_value release_work(Call& call) {
  Distributed::of(call)->works.take(call.int32(0));
  return call.undefined();
}

// monitoredBarrier(group, timeout, waitAllRanks): a promise
napi_value monitored_barrier(Call& call) {
  const auto state = Distributed::of(call);
  const std::shared_ptr<DistributedGroup> group = state->groups.get(call.int32(0));
  usable(group);
  const auto timeout = milliseconds(call, 1);
  const bool all = call.boolean(2);
  group->exclusive = true;
  return state->start(call, [group, timeout, all] {
    const std::shared_ptr<void> end(nullptr, [&](void*) { group->exclusive = false; });
    const QuietConnecting quiet;
    c10d::BarrierOptions options;
    options.timeout = timeout;
    options.device = c10::Device(c10::DeviceType::CPU);
    group->group->monitoredBarrier(options, all);
    return Settle([](napi_env env) {
      napi_value value = nullptr;
      napi_get_undefined(env, &value);
      return value;
    });
  });
}

}  // namespace

std::vector<Function> distributed_collective_functions() {
  return {
      {"issueCollective", &guarded<issue_collective>},
      {"startCoalescing", &guarded<start_coalescing>},
      {"endCoalescing", &guarded<end_coalescing>},
      {"awaitWork", &guarded<await_work>},
      {"waitWork", &guarded<wait_work>},
      {"workDone", &guarded<work_done>},
      {"releaseWork", &guarded<release_work>},
      {"monitoredBarrier", &guarded<monitored_barrier>},
  };
}

}  // namespace torchbridge
