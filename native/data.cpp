// Elements between JavaScript's memory and tensors, and the storages behind them. Everything is copied.
#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

#include <cstring>

#include "deferred.h"
#include "environment.h"
#include "guard_contents.h"
#include "storage_view.h"

namespace torchbridge {
namespace {

// fromBytes(bytes, dtype), the shape on the tape as a list: a new tensor on the CPU.
napi_value from_bytes(Call& call) {
  const auto [bytes, size] = call.bytes(0);
  const at::ScalarType dtype = parse_dtype(call.string(1));
  const auto shape = read_ints(call.data().tape, 0);
  const int64_t numel = checked_numel(shape);
  const auto width = static_cast<int64_t>(c10::elementSize(dtype));
  if (numel != static_cast<int64_t>(size) / width || static_cast<int64_t>(size) % width != 0) {
    throw BridgeError("shape", "Expected " + std::to_string(numel) + " elements of " + dtype_name(dtype) + " (" +
                                   std::to_string(width) + " bytes each) but received " + std::to_string(size) +
                                   " bytes");
  }
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
  if (size > 0) std::memcpy(tensor.mutable_data_ptr(), bytes, size);
  return call.handle(std::move(tensor));
}

at::Tensor readable(const at::Tensor& tensor) {
  check_contents(tensor);
  at::Tensor plain = tensor.detach();
  if (plain._is_zerotensor()) plain = at::zeros(plain.sizes(), plain.options());
  return plain.to(at::kCPU).resolve_conj().resolve_neg().contiguous();
}

// Some tensors promise bytes without having memory (zero tensors, fake ones).
void copy_bytes(char* target, const void* source, size_t size) {
  if (size == 0) return;
  if (source == nullptr) throw BridgeError("runtime", "this tensor has no memory of its own to read");
  std::memcpy(target, source, size);
}

// copyTo(handle, target): the elements in order, row by row.
napi_value copy_to(Call& call) {
  const at::Tensor given = call.tensor(0);
  wait_for_writers(call.data(), given);
  const at::Tensor source = readable(given);
  const auto [bytes, size] = call.bytes(1);
  if (source.nbytes() != size) throw BridgeError("internal", "the target has another size than the tensor");
  copy_bytes(bytes, source.const_data_ptr(), size);
  return call.undefined();
}

// item(handle): the only element as a number, or as a bigint when it is an int beyond 2^53.
napi_value item(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  if (tensor.numel() != 1) {
    throw BridgeError("runtime",
                      "a Tensor with " + std::to_string(tensor.numel()) + " elements cannot be converted to Scalar");
  }
  wait_for_writers(call.data(), tensor);
  check_contents(tensor);
  const at::Scalar value = tensor.item();
  if (value.isComplex())
    throw BridgeError("type", "Expected a real tensor for item but received a complex one: use itemComplex()");
  if (value.isBoolean()) return call.from(value.toBool() ? 1.0 : 0.0);
  if (value.isFloatingPoint()) return call.from(value.toDouble());
  if (tensor.scalar_type() == at::ScalarType::UInt64) {
    const uint64_t wide = value.toUInt64();
    napi_value big = nullptr;
    call.check(wide < (uint64_t{1} << 53) ? napi_create_double(call.env(), static_cast<double>(wide), &big)
                                          : napi_create_bigint_uint64(call.env(), wide, &big));
    return big;
  }
  const int64_t v = value.toLong();
  constexpr int64_t kMaxSafe = (int64_t{1} << 53) - 1;
  if (v <= kMaxSafe && v >= -kMaxSafe) return call.from(static_cast<double>(v));
  napi_value out = nullptr;
  call.check(napi_create_bigint_int64(call.env(), v, &out));
  return out;
}

napi_value storage_id(Call& call) {
  const auto* storage = call.tensor(0).storage().unsafeGetStorageImpl();
  return call.from(static_cast<double>(reinterpret_cast<uintptr_t>(storage)));
}

napi_value storage_nbytes(Call& call) { return call.from(static_cast<int64_t>(call.tensor(0).storage().nbytes())); }

// storageCopyTo(handle, target): the whole storage, of which the tensor may show a part.
napi_value storage_copy_to(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  wait_for_writers(call.data(), tensor);
  const auto [bytes, size] = call.bytes(1);
  if (tensor.storage().nbytes() != size) throw BridgeError("internal", "the target has another size than the storage");
  if (size == 0) return call.undefined();
  if (tensor.is_cpu()) {
    copy_bytes(bytes, tensor.storage().data(), size);
    return call.undefined();
  }
  at::Tensor whole = at::empty({0}, tensor.options().dtype(at::kByte));
  whole.set_(tensor.storage(), 0, {static_cast<int64_t>(size)}, {1});
  const at::Tensor copy = whole.to(at::kCPU);
  copy_bytes(bytes, copy.const_data_ptr(), size);
  return call.undefined();
}

// viewStorage(handle, dtype, offset), on the tape the shape and the strides: a tensor over the storage of another,
// which must be large enough for every element.
napi_value view_storage(Call& call) {
  const at::Tensor base = call.tensor(0);
  const at::ScalarType dtype = parse_dtype(call.string(1));
  if (base.is_cpu() && base.storage().data() == nullptr && base.storage().nbytes() > 0) {
    throw BridgeError("runtime", "this tensor has no memory of its own to look at");
  }
  return call.handle(view_of(base.storage(), base.options(), dtype, call.number(2), call.data().tape));
}

}  // namespace

std::vector<Function> data_functions() {
  return {
      {"fromBytes", &guarded<from_bytes>},
      {"copyTo", &guarded<copy_to>},
      {"item", &guarded<item>},
      {"storageId", &guarded<storage_id>},
      {"storageNbytes", &guarded<storage_nbytes>},
      {"storageCopyTo", &guarded<storage_copy_to>},
      {"viewStorage", &guarded<view_storage>},
  };
}

}  // namespace torchbridge
