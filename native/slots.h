// The slot table: every tensor JavaScript knows is an int32 index into it. One table an environment (a worker
// thread has its own), touched by that environment's JavaScript thread only.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "errors.h"

namespace torchbridge {

// Knows the slots that are reserved for values still to come.
class Awaited {
 public:
  virtual ~Awaited() = default;
  // Fills the slot if that can be; throws when the value will never come.
  virtual void await(int32_t handle) = 0;
  // Whether the slot was reserved; it no longer is.
  virtual bool forget(int32_t handle) = 0;
};

template <typename T>
class Slots {
 public:
  int32_t put(T value) {
    ++live_;
    if (free_.empty()) {
      values_.push_back(std::move(value));
      return static_cast<int32_t>(values_.size() - 1);
    }
    const int32_t handle = free_.back();
    free_.pop_back();
    values_[static_cast<size_t>(handle)] = std::move(value);
    return handle;
  }

  // A slot without a value yet.
  int32_t reserve() { return put(T()); }
  void fill(int32_t handle, T value) { values_[static_cast<size_t>(handle)] = std::move(value); }
  void set_awaited(Awaited* awaited) { awaited_ = awaited; }

  // The reference lasts until the next put; take a copy before anything that may run JavaScript.
  const T& get(int32_t handle) const {
    if (!holds(handle)) {
      if (awaited_ != nullptr) awaited_->await(handle);
      if (!holds(handle)) {
        throw BridgeError("disposed",
                          "this tensor was released: its scope ended, or dispose() was called. Return it from the "
                          "scope, or keep() it, when it has to live longer");
      }
    }
    return values_[static_cast<size_t>(handle)];
  }

  // Whether there is a value by now.
  bool holds(int32_t handle) const {
    return handle >= 0 && static_cast<size_t>(handle) < values_.size() &&
           values_[static_cast<size_t>(handle)].defined();
  }

  void release(int32_t handle) {
    if (handle < 0 || static_cast<size_t>(handle) >= values_.size()) return;
    if (!owners_.empty()) owners_.erase(handle);
    // Moved out first: freeing may run code of libtorch that comes back here.
    T gone = std::move(values_[static_cast<size_t>(handle)]);
    if (!gone.defined() && (awaited_ == nullptr || !awaited_->forget(handle))) {
      if (!abandoned_.empty() && abandoned_.erase(handle) > 0) free_.push_back(handle);
      return;
    }
    values_[static_cast<size_t>(handle)] = T();
    free_.push_back(handle);
    --live_;
  }

  // Notes that something in C++ will free the value, unless JavaScript releases it first.
  void own(int32_t handle, int32_t owner) { owners_[handle] = owner; }

  // Frees a value for its owner, without JavaScript knowing: no other value takes the slot before JavaScript releases
  // it.
  void abandon(int32_t handle, int32_t owner) {
    const auto found = owners_.find(handle);
    if (found == owners_.end() || found->second != owner) return;
    owners_.erase(found);
    T gone = std::move(values_[static_cast<size_t>(handle)]);
    values_[static_cast<size_t>(handle)] = T();
    abandoned_.insert(handle);
    --live_;
  }

  // At the end of the environment. Moved out first: freeing may come back here.
  void clear() {
    const std::vector<T> gone = std::move(values_);
    values_.clear();
    owners_.clear();
  }

  int64_t live() const { return live_; }

 private:
  std::vector<T> values_;
  std::vector<int32_t> free_;
  std::unordered_map<int32_t, int32_t> owners_;
  std::unordered_set<int32_t> abandoned_;
  int64_t live_ = 0;
  Awaited* awaited_ = nullptr;
};

}  // namespace torchbridge
