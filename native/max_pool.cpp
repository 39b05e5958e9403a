// Max pooling of 3×3 windows, two pixels apart, as networks for ImageNet begin: libtorch's values and indices (the
// first of equals, the last NaN), of a line of windows at once where libtorch's kernel goes from pixel to pixel.
#include "max_pool.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/max_pool2d_with_indices.h>

#include <bit>
#include <limits>
#include <memory>
#include <utility>

#include "bottleneck_channels.h"
#include "rows.h"

namespace torchbridge {
namespace {

#define TORCHBRIDGE_INLINE inline __attribute__((always_inline))

// What is compared, and an index of its size, so that vectors of both have as many entries.
template <typename T>
struct Wide {
  using Value = T;
  using Index = std::conditional_t<std::is_same_v<T, double>, int64_t, int32_t>;
  static TORCHBRIDGE_INLINE Value of(T x) { return x; }
  static TORCHBRIDGE_INLINE T back(Value x) { return x; }
};

// Bits of bfloat16.
template <>
struct Wide<uint16_t> {
  using Value = float;
  using Index = int32_t;
  static TORCHBRIDGE_INLINE float of(uint16_t x) { return std::bit_cast<float>(static_cast<uint32_t>(x) << 16); }
  static TORCHBRIDGE_INLINE uint16_t back(float x) {
    return x != x ? 0x7fc0 : static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16);
  }
};

template <typename T>
struct Planes {
  const T* x;
  int64_t height, width, out_height, out_width;
  T* out;
  int64_t* indices;
};

// A line of pixels apart: those in the middle of windows, and those between them. `between` begins with the padding.
template <typename V>
struct Line {
  V *middle, *between;
};

template <typename T, typename V>
TORCHBRIDGE_INLINE void part(const T* __restrict x, int64_t width, int64_t windows, const Line<V>& line) {
  V* const __restrict middle = line.middle;
  V* const __restrict between = line.between + 1;
  const int64_t pairs = width / 2;
  for (int64_t i = 0; i < pairs; ++i) {
    middle[i] = Wide<T>::of(x[2 * i]);
    between[i] = Wide<T>::of(x[2 * i + 1]);
  }
  if (pairs == windows) return;
  middle[pairs] = Wide<T>::of(x[2 * pairs]);
  between[pairs] = -std::numeric_limits<V>::infinity();
}

template <typename T, typename V, typename I>
TORCHBRIDGE_INLINE void windows_of(const Line<V>* lines, I top, I width, I count, T* __restrict out,
                                   int64_t* __restrict indices) {
  const V* const middle[] = {lines[0].middle, lines[1].middle, lines[2].middle};
  const V* const between[] = {lines[0].between, lines[1].between, lines[2].between};
  for (I i = 0; i < count; ++i) {
    V best = -std::numeric_limits<V>::infinity();
    I at = (top < 0 ? 0 : top) * width + (i == 0 ? 0 : 2 * i - 1);
#pragma GCC unroll 3
    for (I y = 0; y < 3; ++y) {
      const V row[] = {between[y][i], middle[y][i], between[y][i + 1]};
#pragma GCC unroll 3
      for (I x = 0; x < 3; ++x) {
        const bool better = (row[x] > best) | (row[x] != row[x]);
        best = better ? row[x] : best;
        at = better ? (top + y) * width + 2 * i - 1 + x : at;
      }
    }
    out[i] = Wide<T>::back(best);
    indices[i] = at;
  }
}

template <typename T>
TORCHBRIDGE_INLINE void pool_planes(const Planes<T>& all, int64_t begin, int64_t end) {
  using V = typename Wide<T>::Value;
  using I = typename Wide<T>::Index;
  const int64_t windows = all.out_width, length = 2 * windows + 1;
  const auto room = std::make_unique_for_overwrite<V[]>(static_cast<size_t>(4 * length));
  std::fill_n(room.get(), 4 * length, -std::numeric_limits<V>::infinity());
  Line<V> spare[4];
  for (int64_t i = 0; i < 4; ++i) spare[i] = {room.get() + i * length, room.get() + i * length + windows};
  for (int64_t plane = begin; plane < end; ++plane) {
    const T* const x = all.x + plane * all.height * all.width;
    Line<V> lines[] = {spare[3], spare[1], spare[2]};  // the last of spare is padding
    Line<V> next = spare[0];
    for (int64_t y = 0; y < all.out_height; ++y) {
      part(x + 2 * y * all.width, all.width, windows, lines[1]);
      const bool below = 2 * y + 1 < all.height;
      if (below) {
        part(x + (2 * y + 1) * all.width, all.width, windows, lines[2]);
      } else {
        lines[2] = spare[3];
      }
      const int64_t to = (plane * all.out_height + y) * windows;
      windows_of<T, V, I>(lines, static_cast<I>(2 * y - 1), static_cast<I>(all.width), static_cast<I>(windows),
                          all.out + to, all.indices + to);
      std::swap(lines[0], lines[2]);  // the line below is the one above of what comes next
      if (y == 0) lines[2] = next;
    }
  }
}

#define TORCHBRIDGE_POOL(name, T, set)                                                                       \
  __attribute__((target(set), optimize("O3"))) void name(const Planes<T>& all, int64_t begin, int64_t end) { \
    pool_planes(all, begin, end);                                                                            \
  }
TORCHBRIDGE_POOL(pool_plain, float, "sse2")
TORCHBRIDGE_POOL(pool_plain, double, "sse2")
TORCHBRIDGE_POOL(pool_plain, uint16_t, "sse2")
TORCHBRIDGE_POOL(pool_avx2, float, "avx2")
TORCHBRIDGE_POOL(pool_avx2, double, "avx2")
TORCHBRIDGE_POOL(pool_avx2, uint16_t, "avx2")
#undef TORCHBRIDGE_POOL

template <typename T>
void pool_of(const at::Tensor& x, at::Tensor& out, at::Tensor& indices) {
  const Planes<T> all = {static_cast<const T*>(x.const_data_ptr()),
                         x.size(2),
                         x.size(3),
                         out.size(2),
                         out.size(3),
                         static_cast<T*>(out.mutable_data_ptr()),
                         indices.mutable_data_ptr<int64_t>()};
  over_rows(x.size(0) * x.size(1), 1, [&](int64_t begin, int64_t end) {
    level() == Level::kDefault ? pool_plain(all, begin, end) : pool_avx2(all, begin, end);
  });
}

bool is_all(at::IntArrayRef sizes, int64_t value) {
  return !sizes.empty() && std::all_of(sizes.begin(), sizes.end(), [&](int64_t each) { return each == value; });
}

bool takes(const at::Tensor& x, const ConvSettings& pool) {
  return is_all(pool.kernel, 3) && is_all(pool.stride, 2) && is_all(pool.padding, 1) && is_all(pool.dilation, 1) &&
         !pool.ceil && x.is_contiguous() && x.numel() > 0 &&
         x.size(2) * x.size(3) < std::numeric_limits<int>::max() / 2;
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> max_pool(const at::Tensor& x, const ConvSettings& pool) {
  const at::ScalarType type = x.scalar_type();
  if (!takes(x, pool) || (type != at::kFloat && type != at::kDouble && type != at::kBFloat16)) {
    return at::max_pool2d_with_indices(x, pool.kernel, pool.stride, pool.padding, pool.dilation, pool.ceil);
  }
  at::Tensor out = at::empty({x.size(0), x.size(1), (x.size(2) + 1) / 2, (x.size(3) + 1) / 2}, x.options());
  at::Tensor indices = at::empty(out.sizes(), x.options().dtype(at::kLong));
  if (type == at::kFloat) pool_of<float>(x, out, indices);
  if (type == at::kDouble) pool_of<double>(x, out, indices);
  if (type == at::kBFloat16) pool_of<uint16_t>(x, out, indices);
  return {out, indices};
}

}  // namespace torchbridge
