#include "distributed_reducer.h"

#include <limits>
#include <torch/csrc/distributed/c10d/comm.hpp>

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
};

// The constructor's last arguments came release by release.
template <typename Reducer>
std::unique_ptr<Reducer> make_reducer(const Tensors& parameters, const Buckets& buckets,
                                      const c10::intrusive_ptr<c10d::ProcessGroup>& group, const ReducerOptions& o) {
  const std::vector<bool> sparse(parameters.size(), false);
  const auto make = [&](auto... last) {
    return std::make_unique<Reducer>(parameters, buckets, group, sparse, o.bucket_bytes, o.find_unused, o.bucket_view,
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

std::shared_ptr<DistributedReducer> reducer_of(const Call& call) {
  return Distributed::of(call)->reducers.get(call.int32(0));
}

// newReducer(group, bucketBytes, firstBucketBytes, findUnusedParameters, gradientAsBucketView, names); on the tape the
// parameters
napi_value new_reducer(Call& call) {
  const auto state = Distributed::of(call);
  Environment& data = call.data();
  before_gradients(data);
  auto object = std::make_shared<DistributedReducer>();
  object->group = state->groups.get(call.int32(0));
  ReducerOptions options;
  options.bucket_bytes = static_cast<int64_t>(call.number(1));
  options.first_bucket_bytes = static_cast<int64_t>(call.number(2));
  options.find_unused = call.boolean(3);
  options.bucket_view = call.boolean(4);
  const auto names = texts(call, 5);
  for (size_t i = 0; i < names.size(); ++i) options.names[i] = names[i];
  const Tensors parameters = read_tensors(data.values(), 0, false);
  for (const auto& each : parameters) {
    if (!each.device().is_cpu() || each.layout() != c10::kStrided || !each.is_leaf() || !each.requires_grad()) {
      throw BridgeError("type", "Expected dense leaves on the CPU that require gradients as parameters");
    }
  }
  // One bucket at first, where no parameter can be unused: the order of the gradients is only known after the first
  // backward, when the Reducer makes buckets anew.
  std::vector<size_t> limits = {std::numeric_limits<int64_t>::max()};
  if (options.find_unused && options.first_bucket_bytes < options.bucket_bytes) {
    limits = {static_cast<size_t>(options.first_bucket_bytes), static_cast<size_t>(options.bucket_bytes)};
  } else if (options.find_unused) {
    limits = {static_cast<size_t>(options.bucket_bytes)};
  }
  Buckets buckets = std::get<0>(
      c10d::compute_bucket_assignment_by_size(parameters, limits, std::vector<bool>(parameters.size(), false)));
  std::reverse(buckets.begin(), buckets.end());
  object->reducer = make_reducer<c10d::Reducer>(parameters, buckets, object->group->group, options);
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
  c10d::verify_params_across_processes(group->group, read_tensors(call.data().values(), 0, false), std::nullopt);
  return call.undefined();
}

// broadcastCoalesced(group, bytes, root): waits; on the tape the tensors
napi_value broadcast_coalesced(Call& call) {
  before_gradients(call.data());
  const auto group = Distributed::of(call)->groups.get(call.int32(0));
  const Tensors tensors = read_tensors(call.data().values(), 0, false);
  c10d::broadcast_coalesced(group->group, tensors, static_cast<size_t>(call.number(1)), call.int32(2));
  return call.undefined();
}

}  // namespace

std::vector<Function> distributed_reducer_functions() {
  return {
      {"newReducer", &guarded<new_reducer>},
      {"prepareForForward", &guarded<prepare_for_forward>},
      {"rebuildBuckets", &guarded<rebuild_buckets>},
      {"prepareForBackward", &guarded<prepare_for_backward>},
      {"reducerBuckets", &guarded<reducer_buckets>},
      {"releaseReducer", &guarded<release_reducer>},
      {"verifyParameters", &guarded<verify_parameters>},
      {"broadcastCoalesced", &guarded<broadcast_coalesced>},
  };
}

}  // namespace torchbridge
