#include "counting_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <new>

#include "fenced_blocks.h"

namespace torchbridge {
namespace {

std::atomic<int64_t> held{0};
std::atomic<int64_t> peak{0};
std::atomic<int64_t> blocks{0};
std::atomic<int64_t> limit_bytes{-1};

// What stands in front of a block's data. The data pointer stays its own deleter context, which raw_allocate demands,
// and keeps libtorch's alignment.
struct Header {
  int64_t size;
  void* small;  // what malloc returned; null for a large block, which begins kAlignment bytes before its data
};
constexpr size_t kAlignment = 64;
static_assert(sizeof(Header) <= alignof(std::max_align_t),
              "a block of malloc has room for the header and the alignment");

// Up to this size malloc's own lists are three times as fast as an aligned allocation, and every operator asks for one.
constexpr size_t kSmall = 64 * 1024;

// Whether the system has so much address space left. Asked before malloc is: one that fails moves the thread to another
// arena for good, where large blocks are mapped anew each time.
bool can_be_had(size_t n) {
#ifdef __linux__
  void* probe = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return probe != MAP_FAILED && munmap(probe, n) == 0;
#else
  return n > 0;
#endif
}
constexpr size_t kProbed = size_t{1} << 28;

char* allocate_block(size_t n) {
  Header header{static_cast<int64_t>(n), nullptr};
  char* data = nullptr;
#ifdef TORCHBRIDGE_FENCED
  data = fenced::allocate(n);
#else
  if (n <= kSmall) {
    header.small = std::malloc(n + kAlignment);
    if (header.small == nullptr) throw std::bad_alloc();
    const auto after_header = reinterpret_cast<uintptr_t>(header.small) + sizeof header;
    data = reinterpret_cast<char*>((after_header + kAlignment - 1) / kAlignment * kAlignment);
  } else {
    if (n >= kProbed && !can_be_had(n)) throw std::bad_alloc();
    data = static_cast<char*>(c10::alloc_cpu(n + kAlignment)) + kAlignment;
  }
#endif
  std::memcpy(data - sizeof header, &header, sizeof header);
  return data;
}

void release(void* data) {
  if (data == nullptr) return;
  Header header{};
  std::memcpy(&header, static_cast<char*>(data) - sizeof header, sizeof header);
  held.fetch_sub(header.size, std::memory_order_relaxed);
  blocks.fetch_sub(1, std::memory_order_relaxed);
#ifdef TORCHBRIDGE_FENCED
  fenced::release(static_cast<char*>(data), static_cast<size_t>(header.size));
#else
  if (header.small != nullptr) {
    std::free(header.small);
  } else {
    c10::free_cpu(static_cast<char*>(data) - kAlignment);
  }
#endif
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
    char* data = nullptr;
    try {
      if (limit >= 0 && now > limit) refuse(size, now - size, limit);
      data = allocate_block(n);
    } catch (const c10::OutOfMemoryError&) {
      held.fetch_sub(size, std::memory_order_relaxed);
      throw;
    } catch (const std::exception&) {
      held.fetch_sub(size, std::memory_order_relaxed);
      TORCH_CHECK_WITH(OutOfMemoryError, false, "not enough memory: ", n, " bytes were asked for, ",
                       held.load(std::memory_order_relaxed), " are held");
    }
    blocks.fetch_add(1, std::memory_order_relaxed);
    int64_t seen = peak.load(std::memory_order_relaxed);
    while (now > seen && !peak.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
    }
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
