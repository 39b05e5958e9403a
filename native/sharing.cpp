// Elements without a copy: tensors over JavaScript's buffers, buffers over tensors, and tensors that travel to another
// worker.
#include <ATen/core/Tensor.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/Storage.h>
#define AT_PER_OPERATOR_HEADERS
#include <ATen/ops/empty.h>

#include <cstring>
#include <random>
#include <unordered_map>

#include "deferred.h"
#include "environment.h"
#include "shared_memory.h"

namespace torchbridge {
namespace {

// Why the memory of a tensor cannot be looked at from elsewhere; null when it can.
const char* unshareable(const at::Tensor& tensor) {
  if (tensor.is_nested() || tensor.layout() != at::kStrided) return "it is not dense";
  if (!tensor.device().is_cpu()) return "it is not on the CPU: call to('cpu') first";
  if (at::isQIntType(tensor.scalar_type())) return "it is quantized: call dequantize() first";
  if (tensor._is_zerotensor() || !tensor.has_storage()) return "it has no memory of its own";
  if (tensor.storage().data() == nullptr && tensor.storage().nbytes() > 0) return "it has no memory of its own";
  return nullptr;
}

at::Tensor over(c10::Storage storage, at::ScalarType dtype, int64_t offset, c10::IntArrayRef sizes,
                c10::IntArrayRef strides) {
  at::Tensor out = at::empty({0}, at::TensorOptions().dtype(dtype));
  out.set_(std::move(storage), offset, sizes, strides);
  return out;
}

c10::Storage storage_over(at::DataPtr data, size_t nbytes) {
  return {c10::Storage::use_byte_size_t(), nbytes, std::move(data), c10::GetCPUAllocator(),
          /*resizable=*/true};
}

// The memory behind the ArrayBuffers that asArrayBuffer made, by where they begin. A buffer keeps its memory, so no
// other block can begin there meanwhile.
struct Looked {
  SharedMemory* memory;
  int64_t buffers;
};
std::mutex looked_mutex;
std::unordered_map<void*, Looked>& looked() {
  static auto* map = new std::unordered_map<void*, Looked>();  // leaked: finalizers run late
  return *map;
}

void forget_buffer(napi_env /*env*/, void* data, void* hint) {
  {
    const std::lock_guard<std::mutex> lock(looked_mutex);
    const auto found = looked().find(data);
    if (found != looked().end() && --found->second.buffers == 0) looked().erase(found);
  }
  static_cast<SharedMemory*>(hint)->release();
}

// asArrayBuffer(handle): an ArrayBuffer over the elements of a contiguous tensor, whose memory it keeps.
napi_value as_array_buffer(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  wait_for_writers(call.data(), tensor);
  if (tensor.requires_grad()) {
    throw BridgeError("runtime",
                      "Can't call asTypedArray() on Tensor that requires grad. Use tensor.detach().asTypedArray() "
                      "instead.");
  }
  const char* reason = unshareable(tensor);
  if (reason == nullptr && (tensor.is_conj() || tensor.is_neg())) reason = "it is a conjugated or negated view";
  if (reason == nullptr && !tensor.is_contiguous()) reason = "it is not contiguous: call contiguous() first";
  if (reason != nullptr) {
    throw BridgeError("runtime", "Expected a tensor whose memory a TypedArray can show but received " +
                                     describe_tensor(tensor) + ": " + reason +
                                     ", or take toTypedArray(), which copies");
  }
  SharedMemory* memory = SharedMemory::of(*tensor.storage().unsafeGetStorageImpl());
  void* data = tensor.mutable_data_ptr();
  memory->retain();
  {
    const std::lock_guard<std::mutex> lock(looked_mutex);
    ++looked().try_emplace(data, Looked{memory, 0}).first->second.buffers;
  }
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(call.env(), data, tensor.nbytes(), &forget_buffer, memory, &buffer);
  if (status != napi_ok) forget_buffer(call.env(), data, memory);
  if (status == napi_no_external_buffers_allowed) {
    throw BridgeError("runtime",
                      "this JavaScript engine allows no memory of others in an ArrayBuffer: take "
                      "toTypedArray(), which copies");
  }
  call.check(status);
  return buffer;
}

// overBuffer(bytes, dtype, offset, pin), on the tape the shape: a tensor over a Uint8Array's memory, from the element
// `offset` on; -1 when the memory is neither a tensor's nor to be pinned.
napi_value over_buffer(Call& call) {
  const auto [bytes, size] = call.bytes(0);
  const at::ScalarType dtype = parse_dtype(call.string(1));
  const auto offset = static_cast<int64_t>(call.number(2));
  const auto sizes = read_ints(call.data().tape, 0);
  std::vector<int64_t> strides(sizes.size());
  int64_t numel = 1;
  bool overflow = false;
  for (size_t i = sizes.size(); i-- > 0;) {
    strides[i] = numel;
    overflow = overflow || sizes[i] < 0 || __builtin_mul_overflow(numel, sizes[i], &numel);
  }
  const auto available = static_cast<int64_t>(size / c10::elementSize(dtype));
  if (overflow || offset < 0 || numel > available - offset) {
    throw BridgeError("shape", "Expected a shape of at most " +
                                   std::to_string(std::max<int64_t>(available - offset, 0)) +
                                   " elements but received one of more");
  }
  at::DataPtr data;
  if (call.boolean(3)) {
    const std::shared_ptr<Pins>& pins = call.data().pins.pins;
    pins->collect();
    napi_ref reference = nullptr;
    call.check(napi_create_reference(call.env(), call.value(0), 1, &reference));
    data = Pins::pin(pins, reference, bytes);
  } else {
    const std::lock_guard<std::mutex> lock(looked_mutex);
    const auto found = looked().find(bytes);
    if (found == looked().end()) return call.from(int32_t{-1});
    data = found->second.memory->pointer(bytes);
  }
  return call.handle(over(storage_over(std::move(data), size), dtype, offset, sizes, strides));
}

// pinnedBuffer(handle): the Uint8Array whose memory a tensor uses, undefined for any other memory.
napi_value pinned_buffer(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  if (unshareable(tensor) != nullptr) return call.undefined();
  const napi_ref reference = Pins::find(tensor.storage().unsafeGetStorageImpl()->data_ptr());
  if (reference == nullptr) return call.undefined();
  napi_value buffer = nullptr;
  call.check(napi_get_reference_value(call.env(), reference, &buffer));
  return buffer;
}

// A tensor on its way to another worker.
struct Parcel {
  SharedMemory* memory;
  void* data;
  size_t nbytes;
  at::ScalarType dtype;
  int64_t offset;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  bool requires_grad;
  bool conj;
  bool neg;
  int64_t receivers;
};
std::mutex parcels_mutex;
std::unordered_map<std::string, Parcel>& parcels() {
  static auto* map = new std::unordered_map<std::string, Parcel>();
  return *map;
}

std::string next_token() {
  static const uint64_t process = (static_cast<uint64_t>(std::random_device{}()) << 32) | std::random_device{}();
  static std::atomic<uint64_t> count{0};
  return std::to_string(process) + "-" + std::to_string(++count);
}

// Memory that belongs to an environment's JavaScript must not leave it: the storage gets a copy of its own.
void own_memory(c10::StorageImpl& storage) {
  if (Pins::find(storage.data_ptr()) == nullptr) return;
  const size_t nbytes = storage.nbytes();
  at::DataPtr copy = c10::GetCPUAllocator()->allocate(nbytes);
  if (nbytes > 0) std::memcpy(copy.get(), storage.data(), nbytes);
  storage.set_data_ptr(std::move(copy));
}

// shareTensor(handle, receivers): the token under which other environments receive it.
napi_value share_tensor(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  if (tensor.requires_grad() && !tensor.is_leaf()) {
    throw BridgeError("runtime",
                      "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not "
                      "support crossing process boundaries.  If you just want to transfer the data, call detach() on "
                      "the tensor before serializing (e.g., putting it on the queue).");
  }
  const char* reason = unshareable(tensor);
  if (reason != nullptr) {
    throw BridgeError("runtime",
                      "Expected a tensor that can be shared but received " + describe_tensor(tensor) + ": " + reason);
  }
  c10::StorageImpl& storage = *tensor.storage().unsafeGetStorageImpl();
  own_memory(storage);
  SharedMemory* memory = SharedMemory::of(storage);
  Parcel parcel{memory,
                storage.mutable_data(),
                storage.nbytes(),
                tensor.scalar_type(),
                tensor.storage_offset(),
                tensor.sizes().vec(),
                tensor.strides().vec(),
                tensor.requires_grad(),
                tensor.is_conj(),
                tensor.is_neg(),
                static_cast<int64_t>(call.number(1))};
  memory->retain();
  const std::string token = next_token();
  const std::lock_guard<std::mutex> lock(parcels_mutex);
  parcels().emplace(token, std::move(parcel));
  return call.from(token);
}

// receiveTensor(token): a tensor over the shared memory.
napi_value receive_tensor(Call& call) {
  const std::string token = call.string(0);
  Parcel parcel;
  at::DataPtr data;
  {
    const std::lock_guard<std::mutex> lock(parcels_mutex);
    const auto found = parcels().find(token);
    if (found == parcels().end()) {
      throw BridgeError(
          "value",
          "Expected a tensor that is still shared but received one that was received as often as share() "
          "allowed, was unshared, or belongs to another process: share it anew, with { receivers: n } for "
          "more than one");
    }
    data = found->second.memory->pointer(found->second.data);
    if (--found->second.receivers == 0) {
      found->second.memory->release();
      parcel = std::move(found->second);
      parcels().erase(found);
    } else {
      parcel = found->second;
    }
  }
  at::Tensor out =
      over(storage_over(std::move(data), parcel.nbytes), parcel.dtype, parcel.offset, parcel.sizes, parcel.strides);
  if (parcel.conj) out._set_conj(true);
  if (parcel.neg) out._set_neg(true);
  if (parcel.requires_grad) out.set_requires_grad(true);
  return call.handle(std::move(out));
}

// unshareTensor(token): whether it was still waiting.
napi_value unshare_tensor(Call& call) {
  SharedMemory* memory = nullptr;
  {
    const std::lock_guard<std::mutex> lock(parcels_mutex);
    const auto found = parcels().find(call.string(0));
    if (found == parcels().end()) return call.from(false);
    memory = found->second.memory;
    parcels().erase(found);
  }
  memory->release();
  return call.from(true);
}

napi_value shared_tensors(Call& call) {
  const std::lock_guard<std::mutex> lock(parcels_mutex);
  return call.from(static_cast<double>(parcels().size()));
}

}  // namespace

std::vector<Function> sharing_functions() {
  return {
      {"asArrayBuffer", &guarded<as_array_buffer>}, {"overBuffer", &guarded<over_buffer>},
      {"pinnedBuffer", &guarded<pinned_buffer>},    {"shareTensor", &guarded<share_tensor>},
      {"receiveTensor", &guarded<receive_tensor>},  {"unshareTensor", &guarded<unshare_tensor>},
      {"sharedTensors", &guarded<shared_tensors>},
  };
}

}  // namespace torchbridge
