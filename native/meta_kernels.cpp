// Kernels for the device `meta`, on which operators tell sizes and dtypes without computing. libtorch's C++ has them
// for most operators; PyTorch adds some in Python, and these are the ones of those that networks for pictures are made
// of.
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <tuple>
#include <vector>

namespace torchbridge {
namespace {

using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Optional = std::optional<at::Tensor>;

at::Tensor like_input(const at::Tensor& input) { return at::empty_like(input); }

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const Optional&, at::IntArrayRef stride,
                       at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  const int64_t dims = weight.dim() - 2;
  TORCH_CHECK(dims >= 1 && (input.dim() == dims + 2 || input.dim() == dims + 1), "Expected an input of ", dims + 2,
              " dimensions but received ", input.dim());
  const auto of = [](at::IntArrayRef values, int64_t i) { return values.size() == 1 ? values[0] : values.at(i); };
  std::vector<int64_t> sizes = input.sizes().vec();
  const size_t first = sizes.size() - static_cast<size_t>(dims);
  const int64_t channels = sizes[first - 1];
  TORCH_CHECK(channels == (transposed ? weight.size(0) : weight.size(1) * groups),
              "Expected another number of channels than ", channels);
  sizes[first - 1] = transposed ? weight.size(1) * groups : weight.size(0);
  for (int64_t i = 0; i < dims; ++i) {
    int64_t& size = sizes[first + static_cast<size_t>(i)];
    const int64_t reach = of(dilation, i) * (weight.size(2 + i) - 1);
    size = transposed ? (size - 1) * of(stride, i) - 2 * of(padding, i) + reach + of(output_padding, i) + 1
                      : (size + 2 * of(padding, i) - reach - 1) / of(stride, i) + 1;
    TORCH_CHECK(size > 0, "the kernel is larger than the input");
  }
  return at::empty(sizes, input.options());
}

Three native_batch_norm(const at::Tensor& input, const Optional&, const Optional&, const Optional&, const Optional&,
                        bool training, double, double) {
  const at::Tensor saved = at::empty({training ? input.size(1) : 0}, input.options());
  return {at::empty_like(input), saved, at::empty_like(saved)};
}

Three native_group_norm(const at::Tensor& input, const Optional&, const Optional&, int64_t n, int64_t, int64_t,
                        int64_t groups, double) {
  const at::Tensor saved = at::empty({n, groups}, input.options());
  return {at::empty_like(input), saved, at::empty_like(saved)};
}

at::Tensor adaptive_avg_pool2d(const at::Tensor& input, at::IntArrayRef size) {
  TORCH_CHECK(input.dim() >= 3 && size.size() == 2, "Expected an input of 3 or 4 dimensions");
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes[sizes.size() - 2] = size[0];
  sizes[sizes.size() - 1] = size[1];
  return at::empty(sizes, input.options());
}

at::Tensor index_select(const at::Tensor& input, int64_t dim, const at::Tensor& index) {
  std::vector<int64_t> sizes = input.sizes().vec();
  if (!sizes.empty()) sizes.at(static_cast<size_t>(dim < 0 ? dim + input.dim() : dim)) = index.numel();
  return at::empty(sizes, input.options());
}

// A later libtorch may have one of its own.
bool is_missing(const char* name) {
  const auto found = c10::Dispatcher::singleton().findSchema({name, ""});
  return found.has_value() && !found->hasKernelForDispatchKey(c10::DispatchKey::Meta);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  if (is_missing("aten::relu")) library.impl("relu", &like_input);
  if (is_missing("aten::convolution")) library.impl("convolution", &convolution);
  if (is_missing("aten::native_batch_norm")) library.impl("native_batch_norm", &native_batch_norm);
  if (is_missing("aten::native_group_norm")) library.impl("native_group_norm", &native_group_norm);
  if (is_missing("aten::_adaptive_avg_pool2d")) library.impl("_adaptive_avg_pool2d", &adaptive_avg_pool2d);
  if (is_missing("aten::index_select")) library.impl("index_select", &index_select);
}

}  // namespace torchbridge
