// The gradients of convolutions' weights by products of pairs of bfloat16 numbers.
#pragma once
#include "dense_block_parts.h"

namespace torchbridge::dense {

// What BN and ReLU come after.
template <class T>
struct Source {
  const T* x;
  int64_t row, channels;
  const Norm<typename Compute<T>::type>& norm;
};

// A band's part of the gradient of a 3×3 convolution's weight, by products of pairs: of a pixel and the one half a
// band below. g has a border, act has room for such a tile.
template <class T>
void add_weights_of_pairs(const Kernels<T>& kernels, const Bands& bands, int64_t band, const Source<T>& source,
                          int64_t growth, const T* g, T* act, T* joined, typename Compute<T>::type* weight_sums) {
  if constexpr (std::is_same_v<T, c10::BFloat16>) {
    const int64_t padded = 2 * round_up(source.channels), padded_growth = round_up(growth),
                  joined_row = 2 * padded_growth;
    const int64_t rows = bands.rows(band), half = (rows + 1) / 2;
    fill_band_of_pairs(bands, band, half, padded, act, [&](int64_t upper, int64_t lower, T* to) {
      const auto at = [&](int64_t pixel) { return pixel < 0 ? nullptr : source.x + pixel * source.row; };
      kernels.pairs->activate(bands.shape.width, source.channels, at(upper), at(lower), source.row,
                              source.norm.alpha.data(), source.norm.beta.data(), to, padded);
    });
    std::vector<int64_t> starts;
    for (int64_t y = 0; y < half; ++y) {
      starts.push_back(y * bands.row * padded);
      const T* const upper = g + ((y + 1) * bands.row + 1) * padded_growth;
      const T* const lower = y + half < rows ? upper + half * bands.row * padded_growth : nullptr;
      kernels.pairs->join(bands.shape.width, padded_growth, upper, lower, padded_growth,
                          joined + y * bands.shape.width * joined_row, joined_row);
    }
    int64_t taps[9];
    bands.taps(padded, taps);
    for (int64_t t = 0; t < 9; ++t) {
      kernels.pairs->product({source.channels, growth, half, bands.shape.width, act + taps[t], starts.data(), padded,
                              true, joined, bands.shape.width * joined_row, joined_row,
                              weight_sums + t * source.channels * padded_growth, padded_growth, true});
    }
  }
}

// A tile's part of the gradient of a 1×1 convolution's weight, by products of pairs of neighbours.
template <class T>
void add_weights_of_pairs(const Kernels<T>& kernels, int64_t rows, const Source<T>& source, int64_t width, const T* g,
                          T* act, T* joined, typename Compute<T>::type* weight_sums) {
  if constexpr (std::is_same_v<T, c10::BFloat16>) {
    const int64_t padded = round_up(source.channels), padded_width = round_up(width);
    const auto activate = [&](int64_t pair, int64_t count, bool both) {
      const T* const one = source.x + 2 * pair * source.row;
      kernels.pairs->activate(count, source.channels, one, both ? one + source.row : nullptr, 2 * source.row,
                              source.norm.alpha.data(), source.norm.beta.data(), act + pair * 2 * padded, 2 * padded);
      const T* const gradient = g + 2 * pair * padded_width;
      kernels.pairs->join(count, padded_width, gradient, both ? gradient + padded_width : nullptr, 2 * padded_width,
                          joined + pair * 2 * padded_width, 2 * padded_width);
    };
    activate(0, rows / 2, true);
    if (rows % 2 != 0) activate(rows / 2, 1, false);
    constexpr int64_t kStart = 0;
    kernels.pairs->product({width, source.channels, 1, (rows + 1) / 2, joined, &kStart, 2 * padded_width, true, act, 0,
                            2 * padded, weight_sums, padded, true});
  }
}

}  // namespace torchbridge::dense
