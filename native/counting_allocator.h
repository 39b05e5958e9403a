// The CPU allocator of the process: libtorch's own memory, with every byte counted and an optional limit.
#pragma once
#include <cstdint>

namespace torchbridge {

struct MemoryCounters {
  int64_t bytes;        // held now
  int64_t peak_bytes;   // most held since the last reset
  int64_t allocations;  // blocks held now
  int64_t limit;        // most that may be held, negative for no limit
};

// Puts the counting allocator in place of libtorch's. Safe to call from any thread, takes effect once.
void install_counting_allocator();

MemoryCounters memory_counters();
void reset_peak_bytes();
void set_memory_limit(int64_t bytes);

}  // namespace torchbridge
