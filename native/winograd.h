// 3×3 convolutions of a band by Winograd's F(2×2, 3×3): 16 multiplications for 4 pixels instead of 36. Its sums are
// shorter than those of the plain way, and so are its errors. Tiles begin at every other pixel of a band with a border,
// whose rows and columns are made even with zeros; each of the 16 planes holds one number a tile and channel.
#pragma once
#include "dense_block_parts.h"

namespace torchbridge::dense {

// Rows of tiles in a band, so that its planes leave room in the cache.
struct TiledBands : Bands {
  TiledBands(const Shape& shape, int64_t channels, int64_t bytes) : Bands(shape, channels, bytes) {
    across = (shape.width + 1) / 2;
    row = 2 * across + 2;
    constexpr int64_t kPlanes = 256 << 10;
    const int64_t lines = (shape.height + 1) / 2;
    const int64_t wanted = std::clamp<int64_t>(kPlanes / (16 * across * channels * bytes), 1, lines);
    a_picture = (lines + wanted - 1) / wanted;
    height = 2 * ((lines + a_picture - 1) / a_picture);
    a_picture = (shape.height + height - 1) / height;
    count = a_picture * shape.pictures;
  }
  int64_t lines(int64_t band) const { return (rows(band) + 1) / 2; }  // of tiles
  int64_t tiles() const { return height / 2 * across; }               // at most

  int64_t across = 0;  // tiles in a line
};

// The weights in planes: of [tap][row][column], rows of `columns` numbers.
template <class S>
std::vector<S> in_planes(const std::vector<S>& packed, int64_t rows, int64_t columns) {
  const auto size = static_cast<size_t>(rows * columns);
  std::vector<S> out(16 * size + kLanes);
  constexpr S kHalf = S(0.5);
  for (size_t i = 0; i < size; ++i) {
    S t[4][3];
    for (size_t x = 0; x < 3; ++x) {
      const S a = packed[x * size + i], b = packed[(3 + x) * size + i], c = packed[(6 + x) * size + i];
      t[0][x] = a;
      t[1][x] = kHalf * (a + b + c);
      t[2][x] = kHalf * (a - b + c);
      t[3][x] = c;
    }
    for (size_t y = 0; y < 4; ++y) {
      out[(4 * y) * size + i] = t[y][0];
      out[(4 * y + 1) * size + i] = kHalf * (t[y][0] + t[y][1] + t[y][2]);
      out[(4 * y + 2) * size + i] = kHalf * (t[y][0] - t[y][1] + t[y][2]);
      out[(4 * y + 3) * size + i] = t[y][2];
    }
  }
  return out;
}

// The gradient by weights in planes becomes that by the nine taps, in its place.
template <class S>
void out_of_planes(S* planes, int64_t size) {
  constexpr S kHalf = S(0.5);
  const auto at = [&](int64_t plane, int64_t i) -> S& { return planes[plane * size + i]; };
  for (int64_t i = 0; i < size; ++i) {
    S t[3][4];
    for (int64_t x = 0; x < 4; ++x) {
      const S a = at(x, i), b = at(4 + x, i), c = at(8 + x, i), d = at(12 + x, i);
      t[0][x] = a + kHalf * (b + c);
      t[1][x] = kHalf * (b - c);
      t[2][x] = kHalf * (b + c) + d;
    }
    for (int64_t y = 0; y < 3; ++y) {
      at(3 * y, i) = t[y][0] + kHalf * (t[y][1] + t[y][2]);
      at(3 * y + 1, i) = kHalf * (t[y][1] - t[y][2]);
      at(3 * y + 2, i) = kHalf * (t[y][1] + t[y][2]) + t[y][3];
    }
  }
}

// Sums over channels: planes of [tile][depth] by those of the weights.
template <class T, class S = typename Compute<T>::type>
void multiply_planes(const Kernels<T>& kernels, int64_t tiles, int64_t columns, int64_t depth, const S* planes,
                     int64_t plane, int64_t stride, const std::vector<S>& weights, S* out, int64_t out_plane,
                     int64_t out_row) {
  constexpr int64_t kStart = 0;
  for (int64_t p = 0; p < 16; ++p) {
    kernels.product({tiles, columns, 1, depth, planes + p * plane, &kStart, stride, false,
                     weights.data() + p * depth * out_row, 0, out_row, out + p * out_plane, out_row, false});
  }
}

// Sums over tiles, added to those in `out`.
template <class T, class S = typename Compute<T>::type>
void multiply_tiles(const Kernels<T>& kernels, int64_t tiles, int64_t rows, int64_t columns, const S* planes,
                    int64_t plane, int64_t stride, const S* others, int64_t other_plane, int64_t other_row, S* out) {
  constexpr int64_t kStart = 0;
  for (int64_t p = 0; p < 16; ++p) {
    kernels.product({rows, columns, 1, tiles, planes + p * plane, &kStart, stride, true, others + p * other_plane, 0,
                     other_row, out + p * rows * other_row, other_row, true});
  }
}

}  // namespace torchbridge::dense
