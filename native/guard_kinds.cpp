// The checks of kinds of tensors (oneDNN, nested), of recurrent networks, and of integers that the processor cannot
// divide.
#include <ATen/ScalarOps.h>
#include <ATen/ops/any.h>
#include <ATen/ops/gcd.h>
#include <ATen/ops/result_type.h>

#include <limits>

#include "guard_checks.h"

namespace torchbridge::checks {
namespace {

void expect(bool fits, const char* name, const at::Tensor& tensor, const char* what) {
  if (!fits)
    refuse_call("shape", std::string("Expected ") + what + " for " + name + " but received " + sizes_of(tensor));
}

// Where a tensor holds the least value of the integers that both become; undefined where it cannot.
at::Tensor least(const at::Tensor& tensor, at::ScalarType common) {
  if (common != at::kInt && common != at::kLong) return {};
  const int64_t value = common == at::kInt ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int64_t>::min();
  const at::Tensor found = tensor.detach().to(common).eq(value);
  return found.any().item<bool>() ? found : at::Tensor();
}

bool countable(const at::Tensor& tensor) {
  return tensor.defined() && strided(tensor) && !tensor.is_meta() &&
         at::isIntegralType(tensor.scalar_type(), /*includeBool=*/true);
}

at::Tensor second(const Arguments& arguments) {
  const c10::IValue& other = arguments.value("other");
  if (other.isScalar() && other.toScalar().isIntegral(/*includeBool=*/true)) {
    return c10::scalar_to_tensor(other.toScalar());
  }
  return arguments.tensor("other");
}

}  // namespace

void mkldnn_linear(const Arguments& arguments, const char*) {
  const at::Tensor input = arguments.tensor(arguments.tensor("input").defined() ? "input" : "self");
  const at::Tensor weight = arguments.tensor("weight");
  const at::Tensor bias = arguments.tensor("bias");
  if (!input.defined() || !weight.defined() || !input.is_mkldnn()) return;
  expect(input.dim() > 0 && weight.dim() == 2 && weight.size(1) == input.size(-1), "weight", weight,
         "a matrix that fits the input");
  if (bias.defined()) expect(bias.dim() == 1 && bias.size(0) == weight.size(0), "bias", bias, "one element a row");
}

void quantized_floats(const Arguments& arguments, const char*) {
  const at::Tensor zero_points = arguments.tensor("zero_points");
  const auto dtype = static_cast<at::ScalarType>(arguments.integer("dtype").value_or(0));
  if (zero_points.defined() && zero_points.is_floating_point() && dtype == at::kQInt32) {
    refuse_call("dtype", "Expected zero points of an integer dtype for qint32");
  }
}

// They are written one after another, as many as there are rows; where there are none yet, libtorch makes them.
void moving_average(const Arguments& arguments, const char* parameters) {
  const at::Tensor self = arguments.tensor("self");
  if (self.numel() == 0 && std::string(parameters) == "empty") return;  // a copy of it is the answer
  for (const auto* name : {"observer_on", "fake_quant_on"}) {
    if (arguments.tensor(name).numel() == 0) {
      refuse_call("shape", std::string("Expected elements in ") + name + " but received none");
    }
  }
  const at::Tensor least = arguments.tensor("running_min");
  const at::Tensor most = arguments.tensor("running_max");
  const bool rows = arguments.value("per_row_fake_quant").isBool() && arguments.value("per_row_fake_quant").toBool();
  if (rows && (self.dim() < 2 || arguments.integer("ch_axis") != 0)) {
    refuse_call("shape", "Expected at least two dimensions, and 0 for ch_axis, with per_row_fake_quant");
  }
  const int64_t wanted = rows ? self.size(0) : 1;
  if (rows && least.numel() == 0 && strided(least) && strided(most)) return;
  for (const at::Tensor& each : {least, most}) {
    if (!strided(each) || !each.is_contiguous() || each.numel() != wanted) {
      refuse_call("shape", "Expected " + std::to_string(wanted) +
                               " elements, one after another, for running_min and "
                               "running_max but received " +
                               sizes_of(each));
    }
  }
}

// libtorch looks for the dimension as it was given, and writes one size too many for a negative one.
void nested_select(const Arguments& arguments, const char*) {
  const at::Tensor self = arguments.tensor("self");
  if (!self.defined() || !self.is_nested()) return;
  const int64_t dim = arguments.integer("dim").value_or(0);
  if (dim != 0 && dim != -self.dim() && (dim < 0 || self.dim() < 3)) {
    refuse_call("notImplemented", "Expected dimension 0 of a nested tensor, or a positive one inside of three or more");
  }
}

// Of tensors that have no dimension of their own.
void nested_chunk(const Arguments& arguments, const char*) {
  const at::Tensor self = arguments.tensor("self");
  if (self.defined() && self.is_nested() && self.dim() < 2) {
    refuse_call("notImplemented", "Expected at least two dimensions of a nested tensor");
  }
}

void nested_join(const Arguments& arguments, const char* parameters) {
  const bool all = std::string(parameters) == "all";
  for (const at::Tensor& each : arguments.tensors()) {
    if (!each.is_nested()) continue;
    const int64_t dim = arguments.integer("dim").value_or(0);
    if (all || (dim != 0 && dim != -each.dim())) {
      refuse_call("notImplemented", "Expected dimension 0 for nested tensors");
    }
  }
}

// What libtorch looks at itself (how many there are, sizes of two dimensions) is left to it.
void recurrent(const Arguments& arguments, const char*) {
  const auto flat = [](const char* name, const at::Tensor& each, int64_t most) {
    expect(!each.defined() || !strided(each) || each.dim() <= most, name, each, "fewer dimensions");
  };
  flat("input", arguments.tensor("input"), 3);
  for (const char* name : {"hx", "params"}) {
    const c10::IValue& list = arguments.value(name);
    if (!list.isTensorList()) continue;
    for (const at::Tensor& each : list.toTensorVector()) flat(name, each, std::string(name) == "hx" ? 3 : 2);
  }
}

void truncated_division(const Arguments& arguments, const char*) {
  const c10::IValue& mode = arguments.value("rounding_mode");
  if (!mode.isString() || mode.toStringRef() != "trunc") return;
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor other = second(arguments);
  if (!countable(self) || !countable(other)) return;
  const at::Tensor from =
      least(self, arguments.value("other").isScalar() ? self.scalar_type() : at::result_type(self, other));
  if (from.defined() && from.logical_and(other.detach().eq(-1)).any().item<bool>()) {
    refuse_call("value", "Expected no division of the least integer by -1, whose result is none");
  }
}

void least_common_multiple(const Arguments& arguments, const char*) {
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor other = arguments.tensor("other");
  if (!countable(self) || !countable(other)) return;
  const at::ScalarType common = at::result_type(self, other);
  const at::Tensor from = least(self, common);
  if (from.defined() &&
      from.logical_and(at::gcd(self.detach().to(common), other.detach().to(common)).eq(-1)).any().item<bool>()) {
    refuse_call("value", "Expected no multiple of the least integer that is larger than any");
  }
}

}  // namespace torchbridge::checks
