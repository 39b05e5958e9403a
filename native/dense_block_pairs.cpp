// Products of bfloat16 numbers for dense blocks, two at once. Only what follows the pragma is compiled for such
// processors.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dense_block_kernels.h"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512bf16,avx2,fma")

namespace torchbridge::dense {
namespace {

constexpr int kMost = 3;  // vectors of a panel
constexpr int kRows[] = {0, 20, 12, 8};

template <int MR, int NV>
void micro(const PairProduct& p, int64_t row, int64_t column) {
  __m512 acc[MR][NV];
#pragma GCC unroll 32
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[i][j] = _mm512_setzero_ps();
  }
  for (int64_t s = 0; s < p.segments; ++s) {
    const c10::BFloat16* a = p.a + p.offsets[s] + row * p.a_stride;
    const c10::BFloat16* b = p.b + s * p.b_segment + 2 * column;
    for (int64_t k = 0; k < p.depth; ++k, a += 2, b += p.b_row) {
      __m512i right[NV];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) right[j] = _mm512_loadu_si512(b + 32 * j);
#pragma GCC unroll 32
      for (int i = 0; i < MR; ++i) {
        int32_t pair = 0;
        std::memcpy(&pair, a + i * p.a_stride, sizeof pair);
        const __m512i left = _mm512_set1_epi32(pair);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], (__m512bh)left, (__m512bh)right[j]);
      }
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) _mm512_storeu_ps(p.c + (row + i) * p.c_row + column + 16 * j, acc[i][j]);
  }
}

using Micro = void (*)(const PairProduct&, int64_t, int64_t);

template <int NV, int... MR>
constexpr std::array<Micro, sizeof...(MR)> micros(std::integer_sequence<int, MR...>) {
  return {&micro<MR + 1, NV>...};
}

template <int NV>
void panel(const PairProduct& p, int64_t column) {
  static constexpr auto kMicros = micros<NV>(std::make_integer_sequence<int, kRows[NV]>());
  const int64_t parts = (p.rows + kRows[NV] - 1) / kRows[NV];
  for (int64_t i = 0, row = 0; i < parts; ++i) {
    const int64_t rows = p.rows / parts + (i < p.rows % parts ? 1 : 0);
    kMicros[static_cast<size_t>(rows - 1)](p, row, column);
    row += rows;
  }
}

}  // namespace

void multiply_pairs(const PairProduct& p) {
  const int64_t vectors = (p.columns + 15) / 16;
  for (int64_t done = 0; done < vectors;) {
    const int64_t left = vectors - done;
    const int64_t take = left == kMost + 1 ? kMost - 1 : std::min<int64_t>(left, kMost);
    if (take == 1) panel<1>(p, done * 16);
    if (take == 2) panel<2>(p, done * 16);
    if (take == 3) panel<3>(p, done * 16);
    done += take;
  }
}

}  // namespace torchbridge::dense

#pragma GCC pop_options
