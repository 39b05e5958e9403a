// Max pooling with indices, faster where networks for ImageNet begin.
#pragma once
#include <tuple>

#include "bottleneck.h"

namespace torchbridge {

// at::max_pool2d_with_indices with the settings of `pool`, and its bits: by a kernel of its own where windows are 3×3,
// two pixels apart, with padding of one, of contiguous float32, float64 and bfloat16 on the CPU. x is on the CPU.
std::tuple<at::Tensor, at::Tensor> max_pool(const at::Tensor& x, const ConvSettings& pool);

}  // namespace torchbridge
