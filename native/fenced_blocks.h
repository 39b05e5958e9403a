// Blocks for the hunt after kernels that read or write outside their tensors: each ends where an unreadable page begins
// (with TORCHBRIDGE_FENCE=front in the environment: begins behind one), so that the access itself faults. Compiled in
// with TORCHBRIDGE_FENCED alone: a block costs two calls of the system.
#pragma once
#ifdef TORCHBRIDGE_FENCED
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace torchbridge::fenced {

constexpr size_t kPage = 4096;
constexpr size_t kAlign = 16;  // the least that vector instructions of kernels rely on
constexpr size_t kRoom = 16;   // in front of the data, for the allocator's header
constexpr unsigned char kFill = 0xA5;

inline size_t padded(size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }
inline size_t inner_bytes(size_t n) { return (padded(n) + kRoom + kPage - 1) / kPage * kPage; }

inline bool at_front() {
  static const char* where = std::getenv("TORCHBRIDGE_FENCE");
  static const bool front = where != nullptr && std::strcmp(where, "front") == 0;
  return front;
}

inline char* data_in(char* start, size_t n) { return at_front() ? start + kRoom : start + inner_bytes(n) - padded(n); }

inline char* allocate(size_t n) {
  const size_t inner = inner_bytes(n);
  void* map = mmap(nullptr, inner + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  char* start = static_cast<char*>(map) + kPage;
  if (mprotect(start, inner, PROT_READ | PROT_WRITE) != 0) {
    munmap(map, inner + 2 * kPage);
    throw std::bad_alloc();
  }
  char* data = data_in(start, n);
  std::memset(start, kFill, static_cast<size_t>(data - start));
  std::memset(data + n, kFill, static_cast<size_t>(start + inner - (data + n)));
  return data;
}

// Unmaps; aborts when the bytes around the block were written to.
inline void release(char* data, size_t n) {
  const size_t inner = inner_bytes(n);
  char* start = at_front() ? data - kRoom : data + padded(n) - inner;
  const auto whole = [](const char* from, const char* to) {
    for (; from < to; ++from) {
      if (static_cast<unsigned char>(*from) != kFill) return false;
    }
    return true;
  };
  if (!whole(start, data - kRoom) || !whole(data + n, start + inner)) {
    std::fprintf(stderr, "fenced block: the bytes around a tensor of %zu bytes were written to\n", n);
    std::abort();
  }
  munmap(start - kPage, inner + 2 * kPage);
}

}  // namespace torchbridge::fenced
#endif
