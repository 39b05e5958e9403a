#include "file_reading.h"

#include <ATen/Parallel.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>

#include "crc32.h"

namespace torchbridge {
namespace {

// While a piece is still in the processor's cache, its checksum costs next to nothing.
constexpr int64_t kPiece = int64_t{1} << 18;
// Less is not worth waking a thread for.
constexpr int64_t kBytesAThread = 16 * kPiece;

// Takes the pages of a block in one call: that they are missing is otherwise found out one by one, which costs as much
// as reading does. Nothing depends on it, and kernels before 5.14 do not know it.
void take_pages(char* start, size_t size) {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, which older headers lack
  constexpr uintptr_t kPage = 4096;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(start) + kPage - 1) & ~(kPage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(start) + size) & ~(kPage - 1);
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, kPopulateWrite);
}

// A piece of a part, and its checksum where one is asked for.
struct Piece {
  size_t part;
  int64_t start;
  int64_t nbytes;
  uint32_t crc = 0;
};

int32_t read_piece(const FileBytes& file, const FilePart& part, Piece& piece) {
  char* target = part.target + piece.start;
  const auto size = static_cast<size_t>(piece.nbytes);
  take_pages(target, size);
  const int32_t failure = file.read(part.offset + piece.start, piece.nbytes, target);
  if (failure == 0 && part.crc >= 0) piece.crc = crc32(0, target, size);
  return failure;
}

struct Mapping {
  void* start;
  size_t size;
};

void unmap(void* context) {
  const std::unique_ptr<Mapping> mapping(static_cast<Mapping*>(context));
  munmap(mapping->start, mapping->size);
}

}  // namespace

int32_t FileBytes::read(int64_t offset, int64_t nbytes, char* target) const {
  if (memory != nullptr) {
    if (nbytes > 0) std::memcpy(target, memory + offset, static_cast<size_t>(nbytes));
    return 0;
  }
  for (int64_t done = 0; done < nbytes;) {
    const ssize_t count = pread(descriptor, target + done, static_cast<size_t>(nbytes - done), offset + done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return kSystem - errno;
    if (count == 0) return kShort;
    done += count;
  }
  return 0;
}

int32_t read_parts(const FileBytes& file, const std::vector<FilePart>& parts) {
  std::vector<Piece> pieces;
  int64_t total = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    total += parts[i].nbytes;
    for (int64_t start = 0; start < parts[i].nbytes; start += kPiece) {
      pieces.push_back({i, start, std::min(kPiece, parts[i].nbytes - start)});
    }
  }
  std::atomic<size_t> next{0};
  std::atomic<int32_t> failure{0};
  const int64_t workers = std::clamp<int64_t>(total / kBytesAThread, 1, std::max(at::get_num_threads(), 1));
  at::parallel_for(0, workers, 1, [&](int64_t, int64_t) {
    for (size_t i = next++; i < pieces.size() && failure == 0; i = next++) {
      const int32_t found = read_piece(file, parts[pieces[i].part], pieces[i]);
      if (found != 0) failure = found;
    }
  });
  if (failure != 0) return failure;
  std::vector<uint32_t> checksums(parts.size());
  for (const Piece& piece : pieces) {
    uint32_t& crc = checksums[piece.part];
    crc = piece.start == 0 ? piece.crc : crc32_joined(crc, piece.crc, static_cast<size_t>(piece.nbytes));
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].crc >= 0 && parts[i].crc != checksums[i]) return kDamaged;
  }
  return 0;
}

at::DataPtr map_pages(int descriptor, size_t size) {
  void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  if (start == MAP_FAILED) return {};
  return {start, new Mapping{start, size}, &unmap, c10::Device(c10::DeviceType::CPU)};
}

c10::Storage storage_over(at::DataPtr data, int64_t nbytes) {
  // Resizable, as everywhere: libtorch changes a tensor's sizes before it finds out that a storage is not.
  return {c10::Storage::use_byte_size_t(), static_cast<size_t>(nbytes), std::move(data), c10::GetCPUAllocator(), true};
}

}  // namespace torchbridge
