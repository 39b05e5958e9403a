// Storages from and to files: read straight into their memory, mapped, checksummed, and storages inside of others.
#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>
#include <unistd.h>
#define AT_PER_OPERATOR_HEADERS
#include <ATen/ops/empty.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "crc32.h"
#include "deferred.h"
#include "environment.h"
#include "file_reading.h"
#include "shared_memory.h"
#include "storage_view.h"

namespace torchbridge {
namespace {

// A whole number of bytes; JavaScript's numbers are exact up to 2^53, and no file is larger.
int64_t whole(Call& call, size_t i) {
  const double given = call.number(i);
  if (!(given >= 0 && given <= 9007199254740991.0) || given != static_cast<double>(static_cast<int64_t>(given)))
    throw BridgeError("value", "Expected a whole number of bytes");
  return static_cast<int64_t>(given);
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

// readFile(descriptor, offset, nbytes, crc, dtype, start): a tensor over a part of a file, or why there is none. `crc`
// is checked unless it is negative; for the last two see tensor_over.
napi_value read_file(Call& call) {
  const int64_t nbytes = whole(call, 2);
  const int64_t offset = whole(call, 1);
  at::Tensor out = at::empty({nbytes}, at::TensorOptions().dtype(at::kByte));
  const FileBytes file{call.int32(0), nullptr, offset + nbytes};
  const double wanted = call.number(3);
  const int64_t crc = wanted >= 0 && wanted <= 4294967295.0 ? static_cast<int64_t>(wanted) : -1;
  const int32_t failure = read_parts(file, {{offset, nbytes, static_cast<char*>(out.mutable_data_ptr()), crc}});
  if (failure != 0) return call.from(failure);
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

// mapFile(descriptor, nbytes): a uint8 tensor over a file's pages, private: what is written to it stays in this
// process.
napi_value map_file(Call& call) {
  const auto size = static_cast<size_t>(whole(call, 1));
  if (size == 0) throw BridgeError("value", "Expected a file that is not empty");
  at::DataPtr data = map_pages(call.int32(0), size);
  if (data == nullptr) return call.from(kSystem - errno);
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
