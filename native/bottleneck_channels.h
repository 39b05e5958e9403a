// What the kernels over channels share: the instruction set, and where each channel lies.
#pragma once
#include <ATen/Version.h>

#include <cmath>

#include "bottleneck_kernels.h"

namespace torchbridge {

// How libtorch's kernels were compiled for the instruction set they use: above the default with fused multiply-add.
enum class Level { kDefault, kAvx2, kAvx512 };

inline Level level() {
  static const Level known = [] {
    const std::string name = at::get_cpu_capability();
    return name == "AVX512" ? Level::kAvx512 : name == "AVX2" ? Level::kAvx2 : Level::kDefault;
  }();
  return known;
}

template <typename T>
T multiply_add(T a, T b, T c) {
  return level() == Level::kDefault ? a * b + c : std::fma(a, b, c);
}

template <typename T>
struct Channel {
  const T* x;              // of the first picture
  int64_t step;            // to the next picture
  T mean, invstd, weight;  // for backward
  T alpha, beta;           // batch norm is x·alpha + beta
};

template <typename T>
struct ChannelPlan {
  std::vector<Channel<T>> channels;

  ChannelPlan(const Features& features, const Moments& moments, const at::Tensor& weight, const at::Tensor& bias) {
    channels.reserve(static_cast<size_t>(features.channels));
    const T* mean = moments.mean.const_data_ptr<T>();
    const T* invstd = moments.invstd.const_data_ptr<T>();
    const T* exact = moments.exact.defined() ? moments.exact.const_data_ptr<T>() : invstd;
    const T* gamma = weight.defined() ? weight.const_data_ptr<T>() : nullptr;
    const T* shift = bias.defined() ? bias.const_data_ptr<T>() : nullptr;
    size_t c = 0;
    for (const auto& part : features.parts) {
      const T* data = part.const_data_ptr<T>();
      const int64_t step = part.size(1) * features.image;
      for (int64_t k = 0; k < part.size(1); ++k, ++c) {
        const T scale = gamma == nullptr ? T(1) : gamma[c];
        const T alpha = invstd[c] * scale;
        const T beta = multiply_add(-mean[c], alpha, shift == nullptr ? T(0) : shift[c]);
        channels.push_back({data + k * features.image, step, mean[c], exact[c], scale, alpha, beta});
      }
    }
  }
};

}  // namespace torchbridge
