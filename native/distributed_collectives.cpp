// The collectives: each is issued at once on JavaScript's thread, in its order, and waited for as a promise or by
// wait().
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
  if (kind == "send") return group.send(c.first, c.root, c.tag);
  if (kind == "recv") return group.recv(c.first, c.root, c.tag);
  if (kind == "recvAnySource") return group.recvAnysource(c.first, c.tag);
  if (kind == "barrier") {
    c10d::BarrierOptions options;
    options.timeout = c.timeout;
    options.device = c10::Device(c10::DeviceType::CPU);
    return group.barrier(options);
  }
  throw BridgeError("internal", "no collective is called " + kind);
}
#pragma GCC diagnostic pop

// What Gloo would read or write without looking at it.
void check_tensors(const std::string& kind, const Collective& c) {
  for (const auto* list : {&c.first, &c.second}) {
    for (const auto& tensor : *list) {
      if (!tensor.device().is_cpu() || tensor.layout() != c10::kStrided) {
        throw BridgeError("device", "Expected dense tensors on the CPU for " + kind + " but received one that is " +
                                        c10::str(tensor.layout()) + " on " + tensor.device().str());
      }
      if (tensor.is_quantized() || tensor.is_nested() || tensor._is_zerotensor() || tensor.is_neg() ||
          tensor.is_conj()) {
        throw BridgeError("type", "Expected plain tensors for " + kind + ": resolve or clone it first");
      }
    }
  }
}

DistributedGroup& usable(const std::shared_ptr<DistributedGroup>& group) {
  if (group->exclusive) {
    throw BridgeError("runtime", "a monitoredBarrier of this group is under way: await it first");
  }
  return *group;
}

// issueCollective(group, kind, op, root, tag, timeout (-1: the group's)); on the tape the two lists. Returns a work.
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
  check_tensors(kind, c);
  WorkPtr work = issue(*group.group, kind, c);
  group.busy();  // forgets what is done
  group.issued.push_back(work);
  return call.from(state->works.put(std::make_shared<DistributedWork>(DistributedWork{std::move(work)})));
}

// awaitWork(work): a promise of the rank that a receive came from, -1 for others
napi_value await_work(Call& call) {
  const auto state = Distributed::of(call);
  return state->start(call, [work = state->works.get(call.int32(0))->work] {
    work->wait();
    int source = -1;
    const auto type = work->retrieveOpType();
    if (type == c10d::OpType::RECVANYSOURCE || type == c10d::OpType::RECV) source = work->sourceRank();
    return Settle([source](napi_env env) {
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
      {"awaitWork", &guarded<await_work>},
      {"waitWork", &guarded<wait_work>},
      {"workDone", &guarded<work_done>},
      {"releaseWork", &guarded<release_work>},
      {"monitoredBarrier", &guarded<monitored_barrier>},
  };
}

}  // namespace torchbridge
