#include "unboxed.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>

#include <initializer_list>

namespace torchbridge {
namespace {

using torch::jit::Stack;

void replace(Stack& stack, at::Tensor result) {
  stack.clear();
  stack.emplace_back(std::move(result));
}

void call_unary(const Overload& overload, Stack& stack) {
  replace(stack, overload.handle.typed<at::Tensor(const at::Tensor&)>().call(stack[0].toTensor()));
}

void call_binary(const Overload& overload, Stack& stack) {
  replace(stack, overload.handle.typed<at::Tensor(const at::Tensor&, const at::Tensor&)>().call(stack[0].toTensor(),
                                                                                                stack[1].toTensor()));
}

void call_binary_scalar(const Overload& overload, Stack& stack) {
  replace(stack, overload.handle.typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Scalar&)>().call(
                     stack[0].toTensor(), stack[1].toTensor(), stack[2].toScalar()));
}

void call_sizes(const Overload& overload, Stack& stack) {
  const auto sizes = stack[1].toIntList();
  c10::SmallVector<c10::SymInt, 6> symbolic;
  for (const int64_t size : sizes) symbolic.emplace_back(size);
  replace(stack, overload.handle.typed<at::Tensor(const at::Tensor&, c10::SymIntArrayRef)>().call(stack[0].toTensor(),
                                                                                                  symbolic));
}

// Whether the schema is exactly (kinds…) -> Tensor, with nothing optional and nothing written to.
bool has_form(const c10::FunctionSchema& schema, std::initializer_list<c10::TypeKind> kinds) {
  if (schema.returns().size() != 1 || schema.returns()[0].real_type()->kind() != c10::TypeKind::TensorType)
    return false;
  if (schema.is_mutable() || schema.arguments().size() != kinds.size()) return false;
  size_t i = 0;
  for (const c10::TypeKind kind : kinds) {
    if (schema.arguments()[i++].real_type()->kind() != kind) return false;
  }
  return true;
}

bool takes_symbolic_sizes(const c10::FunctionSchema& schema) {
  const auto type = schema.arguments()[1].real_type();
  return type->castRaw<c10::ListType>()->getElementType()->kind() == c10::TypeKind::SymIntType;
}

}  // namespace

UnboxedCall find_unboxed(const c10::OperatorHandle& handle) {
  using c10::TypeKind;
  const auto& schema = handle.schema();
  // A user's operator may have no C++ signature of this form (a boxed kernel, another calling convention).
  if (schema.name().rfind("aten::", 0) != 0) return nullptr;
  if (has_form(schema, {TypeKind::TensorType})) return &call_unary;
  if (has_form(schema, {TypeKind::TensorType, TypeKind::TensorType})) return &call_binary;
  if (has_form(schema, {TypeKind::TensorType, TypeKind::TensorType, TypeKind::NumberType})) return &call_binary_scalar;
  if (has_form(schema, {TypeKind::TensorType, TypeKind::ListType}) && takes_symbolic_sizes(schema)) return &call_sizes;
  return nullptr;
}

}  // namespace torchbridge
