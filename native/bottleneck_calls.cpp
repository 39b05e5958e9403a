// JavaScript's way to norm_relu_conv.
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "bottleneck.h"
#include "bottleneck_kernels.h"
#include "environment.h"
#include "js_callback.h"

namespace torchbridge {
namespace {

// In autocast a convolution computes in its dtype, and keeps the casts of weights for other calls. The rest of the
// function computes in the features' dtype; where that is another one, the function is not taken.
void cast(ConvSettings& conv, at::DeviceType device) {
  if (!at::autocast::is_autocast_available(device) || !at::autocast::is_autocast_enabled(device)) return;
  const at::ScalarType dtype = at::autocast::get_autocast_dtype(device);
  for (at::Tensor* each : {&conv.weight, &conv.bias}) {
    if (each->defined()) *each = at::autocast::cached_cast(dtype, *each, device);
  }
}

// On the tape: the list of features; of the norm weight, bias, running mean and variance and the count of batches,
// whether it trains, its momentum (none for the mean of all batches) and eps; of the convolution weight, bias, stride,
// padding, dilation and groups, and whether it is inside of a checkpoint, and only wanted with kernels of its own; or
// of max pooling no weight and no bias, stride, padding, dilation, whether sizes are rounded up, and the kernel's size.
// Returns -1 where the operators must do it.
napi_value norm_relu_conv_call(Call& call) {
  const Values values = call.data().values();
  const Tape& tape = values.tape;
  std::vector<at::Tensor> features = read_tensors(values, 0, false);
  size_t at = tape.next(0);
  const auto tensor = [&] {
    const size_t here = std::exchange(at, tape.next(at));
    return tape.tag(here) == Tag::kTensor ? values.tensors.get(tape.handle(here)) : at::Tensor();
  };
  const auto number = [&] { return tape.at(std::exchange(at, tape.next(at)) + 1); };
  NormSettings norm;
  norm.weight = tensor();
  norm.bias = tensor();
  norm.running_mean = tensor();
  norm.running_var = tensor();
  norm.batches = tensor();
  norm.training = number() != 0;
  if (tape.tag(at) == Tag::kNone) {
    at = tape.next(at);
  } else {
    norm.momentum = number();
  }
  norm.eps = number();
  ConvSettings conv;
  conv.weight = tensor();
  conv.bias = tensor();
  for (std::vector<int64_t>* each : {&conv.stride, &conv.padding, &conv.dilation}) {
    *each = read_ints(tape, std::exchange(at, tape.next(at)));
  }
  bool only_kernels = false;
  if (conv.weight.defined()) {
    conv.groups = static_cast<int64_t>(number());
    only_kernels = number() != 0;
  } else {
    conv.ceil = number() != 0;
    conv.kernel = read_ints(tape, at);
  }
  if (!features.empty()) cast(conv, features[0].device().type());
  if (!takes(features, norm, conv) || (only_kernels && !takes_kernels(features, norm))) return call.from(int32_t{-1});
  return call.handle(norm_relu_conv(std::move(features), norm, conv, only_kernels));
}

// normReluConvSaved(): in a checkpoint that is computed again by modules, where forward was one function. On the tape
// the features, and the bias of the norm if it has one.
napi_value save_again(Call& call) {
  for (const at::Tensor& each : read_tensors(call.data().values(), 0, false)) {
    torch::autograd::SavedVariable(each, false);
  }
  return call.undefined();
}

// For tests: whether the kernels of their own, and not libtorch's operators, compute a dtype on this processor.
napi_value kernels_agree_call(Call& call) { return call.from(kernels_agree(parse_dtype(call.string(0)))); }

}  // namespace

std::vector<Function> bottleneck_functions() {
  return {{"normReluConv", &guarded<norm_relu_conv_call>},
          {"normReluConvSaved", &guarded<save_again>},
          {"normReluKernels", &guarded<kernels_agree_call>}};
}

}  // namespace torchbridge
