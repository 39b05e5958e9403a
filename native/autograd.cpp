// Gradients: flags of tensors, the engine, and the modes of the calling thread.
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include "backward_async.h"
#include "deferred.h"
#include "engine.h"
#include "environment.h"

namespace torchbridge {
namespace {

// What an asynchronous call is still to compute has no gradients.
bool is_to_come(Call& call) { return call.data().deferring && call.data().deferred->is_pending(call.int32(0)); }

napi_value requires_grad(Call& call) { return call.from(!is_to_come(call) && call.tensor(0).requires_grad()); }

napi_value set_requires_grad(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  const bool wanted = call.boolean(1);
  if (!tensor.is_leaf() && !wanted) {
    throw BridgeError("runtime",
                      "you can only change requires_grad flags of leaf variables. If you want to use a computed "
                      "variable in a subgraph that doesn't require differentiation use detach().");
  }
  if (wanted && !torch::autograd::isDifferentiableType(tensor.scalar_type())) {
    throw BridgeError("runtime", "only Tensors of floating point and complex dtype can require gradients");
  }
  tensor.set_requires_grad(wanted);
  return call.undefined();
}

napi_value is_leaf(Call& call) { return call.from(call.tensor(0).is_leaf()); }

napi_value grad_fn(Call& call) {
  const auto& node = call.tensor(0).grad_fn();
  return call.from(node == nullptr ? std::string() : node->name());
}

// A new handle each time, -1 without a gradient.
napi_value grad(Call& call) {
  finish_backwards(call.data());
  return call.handle(at::Tensor(call.tensor(0).mutable_grad()));
}

// setGrad(handle, gradient or -1)
napi_value set_grad(Call& call) {
  finish_backwards(call.data());
  at::Tensor tensor = call.tensor(0);
  if (call.int32(1) < 0) {
    tensor.mutable_grad() = at::Tensor();
    return call.undefined();
  }
  const at::Tensor gradient = call.tensor(1);
  if (gradient.is_same(tensor)) throw BridgeError("runtime", "can't assign Tensor as its own grad");
  if (gradient.scalar_type() != tensor.scalar_type()) {
    throw BridgeError("type", std::string("assigned grad has data of a different type: Expected ") +
                                  dtype_name(tensor.scalar_type()) + " but received " +
                                  dtype_name(gradient.scalar_type()));
  }
  if (gradient.device() != tensor.device()) {
    throw BridgeError("runtime", "assigned grad has data located on a different device");
  }
  if (!gradient.sizes().equals(tensor.sizes())) {
    throw BridgeError("runtime", "assigned grad has data of a different size: Expected " + describe_tensor(tensor) +
                                     " but received " + describe_tensor(gradient));
  }
  tensor.mutable_grad() = gradient;
  return call.undefined();
}

// The same elements without a history and with a version of their own (PyTorch's `.data`).
napi_value data_of(Call& call) { return call.handle(call.tensor(0).variable_data()); }

napi_value set_data(Call& call) {
  finish_backwards(call.data());
  const at::Tensor tensor = call.tensor(0);
  const at::Tensor fresh = call.tensor(1);
  tensor.set_data(fresh);
  return call.undefined();
}

// The list of tensors at `position`; where `gaps` are allowed, none stands for "no tensor".
torch::autograd::variable_list read_list(const Values& values, size_t position, const char* what, bool gaps) {
  const Tape& tape = values.tape;
  if (tape.tag(position) != Tag::kList) {
    throw BridgeError("type", std::string("Expected a list of tensors for ") + what + " but received " +
                                  describe_value(values, position));
  }
  torch::autograd::variable_list out;
  size_t item = position + 2;
  for (size_t k = tape.length(position); k > 0; --k) {
    const Tag tag = tape.tag(item);
    if (tag == Tag::kTensor) {
      out.push_back(values.tensors.get(tape.handle(item)));
    } else if (gaps && (tag == Tag::kNone || tag == Tag::kSkip)) {
      out.emplace_back();
    } else {
      throw BridgeError("type",
                        std::string("Expected tensors for ") + what + " but received " + describe_value(values, item));
    }
    item = tape.next(item);
  }
  return out;
}

std::optional<bool> optional_bool(Call& call, size_t i) {
  napi_valuetype type = napi_undefined;
  call.check(napi_typeof(call.env(), call.value(i), &type));
  if (type != napi_boolean) return std::nullopt;
  return call.boolean(i);
}

template <typename Run>
void cleanly(Run run) {
  try {
    run();
  } catch (...) {
    drop_failed_work();
    throw;
  }
}

// backward(retainGraph?, createGraph); on the tape: outputs, gradients, inputs.
napi_value backward(Call& call) {
  before_gradients(call.data());
  const Values values = call.data().values();
  const auto outputs = read_list(values, 0, "the outputs", false);
  size_t p = values.tape.next(0);
  const auto gradients = read_list(values, p, "the gradients", true);
  p = values.tape.next(p);
  const auto inputs = read_list(values, p, "the inputs", false);
  finish_backwards(call.data());  // runs JavaScript, which writes the tape
  cleanly([&] { torch::autograd::backward(outputs, gradients, optional_bool(call, 0), call.boolean(1), inputs); });
  return call.undefined();
}

// grad(retainGraph?, createGraph, allowUnused); on the tape outputs, gradients, inputs; a list of results comes back.
napi_value grad_of(Call& call) {
  before_gradients(call.data());
  Environment& data = call.data();
  const Values values = data.values();
  const auto outputs = read_list(values, 0, "the outputs", false);
  size_t p = values.tape.next(0);
  const auto gradients = read_list(values, p, "the gradients", true);
  p = values.tape.next(p);
  const auto inputs = read_list(values, p, "the inputs", false);
  finish_backwards(call.data());  // runs JavaScript, which writes the tape
  torch::autograd::variable_list results;
  cleanly([&] {
    results =
        torch::autograd::grad(outputs, inputs, gradients, optional_bool(call, 0), call.boolean(1), call.boolean(2));
  });
  napi_value array = nullptr;
  call.check(napi_create_array_with_length(call.env(), results.size(), &array));
  for (size_t i = 0; i < results.size(); ++i) {
    call.check(napi_set_element(call.env(), array, static_cast<uint32_t>(i), call.handle(results[i])));
  }
  return array;
}

napi_value is_grad_enabled(Call& call) { return call.from(c10::GradMode::is_enabled()); }

napi_value set_grad_enabled(Call& call) {
  c10::GradMode::set_enabled(call.boolean(0));
  return call.undefined();
}

napi_value push_inference_mode(Call& call) {
  call.data().inference_modes.push_back(std::make_unique<c10::InferenceMode>(call.boolean(0)));
  return call.undefined();
}

napi_value pop_inference_mode(Call& call) {
  if (call.data().inference_modes.empty()) throw BridgeError("internal", "no inference mode is on");
  call.data().inference_modes.pop_back();
  return call.undefined();
}

napi_value is_inference_mode(Call& call) { return call.from(c10::InferenceMode::is_enabled()); }

}  // namespace

std::vector<Function> autograd_functions() {
  return {
      {"requiresGrad", &guarded<requires_grad>},
      {"setRequiresGrad", &guarded<set_requires_grad>},
      {"isLeaf", &guarded<is_leaf>},
      {"gradFn", &guarded<grad_fn>},
      {"grad", &guarded<grad>},
      {"setGrad", &guarded<set_grad>},
      {"dataOf", &guarded<data_of>},
      {"setData", &guarded<set_data>},
      {"backward", &guarded<backward>},
      {"gradOf", &guarded<grad_of>},
      {"isGradEnabled", &guarded<is_grad_enabled>},
      {"setGradEnabled", &guarded<set_grad_enabled>},
      {"pushInferenceMode", &guarded<push_inference_mode>},
      {"popInferenceMode", &guarded<pop_inference_mode>},
      {"isInferenceMode", &guarded<is_inference_mode>},
  };
}

}  // namespace torchbridge
