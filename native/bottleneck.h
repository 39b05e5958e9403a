// cat, batch norm, ReLU and a convolution (or max pooling) as one function of autograd, which keeps its inputs and the
// moments of the batch, and rebuilds the rest in backward. lib/nn/norm-relu-conv.ts is its JavaScript side.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace torchbridge {

struct NormSettings {
  at::Tensor weight, bias, running_mean, running_var;  // each may be undefined
  at::Tensor batches;                                  // counts them while training; may be undefined
  bool training = true;
  std::optional<double> momentum;  // none for the mean of all batches
  double eps = 0;
};

// What is done with the activations: a convolution, or max pooling where there is a kernel size.
struct ConvSettings {
  at::Tensor weight, bias;  // bias may be undefined
  std::vector<int64_t> kernel, stride, padding, dilation;
  int64_t groups = 1;
  bool ceil = false;

  bool pools() const { return !kernel.empty(); }
};

// Whether norm_relu_conv can stand for the operators, and gradients are recorded at all. Where it cannot, the operators
// do it, with their own errors.
bool takes(const std::vector<at::Tensor>& features, const NormSettings& norm, const ConvSettings& conv);

// Of features that it takes: whether they are contiguous floats or doubles on the CPU, for which the kernels of
// bottleneck_kernels.h give libtorch's bits. Else libtorch's own operators work inside of the function.
bool takes_kernels(const std::vector<at::Tensor>& features, const NormSettings& norm);

// checkpointed: inside of a checkpoint, with kernels of its own. Then the features and the norm's bias are saved first
// (save_again() does that in the function's place) and after them what the modules would save, so that either can be
// computed again, whichever forward has taken.
at::Tensor norm_relu_conv(std::vector<at::Tensor> features, const NormSettings& norm, const ConvSettings& conv,
                          bool checkpointed);

}  // namespace torchbridge
