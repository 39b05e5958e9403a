// Storages from and to files: read straight into their memory, mapped, checksummed, and storages inside of others.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/Storage.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#define AT_PER_OPERATOR_HEADERS
#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "crc32.h"
#include "deferred.h"
#include "environment.h"
#include "shared_memory.h"
#include "storage_view.h"

namespace torchbridge {
namespace {

// Results that are no handles: the file ended early, its checksum differs, or (from kSystem on, downwards) an errno.
constexpr int32_t kShort = -1;
constexpr int32_t kDamaged = -2;
constexpr int32_t kSystem = -100;

// While a piece is still in the processor's cache, its checksum costs next to nothing.
constexpr int64_t kPiece = int64_t{1} << 18;
// Less is not worth waking a thread for.
constexpr int64_t kPiecesAThread = 16;

// A whole number of bytes; JavaScript's numbers are exact up to 2^53, and no file is larger.
int64_t whole(Call& call, size_t i) {
  const double given = call.number(i);
  if (!(given >= 0 && given <= 9007199254740991.0) || given != static_cast<double>(static_cast<int64_t>(given)))
    throw BridgeError("value", "Expected a whole number of bytes");
  return static_cast<int64_t>(given);
}

c10::Storage storage_over(at::DataPtr data, int64_t nbytes) {
  // Resizable, as everywhere: libtorch changes a tensor's sizes before it finds out that a storage is not.
  return {c10::Storage::use_byte_size_t(), static_cast<size_t>(nbytes), std::move(data), c10::GetCPUAllocator(), true};
}

// What argument `i` asks for of a new storage: its bytes, `[nbytes]`, or, where it names a dtype, the tensor whose
// offset is the next argument, and whose shape and strides stand on the tape.
napi_value tensor_over(Call& call, c10::Storage storage, size_t i) {
  const std::string dtype = call.string(i);
  if (dtype.empty()) {
    const auto nbytes = static_cast<int64_t>(storage.nbytes());
    at::Tensor out = at::empty({0}, at::TensorOptions().dtype(at::kByte));
    out.set_(std::move(storage), 0, {nbytes}, {1});
    return call.handle(std::move(out));
  }
  return call.handle(
      view_of(std::move(storage), at::TensorOptions(), parse_dtype(dtype), call.number(i + 1), call.data().tape));
}

// Takes the pages of a block in one call: that they are missing is otherwise found out one by one, which costs as much
// as reading does. Nothing depends on it, and kernels before 5.14 do not know it.
void take_pages(char* start, size_t size) {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, which older headers lack
  constexpr uintptr_t kPage = 4096;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(start) + kPage - 1) & ~(kPage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(start) + size) & ~(kPage - 1);
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, kPopulateWrite);
}

// A part of a file and the memory it is read into, in pieces by the threads that libtorch may use.
struct Reading {
  int descriptor;
  int64_t offset;
  char* target;
  int64_t nbytes;
  bool checked;
  std::vector<uint32_t> checksums = std::vector<uint32_t>((nbytes + kPiece - 1) / kPiece);
  std::atomic<int32_t> failure{0};

  int64_t size_of(int64_t piece) const { return std::min(kPiece, nbytes - piece * kPiece); }

  void read(int64_t piece) {
    char* start = target + piece * kPiece;
    const int64_t size = size_of(piece);
    take_pages(start, static_cast<size_t>(size));
    for (int64_t done = 0; done < size && failure == 0;) {
      const auto left = static_cast<size_t>(size - done);
      const ssize_t count = pread(descriptor, start + done, left, offset + piece * kPiece + done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) failure = kSystem - errno;
      if (count == 0) failure = kShort;
      done += count;
    }
    if (checked) checksums[static_cast<size_t>(piece)] = crc32(0, start, static_cast<size_t>(size));
  }

  uint32_t checksum() const {
    uint32_t crc = 0;
    for (size_t i = 0; i < checksums.size(); ++i) {
      crc = crc32_joined(crc, checksums[i], static_cast<size_t>(size_of(static_cast<int64_t>(i))));
    }
    return crc;
  }
};

// readFile(descriptor, offset, nbytes, crc, dtype, start): a tensor over a part of a file. `crc` is checked unless it
// is negative; for the last two see tensor_over.
napi_value read_file(Call& call) {
  const int64_t nbytes = whole(call, 2);
  const double wanted = call.number(3);
  at::Tensor out = at::empty({nbytes}, at::TensorOptions().dtype(at::kByte));
  Reading reading{call.int32(0), whole(call, 1), static_cast<char*>(out.mutable_data_ptr()), nbytes, wanted >= 0};
  at::parallel_for(0, static_cast<int64_t>(reading.checksums.size()), kPiecesAThread, [&](int64_t from, int64_t to) {
    for (int64_t piece = from; piece < to; ++piece) reading.read(piece);
  });
  if (reading.failure != 0) return call.from(reading.failure.load());
  if (wanted >= 0 && static_cast<double>(reading.checksum()) != wanted) return call.from(kDamaged);
  return tensor_over(call, out.storage(), 4);
}

// readEach(descriptor, offsets, target): as many bytes from each offset as `target` has room for each, one after the
// other; whether all were there.
napi_value read_each(Call& call) {
  const int descriptor = call.int32(0);
  const auto [places, places_size] = call.bytes(1);
  const auto [target, target_size] = call.bytes(2);
  const size_t count = places_size / sizeof(double);
  const size_t length = count == 0 ? 0 : target_size / count;
  for (size_t i = 0; i < count; ++i) {
    double offset = 0;
    std::memcpy(&offset, places + i * sizeof offset, sizeof offset);
    if (!(offset >= 0 && offset <= 9007199254740991.0)) throw BridgeError("value", "Expected a place in a file");
    const ssize_t got = pread(descriptor, target + i * length, length, static_cast<off_t>(offset));
    if (got != static_cast<ssize_t>(length)) return call.from(false);
  }
  return call.from(true);
}

struct Mapping {
  void* start;
  size_t size;
};

void unmap(void* context) {
  const std::unique_ptr<Mapping> mapping(static_cast<Mapping*>(context));
  munmap(mapping->start, mapping->size);
}

// mapFile(descriptor, nbytes): a uint8 tensor over a file's pages, private: what is written to it stays in this
// process.
napi_value map_file(Call& call) {
  const auto size = static_cast<size_t>(whole(call, 1));
  if (size == 0) throw BridgeError("value", "Expected a file that is not empty");
  void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, call.int32(0), 0);
  if (start == MAP_FAILED) return call.from(kSystem - errno);
  at::DataPtr data(start, new Mapping{start, size}, &unmap, c10::Device(c10::DeviceType::CPU));
  at::Tensor out = at::empty({0}, at::TensorOptions().dtype(at::kByte));
  const auto nbytes = static_cast<int64_t>(size);
  out.set_(storage_over(std::move(data), nbytes), 0, {nbytes}, {1});
  return call.handle(std::move(out));
}

at::Tensor plain_storage(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  wait_for_writers(call.data(), tensor);
  if (!tensor.is_cpu() || !tensor.has_storage() ||
      (tensor.storage().data() == nullptr && tensor.storage().nbytes() > 0))
    throw BridgeError("runtime", "Expected a tensor with memory of its own on the CPU");
  return tensor;
}

// The part of a storage that two arguments name.
std::pair<int64_t, int64_t> part_of(const at::Tensor& tensor, int64_t offset, int64_t nbytes) {
  const auto available = static_cast<int64_t>(tensor.storage().nbytes());
  if (offset > available || nbytes > available - offset)
    throw BridgeError("shape", "Expected a part inside its storage of " + std::to_string(available) + " bytes");
  return {offset, nbytes};
}

// sliceStorage(handle, offset, nbytes, dtype, start): a tensor whose storage is a part of another's memory, which it
// keeps; for the last two see tensor_over.
napi_value slice_storage(Call& call) {
  const at::Tensor tensor = plain_storage(call);
  const auto [offset, nbytes] = part_of(tensor, whole(call, 1), whole(call, 2));
  if (nbytes == 0) return tensor_over(call, at::empty({0}, at::TensorOptions().dtype(at::kByte)).storage(), 3);
  SharedMemory* memory = SharedMemory::of(*tensor.storage().unsafeGetStorageImpl());
  auto* start = static_cast<char*>(tensor.storage().mutable_data());
  return tensor_over(call, storage_over(memory->pointer(start + offset), nbytes), 3);
}

// storageCrc(handle): the checksum of the whole storage.
napi_value storage_crc(Call& call) {
  const at::Tensor tensor = plain_storage(call);
  return call.from(static_cast<double>(crc32(0, tensor.storage().data(), tensor.storage().nbytes())));
}

// storagePiece(handle, offset, target): as many bytes of the storage as `target` holds.
napi_value storage_piece(Call& call) {
  const at::Tensor tensor = plain_storage(call);
  const auto [target, size] = call.bytes(2);
  const auto [offset, nbytes] = part_of(tensor, whole(call, 1), static_cast<int64_t>(size));
  if (nbytes > 0) std::memcpy(target, static_cast<const char*>(tensor.storage().data()) + offset, size);
  return call.undefined();
}

}  // namespace

std::vector<Function> file_functions() {
  return {
      {"readFile", &guarded<read_file>},     {"readEach", &guarded<read_each>},
      {"mapFile", &guarded<map_file>},       {"sliceStorage", &guarded<slice_storage>},
      {"storageCrc", &guarded<storage_crc>}, {"storagePiece", &guarded<storage_piece>},
  };
}

}  // namespace torchbridge
