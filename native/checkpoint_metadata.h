// What a checkpoint compares of the tensors that are saved in forward and in the recomputation, and its errors' words.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/DeviceType.h>

#include <sstream>
#include <string>
#include <vector>

#include "convert.h"

namespace torchbridge {

// The code of errors about recomputations, which JavaScript makes a CheckpointError.
constexpr const char* kCheckpointError = "checkpoint";

// Behind the errors of PyTorch that its option `debug` says more about.
constexpr const char* kCheckpointTip =
    "\n\nTip: To see a more detailed error message, either pass `debug: true` to\n`checkpoint(...)` or wrap the code "
    "block\nwith `setCheckpointDebugEnabled(true, () => { ... })` to\nenable checkpoint-debug mode globally.";

// What the determinism check compares.
struct Metadata {
  std::vector<int64_t> shape;
  at::ScalarType dtype;
  c10::Device device;

  explicit Metadata(const at::Tensor& x) : shape(x.sizes().vec()), dtype(x.scalar_type()), device(x.device()) {}
  bool operator==(const Metadata& other) const {
    return shape == other.shape && dtype == other.dtype && device == other.device;
  }

  // As Python prints PyTorch's dictionary.
  std::string text() const {
    std::ostringstream out;
    out << "{'shape': torch.Size([";
    for (size_t i = 0; i < shape.size(); ++i) out << (i == 0 ? "" : ", ") << shape[i];
    out << "]), 'dtype': torch." << dtype_name(dtype) << ", 'device': device(type='"
        << c10::DeviceTypeName(device.type(), true) << "'";
    if (device.has_index()) out << ", index=" << static_cast<int>(device.index());
    out << ")}";
    return out.str();
  }
};

}  // namespace torchbridge
