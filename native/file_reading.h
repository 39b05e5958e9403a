// Parts of files, read into memory or mapped.
#pragma once
#include <c10/core/Allocator.h>
#include <c10/core/Storage.h>

#include <cstdint>
#include <vector>

namespace torchbridge {

// Why a part was not read: the file ended early, its checksum differs, or (from kSystem on, downwards) an errno.
constexpr int32_t kShort = -1;
constexpr int32_t kDamaged = -2;
constexpr int32_t kSystem = -100;

// An open file, or an array that holds one.
struct FileBytes {
  int descriptor;
  const char* memory;  // null for a file
  int64_t size;

  // The bytes of a part, which the caller keeps inside the size, into `target`. 0, or why they could not be read.
  int32_t read(int64_t offset, int64_t nbytes, char* target) const;
};

struct FilePart {
  int64_t offset;
  int64_t nbytes;
  char* target;
  int64_t crc;  // what the checksum must be; not checked where it is negative
};

// Reads parts, as many at once as libtorch has threads for. 0, or why one of them could not be read.
int32_t read_parts(const FileBytes& file, const std::vector<FilePart>& parts);

// The pages of a file, private: what is written to them stays in this process. A null pointer, and errno, where the
// system refuses.
at::DataPtr map_pages(int descriptor, size_t size);

c10::Storage storage_over(at::DataPtr data, int64_t nbytes);

}  // namespace torchbridge
