// The checks of operators that take lists of tensors.
#include "guard_checks.h"

namespace torchbridge::checks {

void side_by_side(const Arguments& arguments, const char* parameters) {
  const auto names = words(parameters);
  const bool shapes = names.front() == "shapes";
  std::optional<size_t> length;
  std::vector<at::Tensor> first;
  for (size_t i = shapes ? 1 : 0; i < names.size(); ++i) {
    const c10::IValue& value = arguments.value(names[i]);
    if (!value.isList()) continue;
    const size_t here = value.toListRef().size();
    if (!length) length = here;
    if (here != *length && !(shapes && here == 0)) {
      refuse_call("value", "Expected " + std::to_string(*length) + " values for " + names[i] + " but received " +
                               std::to_string(here));
    }
    if (!shapes || !value.isTensorList()) continue;
    const auto tensors = value.toTensorVector();
    if (first.empty()) first = tensors;
    for (size_t k = 0; k < tensors.size(); ++k) {
      if (!strided(tensors[k]) || !tensors[k].sizes().equals(first[k].sizes()) ||
          tensors[k].scalar_type() != first[k].scalar_type()) {
        refuse_call("shape", "Expected " + names[i] + " of the shapes and dtypes of " + names[1]);
      }
    }
  }
}

void fused_steps(const Arguments& arguments, const char*) {
  const auto one = [&](const char* name) {
    const at::Tensor tensor = arguments.tensor(name);
    if (tensor.defined() && tensor.numel() != 1) refuse_call("shape", std::string("Expected one element for ") + name);
  };
  one("lr");
  one("grad_scale");
  one("found_inf");
  const c10::IValue& steps = arguments.value("state_steps");
  if (!steps.isTensorList()) return;
  if (steps.toTensorVector().size() != arguments.value("self").toTensorVector().size()) {
    refuse_call("value", "Expected as many state_steps as tensors");
  }
  for (const at::Tensor& step : steps.toTensorVector()) {
    if (step.numel() != 1 || !strided(step)) refuse_call("shape", "Expected one element for each of state_steps");
  }
}

void chunk_cat(const Arguments& arguments, const char*) {
  for (const at::Tensor& each : arguments.tensors()) {
    if (!strided(each) || each.dim() == 0) refuse_call("shape", "Expected strided tensors of at least one dimension");
  }
}

}  // namespace torchbridge::checks
