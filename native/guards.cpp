#include "guards.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_validate_sparse_compressed_tensor_args.h>
#include <ATen/ops/_validate_sparse_coo_tensor_args.h>

#include <sstream>
#include <unordered_map>

#include "convert.h"
#include "errors.h"
#include "guard_contents.h"
#include "operators.h"
#include "resized.h"

namespace torchbridge {
namespace {

// aten::add_ of a schema's name.
std::string base_name(const std::string& name) { return name.rfind("aten::", 0) == 0 ? name.substr(6) : name; }

const std::unordered_map<std::string, std::vector<const Rule*>>& rules_by_name() {
  static const auto* table = [] {
    auto* made = new std::unordered_map<std::string, std::vector<const Rule*>>();
    for (const Rule& rule : guard_rules()) {
      std::istringstream names(rule.names);
      for (std::string name; names >> name;) (*made)[name].push_back(&rule);
    }
    return made;
  }();
  return *table;
}

// What a program can do to a sparse tensor through its indices would be read outside of memory by the next operator.
void check_sparse(const at::Tensor& tensor) {
  if (tensor.is_meta()) return;
  const at::NoGradGuard no_history;
  if (tensor.layout() == at::kSparse) {
    at::_validate_sparse_coo_tensor_args(tensor._indices(), tensor._values(), tensor.sizes(), tensor.is_coalesced());
    return;
  }
  const bool rows = tensor.layout() == at::kSparseCsr || tensor.layout() == at::kSparseBsr;
  at::_validate_sparse_compressed_tensor_args(rows ? tensor.crow_indices() : tensor.ccol_indices(),
                                              rows ? tensor.col_indices() : tensor.row_indices(), tensor.values(),
                                              tensor.sizes(), tensor.layout());
}

template <typename Take>
void each_tensor(const c10::IValue& value, Take take) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) take(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) take(tensor);
  } else if (value.isList()) {
    for (const c10::IValue& item : value.toListRef()) {
      if (item.isTensor() && item.toTensor().defined()) take(item.toTensor());
    }
  }
}

[[noreturn]] void refuse_zero_tensor() {
  throw BridgeError("runtime", "Expected tensors with memory of their own but received a ZeroTensor; clone() it");
}

// What is given as `out` is written one element after another by many kernels, and behind the few that an expanded
// tensor has in memory.
void check_outs(const Overload& overload, const torch::jit::Stack& stack) {
  const size_t first = stack.size() - overload.arguments.size();
  for (size_t i = 0; i < overload.arguments.size(); ++i) {
    if (!overload.arguments[i].is_out) continue;
    each_tensor(stack[first + i], [](const at::Tensor& out) {
      if (out.layout() != at::kStrided || out.is_nested() || out.numel() == 0) return;
      int64_t reach = 1;
      for (int64_t dim = 0; dim < out.dim(); ++dim) reach += (out.size(dim) - 1) * out.stride(dim);
      if (reach < out.numel()) {
        throw BridgeError("runtime",
                          "unsupported operation: more than one element of the written-to tensor refers to a single "
                          "memory location. Please clone() the tensor before performing the operation.");
      }
    });
  }
}

}  // namespace

size_t Arguments::position(const std::string& name) const {
  const auto& specs = overload_.arguments;
  const size_t first = stack_.size() - specs.size();
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return first + i;
  }
  return stack_.size();
}

const c10::IValue& Arguments::value(const std::string& name) const {
  static const auto* none = new c10::IValue();
  const size_t i = position(name);
  return i < stack_.size() ? stack_[i] : *none;
}

void Arguments::replace(const std::string& name, at::Tensor tensor) const {
  stack_.at(position(name)) = std::move(tensor);
}

at::Tensor Arguments::tensor(const std::string& name) const {
  const c10::IValue& found = value(name);
  return found.isTensor() ? found.toTensor() : at::Tensor();
}

std::optional<int64_t> Arguments::integer(const std::string& name) const {
  const c10::IValue& found = value(name);
  if (!found.isInt()) return std::nullopt;
  return found.toInt();
}

std::vector<at::Tensor> Arguments::tensors() const {
  std::vector<at::Tensor> all;
  for (size_t i = stack_.size() - overload_.arguments.size(); i < stack_.size(); ++i) {
    each_tensor(stack_[i], [&](const at::Tensor& tensor) { all.push_back(tensor); });
  }
  return all;
}

const std::string& Arguments::operation() const { return overload_.name; }

Guard find_guard(const c10::OperatorHandle& handle) {
  Guard guard;
  guard.mutates = handle.schema().is_mutable();
  guard.resizes = may_resize(handle.schema());
  const std::string name = base_name(handle.schema().name());
  for (const std::string& key : {name, name + "." + handle.schema().overload_name()}) {
    const auto found = rules_by_name().find(key);
    if (found == rules_by_name().end()) continue;
    guard.rules.insert(guard.rules.end(), found->second.begin(), found->second.end());
  }
  return guard;
}

void check_contents(const at::Tensor& tensor) {
  if (!is_odd(tensor)) return;
  if (tensor.is_sparse() || tensor.layout() == at::kSparseCsr || tensor.layout() == at::kSparseCsc ||
      tensor.layout() == at::kSparseBsr || tensor.layout() == at::kSparseBsc)
    check_sparse(tensor);
  if (tensor.is_quantized() && tensor.scalar_type() == at::kQInt32 &&
      tensor.qscheme() == at::kPerChannelAffineFloatQParams) {
    throw BridgeError("dtype", "Expected zero points of an integer dtype for qint32");  // quantized_floats
  }
}

void check_odd(const Overload& overload, const at::Tensor& tensor) {
  check_contents(tensor);
  if (tensor.is_mkldnn()) {
    const auto& op = overload.handle;
    // What libtorch made for itself of other operators takes no look at what it is given.
    const std::string name = base_name(op.schema().name());
    const bool inner = name.front() == '_' || name.find("_backward") != std::string::npos;
    const bool known = op.hasKernelForDispatchKey(c10::DispatchKey::MkldnnCPU) ||
                       (!inner && op.hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd));
    if (!known || (!tensor.is_floating_point() && overload.name.rfind("aten::to_dense", 0) != 0)) {
      throw BridgeError("notImplemented", "Expected dense tensors but received one of oneDNN; take toDense() of it");
    }
  }
  if (tensor.is_mkldnn() && overload.name == "aten::zero_" && tensor.scalar_type() != at::kFloat) {
    throw BridgeError("dtype", "Expected a float32 tensor of oneDNN for zero_");  // others are taken for float32
  }
  if (overload.guard.mutates && tensor._is_zerotensor()) {
    refuse_zero_tensor();
  }
}

void check_index(const at::Tensor& tensor) {
  if (is_odd(tensor) && tensor._is_zerotensor()) refuse_zero_tensor();
  check_contents(tensor);
}

void check_call(const Overload& overload, torch::jit::Stack& stack) {
  const size_t first = stack.size() - overload.arguments.size();
  for (size_t i = first; i < stack.size(); ++i) {
    // libtorch gives kernels real memory for zero tensors, those in lists of tensors and nulls apart.
    const bool nullable = overload.arguments[i - first].kind == Kind::kOptionalTensorList;
    each_tensor(stack[i], [&](const at::Tensor& tensor) {
      if (nullable && tensor._is_zerotensor()) refuse_zero_tensor();
      if (is_odd(tensor)) check_odd(overload, tensor);
    });
  }
  if (overload.outs > 0) check_outs(overload, stack);
  if (overload.guard.rules.empty()) return;
  const Arguments arguments(overload, stack);
  for (const Rule* rule : overload.guard.rules) rule->check(arguments, rule->parameters);
}

std::string describe_rules() {
  std::ostringstream out;
  out << "[";
  bool first = true;
  for (const Rule& rule : guard_rules()) {
    out << (first ? "" : ",") << "{\"names\":\"" << rule.names << "\",\"reason\":\"" << rule.reason << "\"}";
    first = false;
  }
  out << "]";
  return out.str();
}

}  // namespace torchbridge
