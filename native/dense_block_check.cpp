// What a dense block asks of its arguments: all that the inner loops rely on.
#include <ATen/EmptyTensor.h>

#include "convert.h"
#include "norm_pool.h"

namespace torchbridge::dense {
namespace {

[[noreturn]] void refuse(const char* code, const std::string& wanted, const std::string& name,
                         const at::Tensor& given) {
  throw BridgeError(code, "Expected " + wanted + " for " + name + " but received " +
                              (given.defined() ? describe_tensor(given) : std::string("none")));
}

bool fits(const at::Tensor& tensor) {
  const size_t needed = at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(), tensor.dtype().itemsize(),
                                                         static_cast<size_t>(tensor.storage_offset()));
  return tensor.numel() == 0 || needed <= tensor.storage().nbytes();
}

// A tensor with elements of its own in the CPU's memory, without a tangent.
void check_plain(const at::Tensor& tensor, const std::string& name) {
  if (!tensor.defined()) refuse("type", "a tensor", name, tensor);
  const auto keys = tensor.key_set();
  const bool plain = tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.has_storage() &&
                     !tensor.is_nested() && !tensor.is_quantized() && !tensor._is_zerotensor() && !tensor.is_neg() &&
                     !tensor.is_conj() && !keys.has(c10::DispatchKey::FuncTorchBatched) &&
                     !keys.has(c10::DispatchKey::FuncTorchGradWrapper) && !keys.has(c10::DispatchKey::Functionalize) &&
                     !tensor.unsafeGetTensorImpl()->has_symbolic_sizes_strides();
  if (!plain || !fits(tensor)) refuse("value", "a dense tensor on the CPU", name, tensor);
  if (tensor._fw_grad(0).defined())
    throw BridgeError("notImplemented", "a fused dense block has no forward-mode derivative");
}

void check_norm(const NormArguments& norm, int64_t channels, const std::string& name) {
  const auto one = [&](const at::Tensor& tensor, const char* part, bool needed) {
    if (!tensor.defined() && !needed) return;
    const std::string full = name + "." + part;
    check_plain(tensor, full);
    if (!at::isFloatingType(tensor.scalar_type()) || tensor.element_size() < 2) {
      refuse("dtype", "floating point numbers", full, tensor);
    }
    if (!tensor.sizes().equals({channels}))
      refuse("shape", "a value for each of " + std::to_string(channels) + " channels", full, tensor);
  };
  one(norm.weight, "weight", false);
  one(norm.bias, "bias", false);
  one(norm.mean, "running_mean", !norm.batch);
  one(norm.variance, "running_var", !norm.batch);
}

void check_convolution(const at::Tensor& weight, at::ScalarType type, int64_t inputs, int64_t kernel,
                       const std::string& name) {
  check_plain(weight, name);
  if (weight.scalar_type() != type) refuse("dtype", "the dtype of x", name, weight);
  const std::string side = std::to_string(kernel);
  if (weight.dim() != 4 || weight.size(0) == 0 || weight.size(1) != inputs || weight.size(2) != kernel ||
      weight.size(3) != kernel) {
    refuse("shape", "[outputs, " + std::to_string(inputs) + ", " + side + ", " + side + "]", name, weight);
  }
}

void check_picture(const at::Tensor& x) {
  check_plain(x, "x");
  const auto type = x.scalar_type();
  if (type != at::kFloat && type != at::kDouble && type != at::kBFloat16) {
    refuse("dtype", "float32, float64 or bfloat16", "x", x);
  }
  if (x.dim() != 4 || x.numel() == 0) refuse("shape", "[N, C, H, W], none of them 0,", "x", x);
}

}  // namespace

void check(const at::Tensor& x, const std::vector<LayerArguments>& layers) {
  check_picture(x);
  const auto type = x.scalar_type();
  if (layers.empty()) throw BridgeError("value", "Expected at least one layer");
  int64_t channels = x.size(1);
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerArguments& layer = layers[i];
    const std::string name = "denselayer" + std::to_string(i + 1);
    check_norm(layer.norm1, channels, name + ".norm1");
    check_convolution(layer.conv1, type, channels, layer.bottleneck() ? 1 : 3, name + ".conv1.weight");
    if (layer.bottleneck()) {
      check_norm(layer.norm2, layer.conv1.size(0), name + ".norm2");
      check_convolution(layer.conv2, type, layer.conv1.size(0), 3, name + ".conv2.weight");
    }
    channels += layer.last().size(0);
  }
}

void check(const at::Tensor& x, const NormArguments& norm, const PoolSize& size) {
  check_picture(x);
  if (size.down < 1 || size.across < 1 || size.down > x.size(2) || size.across > x.size(3)) {
    refuse("shape", "pictures of at least " + std::to_string(size.down) + "x" + std::to_string(size.across), "x", x);
  }
  check_norm(norm, x.size(1), "norm");
}

}  // namespace torchbridge::dense
