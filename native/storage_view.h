// Tensors over storages, whose place the tape tells: the shape, then the strides.
#pragma once
#include <ATen/core/Tensor.h>

#include "tape.h"

namespace torchbridge {

// A tensor over a storage, which must be large enough for every element. `options` are those of its device.
at::Tensor view_of(c10::Storage storage, const at::TensorOptions& options, at::ScalarType dtype, double offset,
                   const Tape& tape);

// The number of elements of a shape; throws BridgeError for sizes below 0 and for shapes that do not fit into memory.
int64_t checked_numel(const std::vector<int64_t>& shape);

}  // namespace torchbridge
