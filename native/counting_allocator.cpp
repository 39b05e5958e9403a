#include "counting_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>

namespace torchbridge {
namespace {

std::atomic<int64_t> held{0};
std::atomic<int64_t> peak{0};
std::atomic<int64_t> blocks{0};
std::atomic<int64_t> limit_bytes{-1};

// The size of a block stands in front of its data. The data pointer stays its own deleter context, which
// raw_allocate demands, and keeps libtorch's alignment of 64 bytes.
constexpr size_t kHeader = 64;

void release(void* data) {
  if (data == nullptr) return;
  char* block = static_cast<char*>(data) - kHeader;
  int64_t size = 0;
  std::memcpy(&size, block, sizeof size);
  held.fetch_sub(size, std::memory_order_relaxed);
  blocks.fetch_sub(1, std::memory_order_relaxed);
  c10::free_cpu(block);
}

void refuse(int64_t size, int64_t now, int64_t limit) {
  TORCH_CHECK_WITH(OutOfMemoryError, false, "Expected at most ", limit,
                   " bytes of CPU memory (the limit that was set) but ", now, " are held and ", size,
                   " more were asked for");
}

struct CountingAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t n) override {
    if (n == 0) return {nullptr, nullptr, &release, c10::Device(c10::DeviceType::CPU)};
    TORCH_CHECK_WITH(OutOfMemoryError, n <= static_cast<size_t>(std::numeric_limits<int64_t>::max() / 2),
                     "Expected a size that fits into memory but ", n, " bytes were asked for");
    const auto size = static_cast<int64_t>(n);
    const int64_t now = held.fetch_add(size, std::memory_order_relaxed) + size;
    const int64_t limit = limit_bytes.load(std::memory_order_relaxed);
    char* block = nullptr;
    try {
      if (limit >= 0 && now > limit) refuse(size, now - size, limit);
      block = static_cast<char*>(c10::alloc_cpu(n + kHeader));
    } catch (const c10::OutOfMemoryError&) {
      held.fetch_sub(size, std::memory_order_relaxed);
      throw;
    } catch (const c10::Error&) {
      held.fetch_sub(size, std::memory_order_relaxed);
      TORCH_CHECK_WITH(OutOfMemoryError, false, "not enough memory: ", n, " bytes were asked for");
    }
    std::memcpy(block, &size, sizeof size);
    blocks.fetch_add(1, std::memory_order_relaxed);
    int64_t seen = peak.load(std::memory_order_relaxed);
    while (now > seen && !peak.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
    }
    char* data = block + kHeader;
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* dest, const void* src, std::size_t count) const override { default_copy_data(dest, src, count); }
};

}  // namespace

void install_counting_allocator() {
  static std::once_flag once;
  // Leaked on purpose: tensors of static lifetime are freed after every destructor of ours has run.
  std::call_once(once, [] { c10::SetCPUAllocator(new CountingAllocator(), /*priority=*/255); });
}

MemoryCounters memory_counters() { return {held.load(), peak.load(), blocks.load(), limit_bytes.load()}; }

void reset_peak_bytes() { peak.store(held.load()); }

void set_memory_limit(int64_t bytes) { limit_bytes.store(bytes); }

}  // namespace torchbridge

#ifdef TORCHBRIDGE_STANDALONE
// For the memory comparisons of test/ and bench/: Python loads this through ctypes and counts as we do.
extern "C" {
__attribute__((visibility("default"))) void counting_allocator_install() { torchbridge::install_counting_allocator(); }
__attribute__((visibility("default"))) int64_t counting_allocator_bytes() {
  return torchbridge::memory_counters().bytes;
}
__attribute__((visibility("default"))) int64_t counting_allocator_peak() {
  return torchbridge::memory_counters().peak_bytes;
}
__attribute__((visibility("default"))) void counting_allocator_reset_peak() { torchbridge::reset_peak_bytes(); }
}
#endif
