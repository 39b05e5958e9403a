// Process groups over Gloo and NCCL. NCCL's part needs CUDA's headers: the second addon makes it.
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/debug.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupWrapper.hpp>

#include "distributed.h"
#include "nccl_factory.h"

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

// What makes NCCL's part: the second addon's. For all environments; set once.
std::atomic<NewNccl> new_nccl{nullptr};

struct GroupRequest {
  c10::intrusive_ptr<c10d::Store> store;
  std::string name;
  int rank = 0;
  std::vector<uint64_t> ranks;                                    // of the whole job
  std::vector<std::pair<c10::DeviceType, std::string>> backends;  // by device
  std::string host;
  std::chrono::milliseconds timeout{0};
  std::optional<c10::Device> device;  // that the group is bound to

  int size() const { return static_cast<int>(ranks.size()); }
  bool nccl() const {
    return std::any_of(backends.begin(), backends.end(), [](const auto& each) { return each.second == "nccl"; });
  }
};

// From now on: NCCL's watchdog would write a backtrace of C++ beside the one line that is told of its failures.
void keep_quiet() {
  static const auto* for_good = new QuietConnecting();
  (void)for_good;
}

c10::intrusive_ptr<c10d::Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>& store, const GroupRequest& r) {
  return c10::make_intrusive<ProcessGroupGloo>(store, r.rank, r.size(), gloo_options(r.host, r.timeout));
}

c10::intrusive_ptr<c10d::Backend> make_backend(const std::string& name, const c10::intrusive_ptr<c10d::Store>& store,
                                               const GroupRequest& r) {
  c10::intrusive_ptr<c10d::Backend> backend =
      name == "nccl" ? new_nccl.load()({store, r.rank, r.size(), r.timeout, r.name, r.ranks}) : make_gloo(store, r);
  backend->setSequenceNumberForGroup();
  if (c10d::debug_level() != c10d::DebugLevel::Detail) return backend;
  const auto check_store = c10::make_intrusive<c10d::PrefixStore>(r.name + "_wrapper/", store);
  return c10::make_intrusive<c10d::ProcessGroupWrapper>(backend, make_gloo(check_store, r));
}

// The prefixes are Python's, so that its processes and these can be in one group.
std::shared_ptr<DistributedGroup> make_group(const GroupRequest& r) {
  const auto store = c10::make_intrusive<c10d::PrefixStore>(r.name + "/", r.store);
  auto made = std::make_shared<DistributedGroup>();
  made->group = c10::make_intrusive<ProcessGroup>(store, r.rank, r.size());
  ProcessGroup& group = *made->group;
  const auto type = [](const std::string& name) {
    return name == "nccl" ? ProcessGroup::BackendType::NCCL : ProcessGroup::BackendType::GLOO;
  };
  made->nccl = r.nccl();
  group.setDefaultBackend(type(made->nccl ? "nccl" : "gloo"));
  if (r.device.has_value()) group.setBoundDeviceId(r.device);
  std::unordered_map<std::string, c10::intrusive_ptr<c10d::Backend>> by_name;
  for (const auto& [device, name] : r.backends) {
    auto& backend = by_name[name];
    if (backend == nullptr) {
      const std::string prefix = c10::DeviceTypeName(device, /*lower_case=*/true) + "/";
      backend = make_backend(name, c10::make_intrusive<c10d::PrefixStore>(prefix, store), r);
    }
    group.setBackend(device, type(name), backend);
  }
  group.setGroupName(r.name);
  if (r.device.has_value()) {
    const auto backend = group.getBackend(r.device->type());
    if (backend->supportsSplitting() && made->nccl) backend->eagerConnectSingleDevice(*r.device);
  }
  return made;
}

std::vector<std::pair<c10::DeviceType, std::string>> backends(const Call& call, size_t argument) {
  std::vector<std::pair<c10::DeviceType, std::string>> all;
  for (const std::string& text : texts(call, argument)) {
    const size_t colon = text.find(':');
    const std::string device = text.substr(0, colon);
    const std::string name = colon == std::string::npos ? "" : text.substr(colon + 1);
    const bool cuda = device == "cuda";
    if ((!cuda && device != "cpu") || (name != "gloo" && !(cuda && name == "nccl"))) {
      throw BridgeError("value", "Expected cpu:gloo, cuda:gloo or cuda:nccl for backend but received " + text);
    }
    if (name == "nccl" && new_nccl.load() == nullptr) throw BridgeError("value", "NCCL is not built in");
    all.emplace_back(cuda ? c10::DeviceType::CUDA : c10::DeviceType::CPU, name);
  }
  if (all.empty()) throw BridgeError("value", "Expected at least one backend");
  return all;
}

// newProcessGroup(backends as ["cpu:gloo"], store, name, rank, the job's ranks in it, host ('': as PyTorch chooses),
// timeout, device that it is bound to ('': none)): a promise of a group
napi_value new_process_group(Call& call) {
  const auto state = Distributed::of(call);
  GroupRequest r;
  r.backends = backends(call, 0);
  r.store = state->stores.get(call.int32(1))->store;
  r.name = call.string(2);
  r.rank = call.int32(3);
  for (const int64_t each : whole_numbers(call, 4, "ranks")) r.ranks.push_back(static_cast<uint64_t>(each));
  if (r.rank < 0 || r.rank >= r.size()) {
    throw BridgeError("value", c10::str("Expected a rank from 0 to ", r.size() - 1, " but received ", r.rank));
  }
  r.host = call.string(5);
  r.timeout = milliseconds(call, 6);
  if (const std::string device = call.string(7); !device.empty()) r.device = c10::Device(device);
  tell_failures_of_backends();
  if (r.nccl()) keep_quiet();
  c10d::setDebugLevelFromEnvironment();  // Python does it when its module is loaded
  return state->start(call, [state, r = std::move(r)] {
    const QuietConnecting quiet;
    auto group = make_group(r);
    return Settle([state, group](napi_env env) {
      napi_value value = nullptr;
      napi_create_int32(env, state->groups.put(group), &value);
      return value;
    });
  });
}

// setNccl(what the second addon gives)
napi_value set_nccl(Call& call) {
  bool right = false;
  void* factory = nullptr;
  napi_valuetype type = napi_undefined;
  napi_typeof(call.env(), call.value(0), &type);
  if (type == napi_external) napi_check_object_type_tag(call.env(), call.value(0), &kNcclTag, &right);
  if (right) napi_get_value_external(call.env(), call.value(0), &factory);
  if (factory == nullptr) throw BridgeError("type", "Expected what the CUDA module gives");
  new_nccl = reinterpret_cast<NewNccl>(factory);
  return call.undefined();
}

// destroyProcessGroup(group)
napi_value destroy_process_group(Call& call) {
  auto group = Distributed::of(call)->groups.take(call.int32(0));
  if (group != nullptr) group->end_nccl(/*in_the_middle=*/false);
  free_group(std::move(group));
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

bool serves(const ProcessGroup& group, c10::DeviceType device) {
  const auto devices = group.getDeviceTypes();
  return std::any_of(devices.begin(), devices.end(), [device](const auto& each) { return each.type() == device; });
}

std::vector<Function> distributed_group_functions() {
  return {
      {"newProcessGroup", &guarded<new_process_group>},
      {"destroyProcessGroup", &guarded<destroy_process_group>},
      {"setNccl", &guarded<set_nccl>},
      {"setWayOn", &guarded<set_way_on>},
      {"distributedCounts", &guarded<distributed_counts>},
  };
}

}  // namespace torchbridge
