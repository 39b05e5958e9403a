#include "storage_view.h"

#define AT_PER_OPERATOR_HEADERS
#include <ATen/ops/empty.h>

#include "convert.h"

namespace torchbridge {

int64_t checked_numel(at::IntArrayRef shape) {
  int64_t numel = 1;
  for (const int64_t size : shape) {
    if (size < 0) throw BridgeError("shape", "Expected sizes of at least 0 but received " + std::to_string(size));
    if (__builtin_mul_overflow(numel, size, &numel))
      throw BridgeError("shape", "Expected a shape that fits into memory");
  }
  return numel;
}

void check_view(const c10::Storage& storage, at::ScalarType dtype, int64_t offset, at::IntArrayRef shape,
                at::IntArrayRef strides) {
  if (shape.size() != strides.size()) throw BridgeError("shape", "Expected as many strides as sizes");
  const int64_t numel = checked_numel(shape);
  int64_t last = offset;
  bool overflow = offset < 0;
  for (size_t i = 0; i < shape.size() && numel > 0; ++i) {
    int64_t reach = 0;
    overflow = overflow || strides[i] < 0 || __builtin_mul_overflow(shape[i] - 1, strides[i], &reach) ||
               __builtin_add_overflow(last, reach, &last);
  }
  const auto available = static_cast<int64_t>(storage.nbytes() / c10::elementSize(dtype));
  if (overflow || (numel > 0 && last >= available)) {
    throw BridgeError("shape", "Expected a view inside its storage of " + std::to_string(available) + " elements");
  }
}

at::Tensor view_of(c10::Storage storage, const at::TensorOptions& options, at::ScalarType dtype, double given_offset,
                   const Tape& tape) {
  const auto offset = static_cast<int64_t>(given_offset);
  if (static_cast<double>(offset) != given_offset) throw BridgeError("value", "Expected an integer for the offset");
  const auto shape = read_ints(tape, 0);
  const auto strides = read_ints(tape, tape.next(0));
  check_view(storage, dtype, offset, shape, strides);
  at::Tensor view = at::empty({0}, options.dtype(dtype));
  view.set_(std::move(storage), offset, shape, strides);
  return view;
}

}  // namespace torchbridge
