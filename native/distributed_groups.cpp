// Process groups over Gloo. One for each backend name: NCCL's needs CUDA's headers, and would be made beside Gloo's.
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/debug.h>

#include <cstdlib>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupWrapper.hpp>

#include "distributed.h"

namespace torchbridge {
namespace {

using c10d::ProcessGroup;
using c10d::ProcessGroupGloo;

// As Python's binding does: the interfaces that GLOO_SOCKET_IFNAME lists, else the one that this machine's name has.
c10::intrusive_ptr<ProcessGroupGloo::Options> gloo_options(const std::string& host, std::chrono::milliseconds timeout) {
  auto options = ProcessGroupGloo::Options::create(timeout);
  const char* interfaces = std::getenv("GLOO_SOCKET_IFNAME");
  if (!host.empty()) {
    options->devices.push_back(ProcessGroupGloo::createDeviceForHostname(host));
  } else if (interfaces != nullptr && std::strlen(interfaces) > 1) {
    std::stringstream names(interfaces);
    for (std::string name; std::getline(names, name, ',');) {
      options->devices.push_back(ProcessGroupGloo::createDeviceForInterface(name));
    }
  } else {
    options->devices.push_back(ProcessGroupGloo::createDefaultDevice());
  }
  options->threads = static_cast<int>(options->devices.size() * 2);
  return options;
}

// The prefixes are Python's, so that its processes and these can be in one group.
std::shared_ptr<DistributedGroup> make_gloo(const c10::intrusive_ptr<c10d::Store>& store, const std::string& name,
                                            int rank, int size, const std::string& host,
                                            std::chrono::milliseconds timeout) {
  const auto group_store = c10::make_intrusive<c10d::PrefixStore>(name + "/", store);
  const auto backend_store = c10::make_intrusive<c10d::PrefixStore>("cpu/", group_store);
  c10::intrusive_ptr<c10d::Backend> backend =
      c10::make_intrusive<ProcessGroupGloo>(backend_store, rank, size, gloo_options(host, timeout));
  backend->setSequenceNumberForGroup();
  if (c10d::debug_level() == c10d::DebugLevel::Detail) {
    const auto check_store = c10::make_intrusive<c10d::PrefixStore>(name + "_wrapper/", backend_store);
    backend = c10::make_intrusive<c10d::ProcessGroupWrapper>(
        backend, c10::make_intrusive<ProcessGroupGloo>(check_store, rank, size, gloo_options(host, timeout)));
  }
  auto group = std::make_shared<DistributedGroup>();
  group->group = c10::make_intrusive<ProcessGroup>(group_store, rank, size);
  group->group->setDefaultBackend(ProcessGroup::BackendType::GLOO);
  group->group->setBackend(c10::DeviceType::CPU, ProcessGroup::BackendType::GLOO, backend);
  group->group->setGroupName(name);
  return group;
}

// newProcessGroup(backend, store, name, rank, size, host ('': as PyTorch chooses), timeout): a promise of a group
napi_value new_process_group(Call& call) {
  const auto state = Distributed::of(call);
  const std::string backend = call.string(0);
  const int rank = call.int32(3);
  const int size = call.int32(4);
  if (backend != "gloo") throw BridgeError("value", "Expected gloo for backend but received " + backend);
  if (size < 1 || rank < 0 || rank >= size) {
    throw BridgeError(
        "value", "Expected a rank from 0 to " + std::to_string(size - 1) + " but received " + std::to_string(rank));
  }
  return state->start(call, [state, store = state->stores.get(call.int32(1))->store, name = call.string(2), rank, size,
                             host = call.string(5), timeout = milliseconds(call, 6)] {
    const QuietConnecting quiet;
    auto group = make_gloo(store, name, rank, size, host, timeout);
    return Settle([state, group](napi_env env) {
      napi_value value = nullptr;
      napi_create_int32(env, state->groups.put(group), &value);
      return value;
    });
  });
}

// destroyProcessGroup(group)
napi_value destroy_process_group(Call& call) {
  free_group(Distributed::of(call)->groups.take(call.int32(0)));
  return call.undefined();
}

// distributedCounts(): stores, groups, works and reducers that are alive
napi_value distributed_counts(Call& call) {
  const auto state = Distributed::of(call);
  const size_t counts[] = {state->stores.size(), state->groups.size(), state->works.size(), state->reducers.size()};
  napi_value array = nullptr;
  call.check(napi_create_array_with_length(call.env(), 4, &array));
  for (uint32_t i = 0; i < 4; ++i) {
    call.check(napi_set_element(call.env(), array, i, call.from(static_cast<int32_t>(counts[i]))));
  }
  return array;
}

}  // namespace

std::vector<Function> distributed_group_functions() {
  return {
      {"newProcessGroup", &guarded<new_process_group>},
      {"destroyProcessGroup", &guarded<destroy_process_group>},
      {"distributedCounts", &guarded<distributed_counts>},
  };
}

}  // namespace torchbridge
