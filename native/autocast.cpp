#include "autocast.h"

#include "environment.h"

namespace torchbridge {

AutocastState AutocastState::of(at::DeviceType device) {
  return {device, at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device),
          at::autocast::is_autocast_cache_enabled()};
}

void AutocastState::restore() const {
  at::autocast::set_autocast_enabled(device, enabled);
  at::autocast::set_autocast_dtype(device, dtype);
  at::autocast::set_autocast_cache_enabled(cache);
}

AutocastGuard::AutocastGuard(const std::vector<AutocastState>& states) {
  before_.reserve(states.size());
  for (const AutocastState& state : states) {
    before_.push_back(AutocastState::of(state.device));
    state.restore();
    at::autocast::increment_nesting();
  }
}

AutocastGuard::~AutocastGuard() {
  while (!before_.empty()) {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    before_.back().restore();
    before_.pop_back();
  }
}

namespace {

at::DeviceType device_type(Call& call, size_t i) { return parse_device(call.string(i)).type(); }

// pushAutocast(device, enabled, dtype, cache)
napi_value push(Call& call) {
  const AutocastState state{device_type(call, 0), call.boolean(1), parse_dtype(call.string(2)), call.boolean(3)};
  call.data().autocasts.push_back(std::make_unique<AutocastGuard>(std::vector<AutocastState>{state}));
  return call.undefined();
}

napi_value pop(Call& call) {
  if (call.data().autocasts.empty()) throw BridgeError("internal", "no autocast is on");
  call.data().autocasts.pop_back();
  return call.undefined();
}

napi_value is_enabled(Call& call) { return call.from(at::autocast::is_autocast_enabled(device_type(call, 0))); }

napi_value dtype_of(Call& call) {
  return call.from(std::string(dtype_name(at::autocast::get_autocast_dtype(device_type(call, 0)))));
}

napi_value is_cache_enabled(Call& call) { return call.from(at::autocast::is_autocast_cache_enabled()); }

}  // namespace

std::vector<Function> autocast_functions() {
  return {
      {"pushAutocast", &guarded<push>},
      {"popAutocast", &guarded<pop>},
      {"isAutocastEnabled", &guarded<is_enabled>},
      {"autocastDtype", &guarded<dtype_of>},
      {"isAutocastCacheEnabled", &guarded<is_cache_enabled>},
  };
}

}  // namespace torchbridge
