// Memory that a storage shares with something outside of its environment's slots: an ArrayBuffer, or another worker.
#pragma once
#include <c10/core/Allocator.h>
#include <c10/core/StorageImpl.h>
#include <node_api.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace torchbridge {

// The owner of a block of memory, counted by everything that looks at it; the last one frees it, on any thread.
class SharedMemory {
 public:
  // The owner of a storage's memory; the first call puts it between the two. A storage that is resized takes memory of
  // its own and leaves the shared block to the others. (One that refused to would be worse: libtorch changes a tensor's
  // sizes before it finds out, and the tensor then reaches beyond its memory.)
  static SharedMemory* of(c10::StorageImpl& storage);
  // Null where the memory has no such owner.
  static SharedMemory* find(const at::DataPtr& data);

  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release();

  // A pointer into the memory that keeps it.
  at::DataPtr pointer(void* data);
  const at::DataPtr& data() const { return data_; }

 private:
  static void drop(void* context);

  at::DataPtr data_;
  std::atomic<int64_t> references_{1};
};

// JavaScript objects that tensors of one environment keep alive: the buffers whose memory they use.
class Pins {
 public:
  Pins(napi_env env) : env_(env) {}

  // Memory of `buffer`, kept by a reference until no tensor uses it.
  static at::DataPtr pin(const std::shared_ptr<Pins>& pins, napi_ref buffer, void* data);
  // The reference behind memory that was pinned, null for any other.
  static napi_ref find(const at::DataPtr& data);

  // Lets go of what other threads have released meanwhile.
  void collect();
  // The environment is gone, and its references with it.
  void close();

 private:
  struct Pin;
  static void drop(void* context);

  napi_env env_;
  std::thread::id thread_ = std::this_thread::get_id();
  std::mutex mutex_;
  bool open_ = true;
  std::vector<napi_ref> released_;
};

// Closes the pins after the tensors of its environment are gone.
struct OwnPins {
  std::shared_ptr<Pins> pins;
  ~OwnPins() {
    if (pins != nullptr) pins->close();
  }
};

}  // namespace torchbridge
