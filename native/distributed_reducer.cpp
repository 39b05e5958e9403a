#include "distributed_reducer.h"

#include <ATen/ops/clone.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>
#include <limits>
#include <set>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/default_comm_hooks.hpp>

#include "autograd_nodes.h"
#include "backward_async.h"
#include "deferred.h"
#include "js_callback.h"

namespace torchbridge {
namespace {

using Buckets = std::vector<std::vector<size_t>>;

struct ReducerOptions {
  int64_t bucket_bytes = c10d::kDefaultBucketBytesCap;
  int64_t first_bucket_bytes = c10d::kDefaultFirstBucketBytes;
  bool find_unused = false;
  bool bucket_view = false;
  std::unordered_map<size_t, std::string> names;
  std::vector<bool> sparse;  // whether a parameter's gradients are sparse
};

// The constructor's last arguments came release by release.
template <typename Reducer>
std::unique_ptr<Reducer> make_reducer(const Tensors& parameters, const Buckets& buckets,
                                      const c10::intrusive_ptr<c10d::ProcessGroup>& group, const ReducerOptions& o) {
  const auto make = [&](auto... last) {
    return std::make_unique<Reducer>(parameters, buckets, group, o.sparse, o.bucket_bytes, o.find_unused, o.bucket_view,
                                     o.names, o.first_bucket_bytes, last...);
  };
  using Names = std::unordered_map<size_t, std::string>;
  using Group = c10::intrusive_ptr<c10d::ProcessGroup>;
  if constexpr (std::is_constructible_v<Reducer, Tensors, Buckets, Group, std::vector<bool>, int64_t, bool, bool, Names,
                                        int64_t, bool, bool, std::vector<int64_t>>) {
    return make(false, false, std::vector<int64_t>());
  } else if constexpr (std::is_constructible_v<Reducer, Tensors, Buckets, Group, std::vector<bool>, int64_t, bool, bool,
                                               Names, int64_t, bool, bool>) {
    return make(false, false);
  } else {
    return make();
  }
}

// c10d's words, and where the group's tensors are; said before something is sent that others would wait for.
void check_served(const DistributedGroup& group, const Tensors& tensors) {
  for (const auto& each : tensors) {
    const auto type = each.device().type();
    if (serves(*group.group, type)) continue;
    std::set<std::string> served;
    for (const auto& one : group.group->getDeviceTypes()) served.insert(c10::DeviceTypeName(one.type(), true));
    std::string names;
    for (const auto& one : served) names += (names.empty() ? "" : " and ") + one;
    throw BridgeError("device", "No backend type associated with device type " + c10::DeviceTypeName(type, true) +
                                    ": the collectives of this group take tensors on " + names);
  }
}

std::shared_ptr<DistributedReducer> reducer_of(const Call& call) {
  return Distributed::of(call)->reducers.get(call.int32(0));
}

// newReducer(group, bucketBytes, firstBucketBytes, findUnusedParameters, gradientAsBucketView, names, names of those
// with sparse gradients, staticGraph); on the tape the parameters
napi_value new_reducer(Call& call) {
  const auto state = Distributed::of(call);
  Environment& data = call.data();
  before_gradients(data);
  auto object = std::make_shared<DistributedReducer>();
  object->group = state->groups.get(call.int32(0));
  ReducerOptions options;
  options.bucket_bytes = whole(call, 1, 0, kSafeInteger, "bucketBytes");
  options.first_bucket_bytes = whole(call, 2, 0, kSafeInteger, "firstBucketBytes");
  options.find_unused = call.boolean(3);
  options.bucket_view = call.boolean(4);
  const auto names = texts(call, 5);
  const auto sparse = texts(call, 6);
  for (size_t i = 0; i < names.size(); ++i) {
    options.names[i] = names[i];
    options.sparse.push_back(std::find(sparse.begin(), sparse.end(), names[i]) != sparse.end());
  }
  const Tensors parameters = read_tensors(data.values(), 0, false);
  if (names.size() != parameters.size() || parameters.empty()) {
    throw BridgeError("value", "Expected a name for each parameter, and at least one");
  }
  check_served(*object->group, parameters);
  for (const auto& each : parameters) {
    if (each.layout() != c10::kStrided || !each.is_leaf() || !each.requires_grad() ||
        each.device().type() != parameters.front().device().type()) {
      throw BridgeError("type", "Expected dense leaves of one type of device that require gradients as parameters");
    }
  }
  object->static_graph = call.boolean(7);
  // One bucket at first, where no parameter can be unused: the order of the gradients is only known after the first
  // backward, when the Reducer makes buckets anew.
  const bool search = options.find_unused && !object->static_graph;
  std::vector<size_t> limits = {std::numeric_limits<int64_t>::max()};
  if (search && options.first_bucket_bytes < options.bucket_bytes) {
    limits = {static_cast<size_t>(options.first_bucket_bytes), static_cast<size_t>(options.bucket_bytes)};
  } else if (search) {
    limits = {static_cast<size_t>(options.bucket_bytes)};
  }
  Buckets buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(parameters, limits, options.sparse));
  std::reverse(buckets.begin(), buckets.end());
  object->find_unused = options.find_unused;
  object->reducer = make_reducer<c10d::Reducer>(parameters, buckets, object->group->group, options);
  object->logger = std::make_shared<c10d::Logger>(object->reducer);
  object->reducer->set_logger(object->logger);
  if (object->static_graph) object->reducer->set_static_graph();
  return call.from(state->reducers.put(std::move(object)));
}

// prepareForForward(reducer): whether the buckets were made anew, in the order of the first backward
napi_value prepare_for_forward(Call& call) {
  before_gradients(call.data());
  const auto object = reducer_of(call);
  object->reducer->prepare_for_forward();
  return call.undefined();
}

napi_value rebuild_buckets(Call& call) {
  before_gradients(call.data());
  return call.from(reducer_of(call)->reducer->rebuild_buckets());
}

// prepareForBackward(reducer); on the tape the outputs whose graph is searched for unused parameters
napi_value prepare_for_backward(Call& call) {
  before_gradients(call.data());
  reducer_of(call)->reducer->prepare_for_backward(read_tensors(call.data().values(), 0, false));
  return call.undefined();
}

// The first backward through it reduces all gradients at its end: which ones there are is only known then.
class DelayNode : public torch::autograd::Node {
 public:
  explicit DelayNode(std::shared_ptr<DistributedReducer> object) : object_(std::move(object)) {}

  std::string name() const override { return "DDPSinkBackward"; }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    if (!object_->delayed.exchange(true)) {
      torch::autograd::Engine::get_default_engine().queue_callback(
          [object = object_] { object->reducer->delay_all_reduce(); });
    }
    return std::move(gradients);
  }

 private:
  std::shared_ptr<DistributedReducer> object_;
};

// delaysReduction(reducer): whether a static graph has not had its first backward
napi_value delays_reduction(Call& call) {
  const auto object = reducer_of(call);
  return call.from(object->static_graph && !object->delayed);
}

// delayReduction(reducer); on the tape outputs with a history. Returns the handles of their copies, from which backward
// reduces the gradients at its end.
napi_value delay_reduction(Call& call) {
  before_gradients(call.data());
  const Tensors outputs = read_tensors(call.data().values(), 0, false);
  const auto node = new_node<DelayNode>(reducer_of(call));
  node->set_next_edges(torch::autograd::collect_next_edges(outputs));
  Tensors copies;
  {
    const at::AutoGradMode none(false);
    for (const auto& each : outputs) copies.push_back(at::clone(each));
  }
  napi_value array = nullptr;
  call.check(napi_create_array_with_length(call.env(), copies.size(), &array));
  for (size_t i = 0; i < copies.size(); ++i) {
    torch::autograd::set_history(copies[i], node);
    call.check(napi_set_element(call.env(), array, static_cast<uint32_t>(i), call.handle(copies[i])));
  }
  return array;
}

// registerCommHook(reducer, allreduce | fp16Compress): how the gradients of a bucket are reduced
napi_value register_comm_hook(Call& call) {
  before_gradients(call.data());
  const auto object = reducer_of(call);
  const bool compress = call.string(1) == "fp16Compress";
  object->reducer->register_builtin_comm_hook(compress ? c10d::BuiltinCommHookType::FP16_COMPRESS
                                                       : c10d::BuiltinCommHookType::ALLREDUCE);
  return call.undefined();
}

// setForwardWork(reducer, work, staticSize): gradients are divided by what the work sums up, unless the size is static
napi_value set_forward_work(Call& call) {
  before_gradients(call.data());
  const auto& work = Distributed::of(call)->works.get(call.int32(1))->work;
  reducer_of(call)->reducer->set_forward_pass_work_handle(work, call.boolean(2));
  return call.undefined();
}

// shadowBackward(reducer): what a process that has no batches left adds to the others' backward, zeros in the order of
// the buckets; a promise. The calls are made here, in their order, and waited for elsewhere.
napi_value shadow_backward(Call& call) {
  before_gradients(call.data());
  const auto object = reducer_of(call);
  std::vector<c10::intrusive_ptr<c10::ivalue::Future>> futures;
  for (auto& bucket : object->reducer->get_grad_buckets(true)) {
    futures.push_back(object->reducer->run_comm_hook(bucket));
  }
  if (object->find_unused) {
    std::vector<at::Tensor> used = {object->reducer->get_local_used_map_on_device()};
    futures.push_back(object->group->group->allreduce(used)->getFuture());
  }
  return Distributed::of(call)->start(call, [object, futures = std::move(futures)] {
    for (const auto& future : futures) future->waitAndThrow();
    return Settle([object, futures](napi_env env) {
      // On a device that ended only the waiting: what JavaScript's thread does next there comes after it from here on.
      for (const auto& future : futures) future->waitAndThrow();
      object->reducer->push_rebuilt_params_for_all_indices();
      napi_value value = nullptr;
      napi_get_undefined(env, &value);
      return value;
    });
  });
}

// reducerBuckets(reducer): the elements of each parameter, bucket after bucket, -1 after each
napi_value reducer_buckets(Call& call) {
  napi_value array = nullptr;
  call.check(napi_create_array(call.env(), &array));
  uint32_t next = 0;
  const auto add = [&](int64_t v) { call.check(napi_set_element(call.env(), array, next++, call.from(v))); };
  for (const auto& bucket : reducer_of(call)->reducer->get_grad_buckets(true)) {
    for (const auto& parameter : bucket.getParameters()) add(parameter.numel());
    add(-1);
  }
  return array;
}

// releaseReducer(reducer)
napi_value release_reducer(Call& call) {
  before_gradients(call.data());
  Distributed::of(call)->reducers.take(call.int32(0));
  return call.undefined();
}

// verifyParameters(group): throws where another rank has parameters of other shapes; on the tape the parameters
napi_value verify_parameters(Call& call) {
  before_gradients(call.data());
  const auto group = Distributed::of(call)->groups.get(call.int32(0));
  const Tensors parameters = read_tensors(call.data().values(), 0, false);
  if (parameters.empty()) throw BridgeError("value", "Expected at least one parameter");
  check_served(*group, parameters);
  c10d::verify_params_across_processes(group->group, parameters, std::nullopt);
  return call.undefined();
}

// broadcastCoalesced(group, bytes, root): waits; on the tape the tensors
napi_value broadcast_coalesced(Call& call) {
  before_gradients(call.data());
  const auto group = Distributed::of(call)->groups.get(call.int32(0));
  const Tensors tensors = read_tensors(call.data().values(), 0, false);
  const auto bytes = static_cast<size_t>(whole(call, 1, 1, kSafeInteger, "bytes"));
  const auto root = static_cast<int>(whole(call, 2, 0, group->group->getSize() - 1, "root"));
  check_served(*group, tensors);
  c10d::broadcast_coalesced(group->group, tensors, bytes, root);
  return call.undefined();
}

}  // namespace

std::vector<Function> distributed_reducer_functions() {
  return {
      {"newReducer", &guarded<new_reducer>},
      {"prepareForForward", &guarded<prepare_for_forward>},
      {"rebuildBuckets", &guarded<rebuild_buckets>},
      {"prepareForBackward", &guarded<prepare_for_backward>},
      {"delaysReduction", &guarded<delays_reduction>},
      {"delayReduction", &guarded<delay_reduction>},
      {"registerCommHook", &guarded<register_comm_hook>},
      {"setForwardWork", &guarded<set_forward_work>},
      {"shadowBackward", &guarded<shadow_backward>},
      {"reducerBuckets", &guarded<reducer_buckets>},
      {"releaseReducer", &guarded<release_reducer>},
      {"verifyParameters", &guarded<verify_parameters>},
      {"broadcastCoalesced", &guarded<broadcast_coalesced>},
  };
}

}  // namespace torchbridge
