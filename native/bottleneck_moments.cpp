// The mean of each channel, and the sum of squares around it, with the bits of libtorch's batch_norm_cpu_collect_stats:
// one sum in double per channel, element after element. libtorch adds one channel at a time, and waits for each
// addition; here the sums of several channels grow side by side.
#include <immintrin.h>

#include "bottleneck_channels.h"
#include "rows.h"

namespace torchbridge {
namespace {

template <typename T>
using Four __attribute__((vector_size(4 * sizeof(T)))) = T;

template <typename T>
struct Part {
  const T* x;
  int64_t channels, batch, image;
  double count;  // of a channel's elements
  T *mean, *squares;
};

// As in bottleneck_backward.cpp: roundings are said, not left to our compiler; with AVX-512 libtorch takes what is for
// AVX2.
#pragma GCC push_options
#pragma GCC optimize("O3", "fp-contract=off")

namespace plain {
constexpr bool kFused = false;
inline void add_vector(Four<double>& sum, const Four<float>& x) { sum += __builtin_convertvector(x, Four<double>); }
inline void add_vector(Four<double>& sum, const Four<double>& x) { sum += x; }
#include "bottleneck_moments.inc"
}  // namespace plain

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
constexpr bool kFused = true;
// The compiler would convert two at a time.
inline void add_vector(Four<double>& sum, const Four<float>& x) { sum += Four<double>(_mm256_cvtps_pd(__m128(x))); }
inline void add_vector(Four<double>& sum, const Four<double>& x) { sum += x; }
#include "bottleneck_moments.inc"
}  // namespace avx2
#pragma GCC pop_options

#pragma GCC pop_options

template <typename T>
void collect_of(const at::Tensor& part, T* mean, T* squares) {
  const int64_t batch = part.size(0), channels = part.size(1), image = part.size(2) * part.size(3);
  const Part<T> all = {part.const_data_ptr<T>(),           channels, batch,  image,
                       static_cast<double>(batch * image), mean,     squares};
  over_rows(channels, 1, [&](int64_t begin, int64_t end) {
    level() == Level::kDefault ? plain::collect_channels(all, begin, end) : avx2::collect_channels(all, begin, end);
  });
}

}  // namespace

void collect(const at::Tensor& part, const at::Tensor& mean, const at::Tensor& squares) {
  if (part.scalar_type() == at::kFloat) {
    collect_of(part, mean.mutable_data_ptr<float>(), squares.mutable_data_ptr<float>());
  } else {
    collect_of(part, mean.mutable_data_ptr<double>(), squares.mutable_data_ptr<double>());
  }
}

}  // namespace torchbridge
