#include "resized.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>

#include <vector>

#include "operators.h"

namespace torchbridge {
namespace {

struct Before {
  at::Tensor tensor;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  int64_t offset;
  c10::Storage storage;
};

bool is_plain(const at::Tensor& tensor) {
  return tensor.defined() && tensor.layout() == at::kStrided && !tensor.is_nested() && tensor.has_storage() &&
         !tensor.unsafeGetTensorImpl()->has_symbolic_sizes_strides();
}

void note(const c10::IValue& value, std::vector<Before>& before) {
  if (value.isTensor() && is_plain(value.toTensor())) {
    const at::Tensor& tensor = value.toTensor();
    before.push_back({tensor, tensor.sizes().vec(), tensor.strides().vec(), tensor.storage_offset(), tensor.storage()});
  } else if (value.isTensorList()) {
    for (const at::Tensor& each : value.toTensorVector()) note(each, before);
  }
}

// Sizes whose product overflows fit nothing.
bool fits(const at::Tensor& tensor) {
  try {
    const size_t needed = at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(), tensor.dtype().itemsize(),
                                                           static_cast<size_t>(tensor.storage_offset()));
    return tensor.numel() == 0 || needed <= tensor.storage().nbytes();
  } catch (const c10::Error&) {
    return false;
  }
}

void restore(const Before& each) {
  auto* const self = each.tensor.unsafeGetTensorImpl();
  if (fits(each.tensor)) return;
  self->set_storage_keep_dtype(each.storage);
  self->set_sizes_and_strides(each.sizes, each.strides, each.offset);
}

}  // namespace

bool may_resize(const c10::FunctionSchema& schema) {
  const std::string& name = schema.name();
  for (const auto* each : {"aten::resize_", "aten::resize_as_", "aten::set_", "aten::_resize_output_",
                           "aten::resize_as_sparse_", "aten::sparse_resize_", "aten::set_data"}) {
    if (name == each) return true;
  }
  for (const auto& argument : schema.arguments()) {
    if (argument.is_out()) return true;
  }
  return false;
}

void call_boxed(const Overload& overload, torch::jit::Stack& stack) {
  if (!overload.guard.resizes) return overload.handle.callBoxed(stack);
  std::vector<Before> before;
  const auto& arguments = overload.handle.schema().arguments();
  const size_t first = stack.size() - arguments.size();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto* alias = arguments[i].alias_info();
    if (alias != nullptr && alias->isWrite()) note(stack[first + i], before);
  }
  try {
    overload.handle.callBoxed(stack);
  } catch (...) {
    for (const Before& each : before) restore(each);
    throw;
  }
}

}  // namespace torchbridge
