#include "guard_checks.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

#include <sstream>

#include "errors.h"

namespace torchbridge::checks {

void refuse_call(const char* code, const std::string& message) { throw BridgeError(code, message); }

std::vector<std::string> words(const char* text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

std::string sizes_of(const at::Tensor& tensor) {
  std::ostringstream out;
  out << tensor.sizes();
  return out.str();
}

bool strided(const at::Tensor& tensor) { return tensor.layout() == at::kStrided && !tensor.is_nested(); }

void internal(const Arguments&, const char* instead) {
  refuse_call(
      "notImplemented",
      std::string("this kernel of libtorch trusts its caller and cannot be called from JavaScript; use ") + instead);
}

void same_shape(const Arguments& arguments, const char* names) {
  at::Tensor first;
  for (const auto& name : words(names)) {
    const at::Tensor each = arguments.tensor(name);
    if (!each.defined()) continue;
    if (!strided(each)) refuse_call("type", "Expected a strided tensor for " + name);
    if (!first.defined()) first = each;
    if (!each.sizes().equals(first.sizes())) {
      refuse_call("shape", "Expected " + name + " of shape " + sizes_of(first) + " but received " + sizes_of(each));
    }
  }
}

void in_range(const Arguments& arguments, const char* parameters) {
  const auto given = words(parameters);
  const c10::IValue& value = arguments.value(given[0]);
  const int64_t low = std::stoll(given[1]);
  const int64_t high = std::stoll(given[2]);
  const auto check = [&](int64_t each) {
    if (each >= low && each <= high) return;
    refuse_call("value", "Expected " + given[0] + " from " + given[1] + " to " + given[2] + " but received " +
                             std::to_string(each));
  };
  if (value.isInt()) check(value.toInt());
  if (value.isIntList()) {
    for (const int64_t each : value.toIntVector()) check(each);
  }
}

void finite(const Arguments& arguments, const char* names) {
  for (const auto& name : words(names)) {
    const at::Tensor tensor = arguments.tensor(name);
    if (!tensor.defined() || !strided(tensor) || tensor.is_meta()) continue;
    if (!tensor.is_floating_point() && !tensor.is_complex()) continue;
    if (!at::isfinite(tensor.detach()).all().item<bool>()) {
      refuse_call("runtime", "torch.linalg.eig: input tensor should not contain infs or NaNs.");
    }
  }
}

void dense(const Arguments& arguments, const char* names) {
  for (const auto& name : words(names)) {
    const at::Tensor tensor = arguments.tensor(name);
    if (tensor.defined() && !strided(tensor)) refuse_call("type", "Expected a strided tensor for " + name);
  }
}

void not_nested(const Arguments& arguments, const char*) {
  for (const at::Tensor& tensor : arguments.tensors()) {
    if (tensor.is_nested()) refuse_call("notImplemented", "Expected tensors that are not nested");
  }
}

void not_empty(const Arguments& arguments, const char* name) {
  if (arguments.value(name).isTensorList() && arguments.value(name).toTensorVector().empty()) {
    refuse_call("value", std::string("Expected at least one tensor for ") + name + " but received none");
  }
}

void check_indices(const at::Tensor& indices, int64_t limit, const char* name) {
  if (!strided(indices) || !indices.is_cpu() || indices.numel() == 0) return;
  const auto [least, most] = at::aminmax(indices.detach().to(at::kLong));
  if (least.item<int64_t>() < 0 || most.item<int64_t>() >= limit) {
    refuse_call("index", std::string("Expected ") + name + " from 0 to below " + std::to_string(limit));
  }
}

void floating(const Arguments& arguments, const char* names) {
  for (const auto& name : words(names)) {
    const at::Tensor tensor = arguments.tensor(name);
    if (tensor.defined() && !tensor.is_floating_point()) {
      refuse_call("dtype", "Expected a floating point dtype for " + name);
    }
  }
}

void length(const Arguments& arguments, const char* parameters) {
  const auto given = words(parameters);
  const c10::IValue& value = arguments.value(given[0]);
  if (value.isIntList() && value.toIntVector().size() != static_cast<size_t>(std::stoll(given[1]))) {
    refuse_call("shape", arguments.operation().substr(arguments.operation().rfind(':') + 1) + ": " + given[0] +
                             " must be " + given[1]);
  }
}

void rank(const Arguments& arguments, const char* parameters) {
  const auto given = words(parameters);
  const at::Tensor tensor = arguments.tensor(given[0]);
  if (tensor.defined() && (!strided(tensor) || tensor.dim() != std::stoll(given[1]))) {
    refuse_call("shape", "Expected " + given[1] + " dimensions for " + given[0] + " but received " + sizes_of(tensor));
  }
}

void least_rank(const Arguments& arguments, const char* parameters) {
  const auto given = words(parameters);
  const at::Tensor tensor = arguments.tensor(given[0]);
  if (tensor.defined() && (!strided(tensor) || tensor.dim() < std::stoll(given[1]))) {
    refuse_call("shape",
                "Expected at least " + given[1] + " dimensions for " + given[0] + " but received " + sizes_of(tensor));
  }
}

void matrix(const Arguments& arguments, const char* names) {
  for (const auto& name : words(names)) {
    const at::Tensor tensor = arguments.tensor(name);
    if (tensor.defined() && (!strided(tensor) || tensor.dim() != 2 || tensor.numel() == 0)) {
      refuse_call("shape", "Expected a matrix with elements for " + name + " but received " + sizes_of(tensor));
    }
  }
}

void contiguous(const Arguments& arguments, const char* parameters) {
  const auto names = words(parameters);
  const bool always = names.front() == "always";
  const at::Tensor tensor = arguments.tensor(names.back());
  if (!tensor.defined() || !strided(tensor)) return;
  // What libtorch makes of a zero tensor for a kernel is one element, expanded.
  if (tensor._is_zerotensor()) return arguments.replace(names.back(), tensor.clone(at::MemoryFormat::Contiguous));
  bool apart = always;
  for (int64_t i = 0; i < tensor.dim(); ++i) apart = apart || (tensor.stride(i) == 0 && tensor.size(i) > 1);
  if (apart && !tensor.is_contiguous()) arguments.replace(names.back(), tensor.contiguous());
}

void room_behind(const Arguments& arguments, const char* name) {
  constexpr int64_t kVector = 64;
  const at::Tensor tensor = arguments.tensor(name);
  if (!tensor.defined() || !strided(tensor) || !tensor.is_cpu()) return;
  const at::Tensor room = at::empty({tensor.numel() + kVector}, tensor.options());
  arguments.replace(name, room.narrow(0, 0, tensor.numel()).view(tensor.sizes()).copy_(tensor.detach()));
}

}  // namespace torchbridge::checks
