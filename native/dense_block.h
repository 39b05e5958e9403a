// A whole dense block (lib/models/fused-dense-block.ts) as one function with a backward of its own: all features in one
// channels-last buffer, of which layer i reads the first channels and writes the next. Pixels are worked on in tiles
// that stay in the cache, so BN, ReLU and the convolutions of a tile touch the memory once. Batch statistics belong to
// a channel and are computed when it is made; the part of a norm's backward that is linear in its input is summed over
// the layers and applied when the channel is consumed.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "dense_block_kernels.h"

namespace torchbridge {
struct Function;
std::vector<Function> dense_block_functions();
}  // namespace torchbridge

namespace torchbridge::dense {

struct NormArguments {
  at::Tensor weight, bias, mean, variance;  // each may be undefined
  bool batch = false;                       // statistics are those of the batch, not `mean` and `variance`
  double momentum = 0, eps = 0;             // of the batch in `mean` and `variance`, which are updated where `batch`
};

struct LayerArguments {
  NormArguments norm1;
  at::Tensor conv1;
  NormArguments norm2;
  at::Tensor conv2;  // undefined without a bottleneck: conv1 is 3×3 then
  at::Tensor mask;   // uint8 [N, H, W, k], what dropout keeps; undefined for all
  double scale = 1;  // of what is kept
  bool bottleneck() const { return conv2.defined(); }
  const at::Tensor& last() const { return conv2.defined() ? conv2 : conv1; }
};

// What a norm did, for its backward.
template <class S>
struct Norm {
  int64_t channels = 0;
  bool batch = false;
  std::vector<S> alpha, beta, mean;  // with room for whole vectors
  std::vector<double> inverse;       // 1 / sqrt(variance + eps)
  at::ScalarType weight_type = at::kFloat, bias_type = at::kFloat;
};

struct Shape {
  int64_t pictures = 0, height = 0, width = 0, inputs = 0, channels = 0;  // channels: inputs and all new ones
  int64_t pixels() const { return pictures * height * width; }
};

// What backward gives; undefined where not asked for.
struct LayerGradients {
  at::Tensor weight1, bias1, conv1, weight2, bias2, conv2;
};
struct LayerNeeds {
  bool weight1 = false, bias1 = false, conv1 = false, weight2 = false, bias2 = false, conv2 = false;
  bool any() const { return weight1 || bias1 || conv1 || weight2 || bias2 || conv2; }
};

template <class T>
struct Forward {
  using S = typename Compute<T>::type;
  struct Layer {
    Norm<S> norm1, norm2;
    at::Tensor bottleneck;  // [pixels, width], the output of the 1×1 convolution
  };
  Shape shape;
  at::Tensor features;  // [N, C, H, W] in channels_last: the output
  std::vector<Layer> layers;
  std::vector<S> means;  // of each channel in the batch; zeros where no norm asks
};

// Throws unless shapes fit, x and the convolutions are of one type on the CPU, and the norms' tensors floating point.
void check(const at::Tensor& x, const std::vector<LayerArguments>& layers);

// Arguments are checked before.
template <class T>
Forward<T> forward(const at::Tensor& x, const std::vector<LayerArguments>& layers, bool keep);

// `gradient` of the features is used up. Returns that of x, undefined unless asked for.
template <class T>
at::Tensor backward(const Forward<T>& done, const std::vector<LayerArguments>& layers, at::Tensor gradient,
                    bool needs_x, const std::vector<LayerNeeds>& needs, std::vector<LayerGradients>& gradients);

}  // namespace torchbridge::dense
