// What the caching allocator of an accelerator holds.
#include <ATen/DeviceAccelerator.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <sstream>

#include "accelerator.h"
#include "environment.h"

namespace torchbridge {
namespace {

using c10::CachingDeviceAllocator::DeviceStats;
using c10::CachingDeviceAllocator::Stat;
using c10::CachingDeviceAllocator::StatArray;

// The device of an argument, with its index; the allocator of its type.
c10::Device device_of(Call& call) {
  const c10::Device device = parse_device(call.string(0));
  if (!device.has_index()) throw BridgeError("internal", "a device without its index");
  return device;
}

c10::DeviceAllocator& allocator_of(const c10::Device& device) { return *c10::getDeviceAllocator(device.type()); }

class Json {
 public:
  void number(const std::string& name, int64_t value) {
    out_ << (first_ ? "{\"" : ",\"") << name << "\":" << value;
    first_ = false;
  }
  void stat(const std::string& name, const Stat& stat) {
    number(name + ".current", stat.current);
    number(name + ".peak", stat.peak);
    number(name + ".allocated", stat.allocated);
    number(name + ".freed", stat.freed);
  }
  void pools(const std::string& name, const StatArray& stats) {
    static const char* const kPools[] = {"all", "small_pool", "large_pool"};
    for (size_t i = 0; i < stats.size() && i < 3; ++i) stat(name + "." + kPools[i], stats[i]);
  }
  std::string end() { return out_.str() + "}"; }

 private:
  std::ostringstream out_;
  bool first_ = true;
};

// memoryStats('cuda:0'): JSON with the names of torch.cuda.memory_stats; empty before the device was used.
napi_value memory_stats(Call& call) {
  const c10::Device device = device_of(call);
  c10::DeviceAllocator& allocator = allocator_of(device);
  if (!allocator.initialized()) return call.from(std::string("{}"));
  const DeviceStats stats = allocator.getDeviceStats(device.index());
  Json out;
  out.pools("allocation", stats.allocation);
  out.pools("segment", stats.segment);
  out.pools("active", stats.active);
  out.pools("inactive_split", stats.inactive_split);
  out.pools("allocated_bytes", stats.allocated_bytes);
  out.pools("reserved_bytes", stats.reserved_bytes);
  out.pools("active_bytes", stats.active_bytes);
  out.pools("inactive_split_bytes", stats.inactive_split_bytes);
  out.pools("requested_bytes", stats.requested_bytes);
  out.number("num_alloc_retries", stats.num_alloc_retries);
  out.number("num_ooms", stats.num_ooms);
  out.stat("oversize_allocations", stats.oversize_allocations);
  out.stat("oversize_segments", stats.oversize_segments);
  out.number("num_sync_all_streams", stats.num_sync_all_streams);
  out.number("num_device_alloc", stats.num_device_alloc);
  out.number("num_device_free", stats.num_device_free);
  out.number("max_split_size", stats.max_split_size);
  return call.from(out.end());
}

napi_value reset_peak(Call& call) {
  const c10::Device device = device_of(call);
  if (allocator_of(device).initialized()) allocator_of(device).resetPeakStats(device.index());
  return call.undefined();
}

napi_value reset_accumulated(Call& call) {
  const c10::Device device = device_of(call);
  if (allocator_of(device).initialized()) allocator_of(device).resetAccumulatedStats(device.index());
  return call.undefined();
}

napi_value empty_cache(Call& call) {
  c10::DeviceAllocator& allocator = allocator_of(device_of(call));
  if (allocator.initialized()) allocator.emptyCache();
  return call.undefined();
}

// Older releases cannot tell.
template <typename Allocator>
std::string memory_info_of(Allocator& allocator, c10::DeviceIndex index) {
  if constexpr (requires { allocator.getMemoryInfo(index); }) {
    const auto [free, total] = allocator.getMemoryInfo(index);
    Json out;
    out.number("free", static_cast<int64_t>(free));
    out.number("total", static_cast<int64_t>(total));
    return out.end();
  } else {
    throw BridgeError("notImplemented", "libtorch " + std::string(TORCHBRIDGE_LIBTORCH_VERSION) +
                                            " does not tell the free memory of a device; 2.13 does");
  }
}

// memoryInfo('cuda:0'): JSON of { free, total }, of the device and not of this process.
napi_value memory_info(Call& call) {
  const c10::Device device = device_of(call);
  return call.from(memory_info_of(allocator_of(device), device.index()));
}

}  // namespace

std::vector<Function> accelerator_memory_functions() {
  return {
      {"memoryStats", &guarded<memory_stats>},
      {"resetPeakStats", &guarded<reset_peak>},
      {"resetAccumulatedStats", &guarded<reset_accumulated>},
      {"emptyCache", &guarded<empty_cache>},
      {"memoryInfo", &guarded<memory_info>},
  };
}

}  // namespace torchbridge
