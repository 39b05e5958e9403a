// Batch norm and ReLU over features that lie in several tensors, with the bits of libtorch's own kernels for contiguous
// float32 and float64 on the CPU, but without joining the features first.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace torchbridge {

// `[N, C, H, W]` features in parts that are joined along the channels, all contiguous, of one dtype and size.
struct Features {
  const std::vector<at::Tensor>& parts;
  int64_t batch = 0;
  int64_t channels = 0;
  int64_t image = 0;  // H·W
  explicit Features(const std::vector<at::Tensor>& parts);
};

// What batch norm makes of a batch: the mean, and one over the standard deviation, of each channel.
struct Moments {
  at::Tensor mean;
  at::Tensor invstd;
  at::Tensor exact;  // the same, of a norm that does not train, as backward computes it: rounded once
};

// Whether the kernels below give the bits of libtorch's for this dtype; asked once, of libtorch.
bool kernels_agree(at::ScalarType type);

// The moments of a batch. The running statistics, where there are some, take it up. Parts that the last call of this
// thread has measured, and that have not changed since, are not measured again: a layer of a dense block reads what the
// one before it read.
Moments measure(const Features& features, const at::Tensor& running_mean, const at::Tensor& running_var,
                double momentum, double eps);
// What measure() begins with: of one part, the mean of each channel, and the sum of squares around it.
void collect(const at::Tensor& part, const at::Tensor& mean, const at::Tensor& squares);
// Those of a norm that does not train.
Moments known_moments(const at::Tensor& running_mean, const at::Tensor& running_var, double eps);

// max(0, batch norm), new. weight and bias may be undefined.
at::Tensor normalise(const Features& features, const Moments& moments, const at::Tensor& weight,
                     const at::Tensor& bias);

// The backward of normalise: `gradient` (contiguous, of the shape of what normalise gave) becomes that of the joined
// features, where `inputs` says so; the gradients of weight and bias come back. Where features.image is below
// shortest_row() there is no such kernel.
struct NormGradients {
  at::Tensor weight, bias;
};
NormGradients normalise_backward(const Features& features, const Moments& moments, const at::Tensor& weight,
                                 const at::Tensor& bias, bool training, bool inputs, at::Tensor& gradient);
int64_t shortest_row(at::ScalarType type);

}  // namespace torchbridge
