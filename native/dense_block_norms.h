// Batch norms of dense blocks: moments of a batch put together from tiles, what backward sums over pixels, and the
// numbers that come of both.
#pragma once
#include <ATen/ops/empty.h>

#include <cmath>

#include "dense_block_parts.h"

namespace torchbridge::dense {

// Mean and sum of squared differences of channels, put together from tiles; exact enough for any mean.
struct Moments {
  explicit Moments(int64_t channels = 0) : mean(static_cast<size_t>(channels)), squares(mean.size()) {}

  template <class S>
  void merge(double more, const S* other_mean, const S* other_squares) {
    const double total = count + more;
    for (size_t c = 0; c < mean.size(); ++c) {
      const double d = static_cast<double>(other_mean[c]) - mean[c];
      mean[c] += d * (more / total);
      squares[c] += static_cast<double>(other_squares[c]) + d * d * (count * more / total);
    }
    count = total;
  }

  double count = 0;
  std::vector<double> mean, squares;
};

inline Moments together(const std::vector<Moments>& parts) {
  Moments all = parts.front();
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].count > 0) all.merge(parts[i].count, parts[i].mean.data(), parts[i].squares.data());
  }
  return all;
}

inline std::vector<double> numbers(const at::Tensor& tensor, int64_t channels, double otherwise) {
  std::vector<double> out(static_cast<size_t>(channels), otherwise);
  if (!tensor.defined()) return out;
  const at::Tensor plain = tensor.detach().to(at::kDouble).contiguous();
  const double* from = plain.const_data_ptr<double>();
  std::copy(from, from + channels, out.begin());
  return out;
}

// As batch norm updates them: the variance there is the unbiased one.
inline void update(const NormArguments& norm, const double* mean, const double* squares, int64_t channels,
                   double count) {
  const auto one = [&](const at::Tensor& running, auto&& value) {
    if (!running.defined()) return;
    at::Tensor fresh = at::empty({channels}, at::kDouble);
    double* to = fresh.mutable_data_ptr<double>();
    const std::vector<double> old = numbers(running, channels, 0);
    for (int64_t c = 0; c < channels; ++c) {
      to[c] = (1 - norm.momentum) * old[static_cast<size_t>(c)] + norm.momentum * value(c);
    }
    running.copy_(fresh);
  };
  one(norm.mean, [&](int64_t c) { return mean[c]; });
  one(norm.variance, [&](int64_t c) { return squares[c] / (count - 1); });
}

// Of the batch: mean and squares of its channels.
template <class S>
Norm<S> settle(const NormArguments& norm, int64_t channels, const double* mean, const double* squares, double count) {
  const std::vector<double> weight = numbers(norm.weight, channels, 1), bias = numbers(norm.bias, channels, 0);
  std::vector<double> fixed_mean, fixed_variance;
  if (!norm.batch) {
    fixed_mean = numbers(norm.mean, channels, 0);
    fixed_variance = numbers(norm.variance, channels, 1);
  }
  const auto room = static_cast<size_t>(round_up(channels) + kLanes);
  Norm<S> out{channels, norm.batch, std::vector<S>(room), std::vector<S>(room), std::vector<S>(room), {}};
  if (norm.weight.defined()) out.weight_type = norm.weight.scalar_type();
  if (norm.bias.defined()) out.bias_type = norm.bias.scalar_type();
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
    const double middle = norm.batch ? mean[c] : fixed_mean[c];
    const double inverse = 1 / std::sqrt((norm.batch ? squares[c] / count : fixed_variance[c]) + norm.eps);
    out.inverse.push_back(inverse);
    out.mean[c] = static_cast<S>(middle);
    out.alpha[c] = static_cast<S>(weight[c] * inverse);
    out.beta[c] = static_cast<S>(bias[c] - middle * weight[c] * inverse);
  }
  if (norm.batch) update(norm, mean, squares, channels, count);
  return out;
}

// What backward sums over the pixels: m, the gradient behind ReLU, and m·(x − mean).
struct Sums {
  explicit Sums(int64_t channels) : sums(static_cast<size_t>(channels)), products(sums.size()) {}
  template <class S>
  void add(const S* more_sums, const S* more_products) {
    for (size_t c = 0; c < sums.size(); ++c) {
      sums[c] += static_cast<double>(more_sums[c]);
      products[c] += static_cast<double>(more_products[c]);
    }
  }
  std::vector<double> sums, products;
};

inline Sums together(const std::vector<Sums>& parts) {
  Sums all = parts.front();
  for (size_t i = 1; i < parts.size(); ++i) all.add(parts[i].sums.data(), parts[i].products.data());
  return all;
}

// The gradients of a norm's weight and bias.
template <class S>
void finish(const Norm<S>& norm, const Sums& sums, at::Tensor* weight, at::Tensor* bias) {
  const auto give = [&](at::ScalarType type, const auto& value) {
    at::Tensor out = at::empty({norm.channels}, at::kDouble);
    double* to = out.mutable_data_ptr<double>();
    for (int64_t c = 0; c < norm.channels; ++c) to[c] = value(static_cast<size_t>(c));
    return out.to(type);
  };
  if (weight != nullptr) {
    *weight = give(norm.weight_type, [&](size_t c) { return norm.inverse[c] * sums.products[c]; });
  }
  if (bias != nullptr) *bias = give(norm.bias_type, [&](size_t c) { return sums.sums[c]; });
}

// What the norm's backward adds to alpha·m: q·(x − mean) + r.
template <class S>
void add_linear(const Norm<S>& norm, const Sums& sums, double pixels, std::vector<double>& q, std::vector<double>& r) {
  if (!norm.batch) return;
  for (size_t c = 0; c < static_cast<size_t>(norm.channels); ++c) {
    const double alpha = static_cast<double>(norm.alpha[c]) / pixels;
    q[c] -= alpha * norm.inverse[c] * norm.inverse[c] * sums.products[c];
    r[c] -= alpha * sums.sums[c];
  }
}

// The moments of the first channels of each pixel.
template <class T>
Moments measured(const Kernels<T>& kernels, int64_t threads, int64_t pixels, int64_t channels, const T* x,
                 int64_t x_row) {
  using S = typename Compute<T>::type;
  const int64_t padded = round_up(channels);
  const int64_t tile = tile_rows(pixels, padded * static_cast<int64_t>(sizeof(S)));
  const Scratch<S> scratch(threads, (tile + 4) * padded);
  std::vector<Moments> parts(static_cast<size_t>(threads), Moments(channels));
  const std::vector<S> one(static_cast<size_t>(padded), S(1)), zero(static_cast<size_t>(padded), S(0));
  in_parts(threads, (pixels + tile - 1) / tile, [&](int64_t thread, int64_t from, int64_t to) {
    S* const values = scratch.of(thread);
    S* const mean = values + tile * padded;
    for (int64_t i = from; i < to; ++i) {
      const int64_t start = i * tile, rows = std::min(tile, pixels - start);
      const T* const begin = x + start * x_row;
      kernels.combine(rows, channels, begin, x_row, begin, x_row, one.data(), zero.data(), zero.data(), zero.data(),
                      values, padded);
      kernels.moments(rows, padded, values, padded, mean, mean + padded);
      parts[static_cast<size_t>(thread)].merge(static_cast<double>(rows), mean, mean + padded);
    }
  });
  return together(parts);
}

}  // namespace torchbridge::dense
