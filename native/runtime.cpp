// The process: memory, threads, determinism, and what libtorch is linked.
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/version.h>

#include "counting_allocator.h"
#include "environment.h"
#include "freed_pages.h"
#include "version.h"

namespace torchbridge {

std::string linked_version() {
  const std::string config = at::show_config();
  const std::string key = "TORCH_VERSION=";
  const size_t start = config.find(key);
  if (start == std::string::npos) return "unknown";
  const size_t from = start + key.size();
  return config.substr(from, config.find_first_of(", \n", from) - from);
}

std::string compiled_version() { return TORCH_VERSION; }

namespace {

// memory(): on the tape tensors, bytes, peak bytes, limit (negative for none).
napi_value memory(Call& call) {
  const MemoryCounters counters = memory_counters();
  Tape& tape = call.data().tape;
  tape.put(0, static_cast<double>(call.data().tensors.live()));
  tape.put(1, static_cast<double>(counters.bytes));
  tape.put(2, static_cast<double>(counters.peak_bytes));
  tape.put(3, static_cast<double>(counters.limit));
  return call.undefined();
}

napi_value reset_peak(Call& call) {
  reset_peak_bytes();
  return call.undefined();
}

napi_value set_limit(Call& call) {
  set_memory_limit(static_cast<int64_t>(call.number(0)));
  return call.undefined();
}

napi_value release_memory(Call& call) { return call.from(release_freed_pages()); }

// Tells V8 how much memory hangs on its objects, so that garbage is collected in time.
napi_value sync_external_memory(Call& call) {
  Environment& data = call.data();
  const int64_t now = memory_counters().bytes;
  int64_t result = 0;
  call.check(napi_adjust_external_memory(call.env(), now - data.external_bytes, &result));
  data.external_bytes = now;
  return call.undefined();
}

int count_of(Call& call, const char* what) {
  const double n = call.number(0);
  if (!(n >= 1 && n <= 4096) || n != static_cast<double>(static_cast<int>(n))) {
    throw BridgeError("value",
                      std::string("Expected a positive integer for ") + what + " but received " + std::to_string(n));
  }
  return static_cast<int>(n);
}

napi_value set_num_threads(Call& call) {
  at::set_num_threads(count_of(call, "the number of threads"));
  return call.undefined();
}

napi_value set_num_interop_threads(Call& call) {
  at::set_num_interop_threads(count_of(call, "the number of interop threads"));
  return call.undefined();
}

napi_value get_num_threads(Call& call) { return call.from(static_cast<int32_t>(at::get_num_threads())); }
napi_value get_num_interop_threads(Call& call) {
  return call.from(static_cast<int32_t>(at::get_num_interop_threads()));
}

napi_value set_deterministic(Call& call) {
  at::globalContext().setDeterministicAlgorithms(call.boolean(0), call.boolean(1));
  return call.undefined();
}

napi_value is_deterministic(Call& call) { return call.from(at::globalContext().deterministicAlgorithms()); }

napi_value is_deterministic_warn_only(Call& call) {
  return call.from(at::globalContext().deterministicAlgorithmsWarnOnly());
}

void put_text(Call& call, napi_value object, const char* key, const std::string& text) {
  call.check(napi_set_named_property(call.env(), object, key, call.from(text)));
}

napi_value build_info(Call& call) {
  napi_value out = nullptr;
  call.check(napi_create_object(call.env(), &out));
  put_text(call, out, "torchVersion", linked_version());
  put_text(call, out, "compiledFor", compiled_version());
  put_text(call, out, "cpuCapability", at::get_cpu_capability());
  put_text(call, out, "config", at::show_config());
  put_text(call, out, "parallel", at::get_parallel_info());
  const auto accelerator = at::accelerator::getAccelerator();
  put_text(call, out, "accelerator",
           accelerator.has_value() ? c10::DeviceTypeName(*accelerator, /*lower_case=*/true) : std::string());
  const int32_t devices = accelerator.has_value() ? c10::impl::VirtualGuardImpl(*accelerator).deviceCount() : 0;
  call.check(napi_set_named_property(call.env(), out, "accelerators", call.from(devices)));
  return out;
}

}  // namespace

std::vector<Function> runtime_functions() {
  return {
      {"memory", &guarded<memory>},
      {"resetPeakMemory", &guarded<reset_peak>},
      {"setMemoryLimit", &guarded<set_limit>},
      {"releaseMemory", &guarded<release_memory>},
      {"syncExternalMemory", &guarded<sync_external_memory>},
      {"setNumThreads", &guarded<set_num_threads>},
      {"getNumThreads", &guarded<get_num_threads>},
      {"setNumInteropThreads", &guarded<set_num_interop_threads>},
      {"getNumInteropThreads", &guarded<get_num_interop_threads>},
      {"setDeterministic", &guarded<set_deterministic>},
      {"isDeterministic", &guarded<is_deterministic>},
      {"isDeterministicWarnOnly", &guarded<is_deterministic_warn_only>},
      {"buildInfo", &guarded<build_info>},
  };
}

}  // namespace torchbridge
