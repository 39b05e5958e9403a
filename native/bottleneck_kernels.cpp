#include "bottleneck_kernels.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/threshold_backward.h>

#include <cmath>
#include <cstring>

#include "bottleneck_channels.h"
#include "rows.h"

namespace torchbridge {

Features::Features(const std::vector<at::Tensor>& all) : parts(all) {
  batch = all[0].size(0);
  image = all[0].size(2) * all[0].size(3);
  for (const auto& part : all) channels += part.size(1);
}

namespace {

template <bool fused, typename T>
__attribute__((always_inline)) inline void row(const T* __restrict x, T* __restrict y, int64_t n, T alpha, T beta) {
  for (int64_t i = 0; i < n; ++i) {
    T value;
    if constexpr (!fused) {
      value = x[i] * alpha + beta;
    } else if constexpr (std::is_same_v<T, float>) {
      value = __builtin_fmaf(x[i], alpha, beta);
    } else {
      value = __builtin_fma(x[i], alpha, beta);
    }
    y[i] = value < T(0) ? T(0) : value;  // NaN stays
  }
}

#define TORCHBRIDGE_ROW(name, fused, T, set)                                                             \
  __attribute__((target(set), optimize("O3"))) void name(const T* x, T* y, int64_t n, T alpha, T beta) { \
    row<fused, T>(x, y, n, alpha, beta);                                                                 \
  }
TORCHBRIDGE_ROW(row_plain, false, float, "sse2")
TORCHBRIDGE_ROW(row_plain, false, double, "sse2")
TORCHBRIDGE_ROW(row_avx2, true, float, "avx2,fma")
TORCHBRIDGE_ROW(row_avx2, true, double, "avx2,fma")
TORCHBRIDGE_ROW(row_avx512, true, float, "avx512f,fma,prefer-vector-width=512")
TORCHBRIDGE_ROW(row_avx512, true, double, "avx512f,fma,prefer-vector-width=512")
#undef TORCHBRIDGE_ROW

template <typename T>
void any_row(const T* x, T* y, int64_t n, T alpha, T beta) {
  switch (level()) {
    case Level::kDefault:
      return row_plain(x, y, n, alpha, beta);
    case Level::kAvx2:
      return row_avx2(x, y, n, alpha, beta);
    case Level::kAvx512:
      return row_avx512(x, y, n, alpha, beta);
  }
}

template <typename T>
void normalise_rows(const Features& features, const Moments& moments, const at::Tensor& weight, const at::Tensor& bias,
                    const at::Tensor& out) {
  const ChannelPlan<T> plan(features, moments, weight, bias);
  T* y = out.mutable_data_ptr<T>();
  const int64_t image = features.image;
  const int64_t grain = std::max<int64_t>(1, at::internal::GRAIN_SIZE / std::max<int64_t>(image, 1));
  over_rows(features.batch * features.channels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const auto& channel = plan.channels[static_cast<size_t>(r % features.channels)];
      any_row(channel.x + (r / features.channels) * channel.step, y + r * image, image, channel.alpha, channel.beta);
    }
  });
}

// What the last call on this thread measured.
struct Measured {
  struct Part {
    c10::weak_intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl> tensor;
    int64_t version;
    const void* data;
    explicit Part(const at::Tensor& part)
        : tensor(part.getIntrusivePtr()), version(part._version()), data(part.const_data_ptr()) {}
  };
  std::vector<Part> parts;
  at::ScalarType type = at::kFloat;
  std::vector<double> mean, squares;  // wide enough for both dtypes
};
thread_local Measured last_measured;

bool is_known(const Measured::Part& known, const at::Tensor& part) {
  return known.tensor._unsafe_get_target() == part.unsafeGetTensorImpl() && known.version == part._version() &&
         known.data == part.const_data_ptr();
}

template <typename T>
void measure_parts(const Features& features, const at::Tensor& mean, const at::Tensor& squares) {
  // A bottleneck, which nobody reads again, must not take the place of the features.
  if (features.parts.size() == 1) return collect(features.parts[0], mean, squares);
  Measured& last = last_measured;
  if (last.type != mean.scalar_type()) last = Measured();
  last.type = mean.scalar_type();
  T* means = mean.mutable_data_ptr<T>();
  T* sums = squares.mutable_data_ptr<T>();
  size_t known = 0;  // parts
  size_t c = 0;      // channels
  while (known < last.parts.size() && known < features.parts.size() &&
         is_known(last.parts[known], features.parts[known])) {
    const auto width = static_cast<size_t>(features.parts[known++].size(1));
    for (const size_t end = c + width; c < end; ++c) {
      means[c] = static_cast<T>(last.mean[c]);
      sums[c] = static_cast<T>(last.squares[c]);
    }
  }
  last.parts.erase(last.parts.begin() + static_cast<std::ptrdiff_t>(known), last.parts.end());
  last.mean.resize(c);
  last.squares.resize(c);
  for (size_t i = known; i < features.parts.size(); ++i) {
    const at::Tensor& part = features.parts[i];
    const auto from = static_cast<int64_t>(c);
    collect(part, mean.narrow(0, from, part.size(1)), squares.narrow(0, from, part.size(1)));
    for (const size_t end = c + static_cast<size_t>(part.size(1)); c < end; ++c) {
      last.mean.push_back(static_cast<double>(means[c]));
      last.squares.push_back(static_cast<double>(sums[c]));
    }
    last.parts.emplace_back(part);
  }
}

// As batch_norm_cpu of libtorch computes them; sums in double.
template <typename T>
Moments moments_of(const Features& features, const at::Tensor& running_mean, const at::Tensor& running_var,
                   double momentum, double eps) {
  const auto options = features.parts[0].options();
  const at::Tensor mean = at::empty({features.channels}, options);
  const at::Tensor squares = at::empty({features.channels}, options);
  measure_parts<T>(features, mean, squares);
  const int64_t n = features.batch * features.image;
  const T* means = mean.const_data_ptr<T>();
  T* sums = squares.mutable_data_ptr<T>();
  T* old_mean = running_mean.defined() ? running_mean.mutable_data_ptr<T>() : nullptr;
  T* old_var = running_var.defined() ? running_var.mutable_data_ptr<T>() : nullptr;
  const T part = static_cast<T>(momentum);
  for (int64_t c = 0; c < features.channels; ++c) {
    const T sum = sums[c];
    if (old_mean != nullptr) old_mean[c] = part * means[c] + (1 - part) * old_mean[c];
    if (old_var != nullptr) {
      const double unbiased = sum / (n - 1);
      old_var[c] = static_cast<T>(part * unbiased + (1 - part) * old_var[c]);
    }
    const double variance = sum / n;
    sums[c] = variance != 0 || eps != 0 ? static_cast<T>(1 / std::sqrt(variance + eps)) : T(0);
  }
  return {mean, squares, {}};
}

template <typename T>
Moments moments_from(const at::Tensor& running_mean, const at::Tensor& running_var, double eps) {
  const Moments all = {running_mean, at::empty(running_var.sizes(), running_var.options()),
                       at::empty(running_var.sizes(), running_var.options())};
  const T* var = running_var.const_data_ptr<T>();
  T* invstd = all.invstd.mutable_data_ptr<T>();
  T* exact = all.exact.mutable_data_ptr<T>();
  for (int64_t c = 0; c < running_var.numel(); ++c) {
    invstd[c] = 1 / std::sqrt(var[c] + static_cast<T>(eps));
    exact[c] = static_cast<T>(1 / std::sqrt(var[c] + eps));
  }
  return all;
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.nbytes() == b.nbytes() && std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

// A small batch, by libtorch's operators and by these kernels; its channels are measured in groups of eight, four, one.
bool agree_on(at::ScalarType type, int64_t height, int64_t width) {
  const auto options = at::TensorOptions(type);
  const auto numbers = [&](at::IntArrayRef shape, double scale) {
    return at::sin(at::arange(c10::multiply_integers(shape), options).mul_(scale)).mul_(3).add_(0.1).view(shape);
  };
  const at::Tensor first = numbers({3, 13, height, width}, 1.7);
  const at::Tensor second = numbers({3, 2, height, width}, 0.9);
  const at::Tensor whole = at::empty({3, 15, height, width}, options);
  whole.narrow(1, 0, 13).copy_(first);
  whole.narrow(1, 13, 2).copy_(second);
  const at::Tensor weight = numbers({15}, 0.3);
  const at::Tensor bias = numbers({15}, 0.7);
  const std::vector<at::Tensor> parts = {first, second};
  const Features features(parts);
  for (const bool training : {true, false}) {
    at::Tensor mean = numbers({15}, 0.2), var = numbers({15}, 0.4).abs_();
    const at::Tensor own_mean = mean.clone(), own_var = var.clone();
    const auto wanted = at::native_batch_norm(whole, weight, bias, mean, var, training, 0.3, 1e-5);
    const Moments moments =
        training ? measure(features, own_mean, own_var, 0.3, 1e-5) : known_moments(own_mean, own_var, 1e-5);
    if (!same_bits(at::relu(std::get<0>(wanted)), normalise(features, moments, weight, bias))) return false;
    if (!same_bits(mean, own_mean) || !same_bits(var, own_var)) return false;
    if (training && !same_bits(std::get<1>(wanted), moments.mean)) return false;
    if (training && !same_bits(std::get<2>(wanted), moments.invstd)) return false;
    at::Tensor gradient = numbers({3, 15, height, width}, 1.1);
    const auto expected = at::native_batch_norm_backward(at::threshold_backward(gradient, std::get<0>(wanted), 0),
                                                         whole, weight, mean, var, std::get<1>(wanted),
                                                         std::get<2>(wanted), training, 1e-5, {true, true, true});
    const NormGradients own = normalise_backward(features, moments, weight, bias, training, true, gradient);
    if (!same_bits(std::get<0>(expected), gradient) || !same_bits(std::get<1>(expected), own.weight)) return false;
    if (!same_bits(std::get<2>(expected), own.bias)) return false;
  }
  return true;
}

// Pictures that leave one and three of four pixels over, and none.
bool agree_once(at::ScalarType type) { return agree_on(type, 7, 9) && agree_on(type, 5, 5) && agree_on(type, 4, 6); }

}  // namespace

bool kernels_agree(at::ScalarType type) {
  static const bool floats = agree_once(at::kFloat);
  static const bool doubles = agree_once(at::kDouble);
  return type == at::kFloat ? floats : type == at::kDouble && doubles;
}

Moments measure(const Features& features, const at::Tensor& running_mean, const at::Tensor& running_var,
                double momentum, double eps) {
  return features.parts[0].scalar_type() == at::kFloat
             ? moments_of<float>(features, running_mean, running_var, momentum, eps)
             : moments_of<double>(features, running_mean, running_var, momentum, eps);
}

Moments known_moments(const at::Tensor& running_mean, const at::Tensor& running_var, double eps) {
  return running_var.scalar_type() == at::kFloat ? moments_from<float>(running_mean, running_var, eps)
                                                 : moments_from<double>(running_mean, running_var, eps);
}

at::Tensor normalise(const Features& features, const Moments& moments, const at::Tensor& weight,
                     const at::Tensor& bias) {
  const at::Tensor& first = features.parts[0];
  at::Tensor out = at::empty({features.batch, features.channels, first.size(2), first.size(3)}, first.options());
  if (first.scalar_type() == at::kFloat) {
    normalise_rows<float>(features, moments, weight, bias, out);
  } else {
    normalise_rows<double>(features, moments, weight, bias, out);
  }
  return out;
}

}  // namespace torchbridge
