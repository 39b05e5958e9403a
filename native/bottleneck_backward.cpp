// The backward of batch norm and ReLU in two passes over the features, with the bits of libtorch's: the same sums in
// the same order as vec::reduce_all and vec::map2_reduce_all have for the vectors of each instruction set.
#include <ATen/ops/empty.h>

#include <cstring>

#include "bottleneck_channels.h"
#include "rows.h"

namespace torchbridge {
namespace {

// Where libtorch's compiler made one rounding of a multiplication and an addition, and where it did not, is said here
// and not left to ours. libtorch's kernel has no form for AVX-512: there it takes that for AVX2.
#pragma GCC push_options
#pragma GCC optimize("O3", "fp-contract=off")

struct Sums {
  double gradient = 0;  // Σ m, where m is the gradient that ReLU lets through
  double product = 0;   // Σ (x - mean)·m
};

template <typename T, int lanes, bool halving>
__attribute__((always_inline)) inline T sum_of(const T* v) {
  T all[lanes];
  std::memcpy(all, v, sizeof all);
  if constexpr (halving) {
    for (int half = lanes / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) all[i] += all[i + half];
    }
  } else {
    for (int i = 1; i < lanes; ++i) all[0] += all[i];
  }
  return all[0];
}

template <typename T>
__attribute__((always_inline)) inline T fma_of(T a, T b, T c) {
  if constexpr (std::is_same_v<T, float>) {
    return __builtin_fmaf(a, b, c);
  } else {
    return __builtin_fma(a, b, c);
  }
}

// m of one element.
template <bool fused, typename T>
__attribute__((always_inline)) inline T masked(const Channel<T>& c, T x, T gradient) {
  const T y = fused ? fma_of(x, c.alpha, c.beta) : x * c.alpha + c.beta;
  return y <= T(0) ? T(0) : gradient;
}

// Sums of one row, whole vectors and what is left; the gradient becomes m.
template <typename T, int lanes, bool fused, bool halving>
__attribute__((always_inline)) inline void sum_row(const Channel<T>& c, const T* __restrict x, T* __restrict g,
                                                   int64_t n, Sums& sums) {
  T sum[lanes], product[lanes];
  for (int i = 0; i < lanes; ++i) {
    const T m = masked<fused>(c, x[i], g[i]);
    g[i] = m;
    sum[i] = m;
    product[i] = (x[i] - c.mean) * m;
  }
  int64_t d = lanes;
  for (; d + lanes <= n; d += lanes) {
    for (int i = 0; i < lanes; ++i) {
      const T m = masked<fused>(c, x[d + i], g[d + i]);
      const T centred = x[d + i] - c.mean;
      g[d + i] = m;
      sum[i] += m;
      product[i] += centred * m;
    }
  }
  for (int i = 0; d < n; ++d, ++i) {
    const T m = masked<fused>(c, x[d], g[d]);
    const T centred = x[d] - c.mean;
    g[d] = m;
    sum[i] += m;
    product[i] = fused ? fma_of(centred, m, product[i]) : product[i] + centred * m;
  }
  sums.gradient += sum_of<T, lanes, halving>(sum);
  sums.product += sum_of<T, lanes, halving>(product);
}

template <bool fused, typename T>
__attribute__((always_inline)) inline void input_row(const Channel<T>& c, const T* __restrict x, T* __restrict g,
                                                     int64_t n, T mean_gradient, T k) {
  const T mean = c.mean, invstd = c.invstd, weight = c.weight;
  for (int64_t i = 0; i < n; ++i) {
    const T centred = x[i] - mean;
    const T rest = g[i] - mean_gradient;
    g[i] = (fused ? fma_of(-centred, k, rest) : rest - centred * k) * invstd * weight;
  }
}

template <typename T>
struct Work {
  const Channel<T>& channel;
  T* gradient;  // of the first picture
  int64_t step, batch, image;
  bool training, inputs;
};

template <typename T, int lanes, bool fused, bool halving>
__attribute__((always_inline)) inline Sums one_channel(const Work<T>& work) {
  const Channel<T> c = work.channel;
  Sums sums;
  for (int64_t n = 0; n < work.batch; ++n) {
    sum_row<T, lanes, fused, halving>(c, c.x + n * c.step, work.gradient + n * work.step, work.image, sums);
  }
  if (!work.inputs) return sums;
  if (work.training) {
    const int64_t count = work.batch * work.image;
    const T k = static_cast<T>(sums.product) * c.invstd * c.invstd / count;
    const T mean_gradient = static_cast<T>(sums.gradient / count);
    for (int64_t n = 0; n < work.batch; ++n) {
      input_row<fused>(c, c.x + n * c.step, work.gradient + n * work.step, work.image, mean_gradient, k);
    }
  } else {
    for (int64_t n = 0; n < work.batch; ++n) {
      T* g = work.gradient + n * work.step;
      for (int64_t i = 0; i < work.image; ++i) g[i] = g[i] * c.invstd * c.weight;
    }
  }
  return sums;
}

#define TORCHBRIDGE_CHANNEL(name, T, lanes, fused, halving, set) \
  __attribute__((target(set))) Sums name(const Work<T>& work) { return one_channel<T, lanes, fused, halving>(work); }
TORCHBRIDGE_CHANNEL(channel_plain, float, 8, false, false, "sse2")
TORCHBRIDGE_CHANNEL(channel_plain, double, 4, false, false, "sse2")
TORCHBRIDGE_CHANNEL(channel_avx2, float, 8, true, true, "avx2,fma")
TORCHBRIDGE_CHANNEL(channel_avx2, double, 4, true, false, "avx2,fma")
#undef TORCHBRIDGE_CHANNEL

#pragma GCC pop_options

template <typename T>
Sums any_channel(const Work<T>& work) {
  return level() == Level::kDefault ? channel_plain(work) : channel_avx2(work);
}

template <typename T>
NormGradients backward_of(const Features& features, const Moments& moments, const at::Tensor& weight,
                          const at::Tensor& bias, bool training, bool inputs, at::Tensor& gradient) {
  const ChannelPlan<T> plan(features, moments, weight, bias);
  const NormGradients out = {at::empty({features.channels}, gradient.options()),
                             at::empty({features.channels}, gradient.options())};
  T* by_weight = out.weight.mutable_data_ptr<T>();
  T* by_bias = out.bias.mutable_data_ptr<T>();
  T* data = gradient.mutable_data_ptr<T>();
  const int64_t step = features.channels * features.image;
  over_rows(features.channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const Channel<T>& channel = plan.channels[static_cast<size_t>(c)];
      const Sums sums =
          any_channel<T>({channel, data + c * features.image, step, features.batch, features.image, training, inputs});
      by_weight[c] = static_cast<T>(sums.product * channel.invstd);
      by_bias[c] = static_cast<T>(sums.gradient);
    }
  });
  return out;
}

}  // namespace

int64_t shortest_row(at::ScalarType type) { return type == at::kFloat ? 8 : 4; }

NormGradients normalise_backward(const Features& features, const Moments& moments, const at::Tensor& weight,
                                 const at::Tensor& bias, bool training, bool inputs, at::Tensor& gradient) {
  return gradient.scalar_type() == at::kFloat
             ? backward_of<float>(features, moments, weight, bias, training, inputs, gradient)
             : backward_of<double>(features, moments, weight, bias, training, inputs, gradient);
}

}  // namespace torchbridge
