// A short way for small convolutions on the CPU. libtorch's own kernel of aten::convolution asks a dozen questions (and
// dispatches twice more) before it comes to that of aten::_slow_conv2d_forward; for a small picture the questions cost
// as much as the arithmetic. Where the answer is certain this kernel goes there at once; everything else takes
// libtorch's kernel, so the bits are the same. bench/ measures it (conv2d), test/parity/tensor/small-convolutions asks
// PyTorch that the answer is right.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_slow_conv2d_forward_native.h>
#include <ATen/ops/convolution_native.h>
#include <torch/library.h>

namespace torchbridge {
namespace {

constexpr int64_t kSmall = 20480;  // elements; above, and for batches, libtorch asks oneDNN

bool is_plain(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kFloat && tensor.dim() == 4 && tensor.is_contiguous() &&
         tensor.suggest_memory_format() == at::MemoryFormat::Contiguous;
}

// Whether libtorch would choose Slow2d, and nothing it checks could fail.
bool is_small(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
              at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
              at::IntArrayRef output_padding, int64_t groups) {
  if (transposed || groups != 1 || !is_plain(input) || !is_plain(weight)) return false;
  if (stride.size() != 2 || padding.size() != 2 || dilation.size() != 2 || output_padding.size() != 2) return false;
  if (bias.has_value() && bias->defined()) {
    if (bias->scalar_type() != at::kFloat || bias->dim() != 1 || bias->size(0) != weight.size(0)) return false;
  }
  const auto in = input.sizes();
  const auto kernel = weight.sizes();
  if (in[0] != 1 || in[1] != kernel[1] || input.numel() == 0 || input.numel() > kSmall || kernel[0] == 0) return false;
  for (size_t i = 0; i < 2; ++i) {
    if (dilation[i] != 1 || output_padding[i] != 0 || stride[i] < 1 || padding[i] < 0) return false;
    if (kernel[2 + i] < 2 || kernel[2 + i] > 3 || in[2 + i] + 2 * padding[i] < kernel[2 + i]) return false;
  }
  return true;
}

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                       at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  if (is_small(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)) {
    return at::native::slow_conv2d_forward_cpu(input, weight, weight.sizes().slice(2), bias, stride, padding);
  }
  return at::native::convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, CPU, library) { library.impl("convolution", &convolution); }

}  // namespace torchbridge
