// The checks of tensors that reach libtorch without an operator's name: those that are indexed, stand in an index, or
// are read.
#pragma once
#include <ATen/core/Tensor.h>

namespace torchbridge {

// Throws BridgeError when nothing must read such a tensor: a sparse one whose indices were spoiled, and the like.
void check_contents(const at::Tensor& tensor);
// The same for a tensor that stands in an index or is written to: one without memory too.
void check_index(const at::Tensor& tensor);

}  // namespace torchbridge
