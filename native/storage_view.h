// Tensors over storages.
#pragma once
#include <ATen/core/Tensor.h>

#include "tape.h"

namespace torchbridge {

// Throws BridgeError where a tensor would reach beyond its storage.
void check_view(const c10::Storage& storage, at::ScalarType dtype, int64_t offset, at::IntArrayRef shape,
                at::IntArrayRef strides);

// A tensor over a storage, which must be large enough for every element. `options` are those of its device; the tape
// tells the shape, then the strides.
at::Tensor view_of(c10::Storage storage, const at::TensorOptions& options, at::ScalarType dtype, double offset,
                   const Tape& tape);

// The number of elements of a shape; throws BridgeError for sizes below 0 and for shapes that do not fit into memory.
int64_t checked_numel(at::IntArrayRef shape);

}  // namespace torchbridge
