#include "direct.h"

#include <ATen/core/IListRef.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/convolution.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <array>
#include <initializer_list>

#include "convert.h"
#include "errors.h"

namespace torchbridge {
namespace {

using c10::TypeKind;
using Unary = at::Tensor(const at::Tensor&);
using Binary = at::Tensor(const at::Tensor&, const at::Tensor&);
using BinaryScalar = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Scalar&);
using Sizes = at::Tensor(const at::Tensor&, c10::SymIntArrayRef);
using Convolution = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                               c10::SymIntArrayRef, c10::SymIntArrayRef, c10::SymIntArrayRef, c10::SymInt);
using Join = at::Tensor(const at::ITensorListRef&, int64_t);
using SizeVector = c10::SmallVector<c10::SymInt, 6>;

template <typename Signature>
const c10::TypedOperatorHandle<Signature>& typed(const Overload& overload) {
  return *static_cast<const c10::TypedOperatorHandle<Signature>*>(overload.typed.get());
}

// A copy: what runs below may release the slot.
at::Tensor tensor_in(const Overload& overload, const Values& values, size_t position) {
  const at::Tensor& tensor = values.tensors.get(values.tape.handle(position));
  if (is_odd(tensor)) check_odd(overload, at::Tensor(tensor));  // as check_call, for calls that make no stack
  return tensor;
}

at::Tensor tensor_at(const Overload& overload, const Values& values, const size_t* at, size_t i) {
  if (values.tape.tag(at[i]) == Tag::kTensor) return tensor_in(overload, values, at[i]);
  return to_ivalue(overload.arguments[i], values, at[i]).toTensor();  // a number that is wrapped
}

at::Tensor call_unary(const Overload& overload, const Values& values, const size_t* at) {
  return typed<Unary>(overload).call(tensor_at(overload, values, at, 0));
}

at::Tensor call_binary(const Overload& overload, const Values& values, const size_t* at) {
  return typed<Binary>(overload).call(tensor_at(overload, values, at, 0), tensor_at(overload, values, at, 1));
}

at::Tensor call_binary_scalar(const Overload& overload, const Values& values, const size_t* at) {
  const auto& spec = overload.arguments[2];
  const at::Scalar scalar =
      (at[2] == kDefaultPosition ? spec.default_value : to_ivalue(spec, values, at[2])).toScalar();
  return typed<BinaryScalar>(overload).call(tensor_at(overload, values, at, 0), tensor_at(overload, values, at, 1),
                                            scalar);
}

// A list of sizes, one number that stands for all of them, or the default.
SizeVector sizes_at(const Overload& overload, const Values& values, const size_t* at, size_t i) {
  SizeVector sizes;
  if (at[i] == kDefaultPosition) {
    const c10::List<int64_t> list = overload.arguments[i].default_value.toIntList();
    for (const int64_t size : list) sizes.emplace_back(size);
    return sizes;
  }
  const Tape& tape = values.tape;
  if (tape.tag(at[i]) != Tag::kList) {
    for (int32_t k = 0; k < overload.arguments[i].broadcast; ++k) sizes.emplace_back(read_index(values, at[i]));
    return sizes;
  }
  size_t item = at[i] + 2;
  for (size_t k = tape.length(at[i]); k > 0; --k) {
    sizes.emplace_back(read_index(values, item));
    item = tape.next(item);
  }
  return sizes;
}

at::Tensor call_sizes(const Overload& overload, const Values& values, const size_t* at) {
  return typed<Sizes>(overload).call(tensor_at(overload, values, at, 0), sizes_at(overload, values, at, 1));
}

struct ConvolutionArguments {
  ConvolutionArguments(const Overload& overload, const Values& values, const size_t* at)
      : input(tensor_at(overload, values, at, 0)),
        weight(tensor_at(overload, values, at, 1)),
        stride(sizes_at(overload, values, at, 3)),
        padding(sizes_at(overload, values, at, 4)),
        dilation(sizes_at(overload, values, at, 5)),
        groups(at[6] == kDefaultPosition ? overload.arguments[6].default_value.toInt() : read_index(values, at[6])) {
    const bool given = at[2] != kDefaultPosition && values.tape.tag(at[2]) == Tag::kTensor;
    if (given) bias = tensor_at(overload, values, at, 2);
  }

  at::Tensor input;
  at::Tensor weight;
  std::optional<at::Tensor> bias;
  SizeVector stride;
  SizeVector padding;
  SizeVector dilation;
  c10::SymInt groups;
};

at::Tensor call_convolution(const Overload& overload, const Values& values, const size_t* at) {
  const ConvolutionArguments a(overload, values, at);
  return typed<Convolution>(overload).call(a.input, a.weight, a.bias, a.stride, a.padding, a.dilation, a.groups);
}

// Whether conv2d would only hand its arguments on to convolution: dense pictures in a batch, no complex numbers, and
// nothing that looks at conv2d itself (autocast).
bool is_handed_on(const ConvolutionArguments& a) {
  const at::ScalarType type = a.input.scalar_type();
  if (a.input.dim() != 4 || at::isComplexType(type) || is_odd(a.input)) return false;
  if (a.bias.has_value() && a.bias->scalar_type() != type) return false;
  return c10::impl::tls_local_dispatch_key_set().excluded_.isSupersetOf(c10::autocast_dispatch_keyset);
}

at::Tensor call_conv2d(const Overload& overload, const Values& values, const size_t* at) {
  const ConvolutionArguments a(overload, values, at);
  if (is_handed_on(a)) {
    const std::array<c10::SymInt, 2> none{0, 0};
    return at::convolution_symint(a.input, a.weight, a.bias, a.stride, a.padding, a.dilation, false, none, a.groups);
  }
  return typed<Convolution>(overload).call(a.input, a.weight, a.bias, a.stride, a.padding, a.dilation, a.groups);
}

at::Tensor call_join(const Overload& overload, const Values& values, const size_t* at) {
  const Tape& tape = values.tape;
  c10::SmallVector<at::Tensor, 4> tensors;
  size_t item = at[0] + 2;
  for (size_t k = tape.length(at[0]); k > 0; --k) {
    tensors.push_back(tensor_in(overload, values, item));
    item = tape.next(item);
  }
  const int64_t dim =
      at[1] == kDefaultPosition ? overload.arguments[1].default_value.toInt() : read_index(values, at[1]);
  for (const at::Tensor& tensor : tensors) {
    if (tensor.is_nested() && dim != 0 && dim != -tensor.dim()) {
      throw BridgeError("notImplemented", "Expected dimension 0 for nested tensors");
    }
  }
  return typed<Join>(overload).call(at::TensorList(tensors.data(), tensors.size()), dim);
}

// Whether the schema is exactly (kinds…) -> Tensor, with nothing optional and nothing written to.
bool has_form(const c10::FunctionSchema& schema, std::initializer_list<TypeKind> kinds) {
  if (schema.returns().size() != 1 || schema.returns()[0].real_type()->kind() != TypeKind::TensorType) return false;
  if (schema.is_mutable() || schema.arguments().size() != kinds.size()) return false;
  size_t i = 0;
  for (const TypeKind kind : kinds) {
    if (schema.arguments()[i++].real_type()->kind() != kind) return false;
  }
  return true;
}

bool takes_sizes(const c10::FunctionSchema& schema) {
  const auto& argument = schema.arguments()[1];
  const auto type = argument.real_type();
  return type->castRaw<c10::ListType>()->getElementType()->kind() == TypeKind::SymIntType && !argument.N() &&
         !argument.default_value();
}

// conv1d, conv2d and conv3d with a numeric padding: one signature, called in every layer of a network.
bool is_convolution(const c10::FunctionSchema& schema) {
  return has_form(schema, {TypeKind::TensorType, TypeKind::TensorType, TypeKind::OptionalType, TypeKind::ListType,
                           TypeKind::ListType, TypeKind::ListType, TypeKind::SymIntType}) &&
         (schema.name() == "aten::conv1d" || schema.name() == "aten::conv2d" || schema.name() == "aten::conv3d");
}

// cat has a signature of its own, and every layer of a DenseNet calls it.
bool is_cat(const c10::FunctionSchema& schema) {
  return schema.name() == "aten::cat" && has_form(schema, {TypeKind::ListType, TypeKind::IntType});
}

template <typename Signature>
void set(Overload& overload, DirectCall call) {
  overload.typed = std::make_shared<c10::TypedOperatorHandle<Signature>>(overload.handle.typed<Signature>());
  overload.direct = call;
}

}  // namespace

size_t plain_tensors(const Overload& overload) {
  if (overload.direct == &call_unary) return 1;
  return overload.direct == &call_binary || overload.direct == &call_binary_scalar ? 2 : 0;
}

void find_direct(Overload& overload) {
  const auto& schema = overload.handle.schema();
  // A user's operator may have no C++ signature of this form (a boxed kernel, another calling convention).
  if (schema.name().rfind("aten::", 0) != 0) return;
  if (has_form(schema, {TypeKind::TensorType})) {
    set<Unary>(overload, &call_unary);
  } else if (has_form(schema, {TypeKind::TensorType, TypeKind::TensorType})) {
    set<Binary>(overload, &call_binary);
  } else if (has_form(schema, {TypeKind::TensorType, TypeKind::TensorType, TypeKind::NumberType})) {
    set<BinaryScalar>(overload, &call_binary_scalar);
  } else if (is_cat(schema)) {
    set<Join>(overload, &call_join);
  } else if (is_convolution(schema)) {
    set<Convolution>(overload, schema.name() == "aten::conv2d" ? &call_conv2d : &call_convolution);
  } else if (has_form(schema, {TypeKind::TensorType, TypeKind::ListType}) && takes_sizes(schema)) {
    set<Sizes>(overload, &call_sizes);
  }
}

}  // namespace torchbridge
