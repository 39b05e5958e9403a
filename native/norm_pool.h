// Batch norm, ReLU and the mean of windows of pixels as one function with a backward of its own, in channels_last: what
// comes between fused dense blocks (the 1×1 convolution of a transition and the mean change places), and after the
// last. It keeps its input alone.
#pragma once
#include "dense_block.h"

namespace torchbridge {
std::vector<Function> norm_pool_functions();
}  // namespace torchbridge

namespace torchbridge::dense {

// Windows of down×across pixels, side by side; pixels that fill no window are left out.
struct PoolSize {
  int64_t down = 1, across = 1;
};

template <class T>
struct Pooled {
  using S = typename Compute<T>::type;
  Shape shape;
  PoolSize size;
  Norm<S> norm;
  at::Tensor out;  // [N, C, H / down, W / across] in channels_last
};

// Throws unless x is a picture on the CPU with room for a window, and the norm's tensors are floating point.
void check(const at::Tensor& x, const NormArguments& norm, const PoolSize& size);

// x is in channels_last, arguments are checked before.
template <class T>
Pooled<T> pool(const at::Tensor& x, const NormArguments& norm, const PoolSize& size);

// `gradient` is in channels_last. Returns that of x, undefined unless asked for.
template <class T>
at::Tensor pool_backward(const Pooled<T>& done, const at::Tensor& x, const at::Tensor& gradient, bool needs_x,
                         at::Tensor* weight, at::Tensor* bias);

}  // namespace torchbridge::dense
