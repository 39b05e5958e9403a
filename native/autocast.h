// Automatic mixed precision: the state of a thread. libtorch's header for it includes every operator there is.
#pragma once
#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

#include <vector>

namespace at::autocast {
bool is_autocast_enabled(at::DeviceType device_type);
void set_autocast_enabled(at::DeviceType device_type, bool enabled);
at::ScalarType get_autocast_dtype(at::DeviceType device_type);
void set_autocast_dtype(at::DeviceType device_type, at::ScalarType dtype);
void clear_cache();
int increment_nesting();
int decrement_nesting();
bool is_autocast_cache_enabled();
void set_autocast_cache_enabled(bool enabled);
}  // namespace at::autocast

namespace torchbridge {

struct AutocastState {
  at::DeviceType device;
  bool enabled;
  at::ScalarType dtype;
  bool cache;

  static AutocastState of(at::DeviceType device);
  void restore() const;
};

// One state a device for the time of a block, as nested torch.amp.autocast are. On the calling thread.
class AutocastGuard {
 public:
  explicit AutocastGuard(const std::vector<AutocastState>& states);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  std::vector<AutocastState> before_;
};

}  // namespace torchbridge
