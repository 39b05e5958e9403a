// Products of bfloat16 numbers for dense blocks, two at once. Only what follows the pragma is compiled for such
// processors.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dense_block_kernels.h"

#pragma GCC push_options
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false, of _mm512_undefined_ps
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512bf16,avx2,fma")

namespace torchbridge::dense {
namespace {

constexpr int kMost = 3;  // vectors of a panel
constexpr int kRows[] = {0, 20, 12, 8};

template <int MR, int NV, bool kTransposed>
void micro(const PairProduct& p, int64_t row, int64_t column) {
  __m512 acc[MR][NV];
#pragma GCC unroll 32
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[i][j] = _mm512_setzero_ps();
  }
  const int64_t a_row = kTransposed ? 2 : p.a_stride, a_step = kTransposed ? p.a_stride : 2;
  for (int64_t s = 0; s < p.segments; ++s) {
    const c10::BFloat16* a = p.a + p.offsets[s] + row * a_row;
    const c10::BFloat16* b = p.b + s * p.b_segment + 2 * column;
    for (int64_t k = 0; k < p.depth; ++k, a += a_step, b += p.b_row) {
      __m512i right[NV];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) right[j] = _mm512_loadu_si512(b + 32 * j);
#pragma GCC unroll 32
      for (int i = 0; i < MR; ++i) {
        int32_t pair = 0;
        std::memcpy(&pair, a + i * a_row, sizeof pair);
        const __m512i left = _mm512_set1_epi32(pair);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], (__m512bh)left, (__m512bh)right[j]);
      }
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      float* const c = p.c + (row + i) * p.c_row + column + 16 * j;
      _mm512_storeu_ps(c, p.add ? _mm512_add_ps(acc[i][j], _mm512_loadu_ps(c)) : acc[i][j]);
    }
  }
}

using Micro = void (*)(const PairProduct&, int64_t, int64_t);

template <int NV, bool kTransposed, int... MR>
constexpr std::array<Micro, sizeof...(MR)> micros(std::integer_sequence<int, MR...>) {
  return {&micro<MR + 1, NV, kTransposed>...};
}

template <int NV>
void panel(const PairProduct& p, int64_t column) {
  static constexpr auto kStraight = micros<NV, false>(std::make_integer_sequence<int, kRows[NV]>());
  static constexpr auto kTransposed = micros<NV, true>(std::make_integer_sequence<int, kRows[NV]>());
  const auto& micro = p.transposed ? kTransposed : kStraight;
  const int64_t parts = (p.rows + kRows[NV] - 1) / kRows[NV];
  for (int64_t i = 0, row = 0; i < parts; ++i) {
    const int64_t rows = p.rows / parts + (i < p.rows % parts ? 1 : 0);
    micro[static_cast<size_t>(rows - 1)](p, row, column);
    row += rows;
  }
}

void multiply(const PairProduct& p) {
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

__m512i first(const c10::BFloat16* p, __mmask16 some) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, p));
}

// Pairs of 16 numbers each, which stand in the lower and the upper halves.
void store(c10::BFloat16* out, __m512i lower, __m512i upper, __mmask16 some) {
  _mm512_mask_storeu_epi32(out, some, _mm512_or_si512(lower, _mm512_slli_epi32(upper, 16)));
}

// What is joined: the numbers themselves, or what BN and ReLU make of them. Not lambdas, which GCC compiles for any
// processor.
struct Same {
  __m512i operator()(const c10::BFloat16* p, int64_t /*channel*/, __mmask16 some) const { return first(p, some); }
};
struct Activated {
  const float *alpha, *beta;
  __m512i operator()(const c10::BFloat16* p, int64_t channel, __mmask16 some) const {
    const __m512 x = _mm512_castsi512_ps(_mm512_slli_epi32(first(p, some), 16));
    const __m512 y = _mm512_fmadd_ps(x, _mm512_loadu_ps(alpha + channel), _mm512_loadu_ps(beta + channel));
    // The second operand is what comes out for NaN.
    const __m256bh narrow = _mm512_cvtneps_pbh(_mm512_max_ps(_mm512_setzero_ps(), y));
    return _mm512_cvtepu16_epi32((__m256i)narrow);
  }
};

template <class Make>
void make_pairs(int64_t rows, int64_t channels, const c10::BFloat16* one, const c10::BFloat16* two, int64_t row,
                c10::BFloat16* out, int64_t out_row, const Make& make) {
  for (int64_t i = 0; i < rows; ++i, out += out_row) {
    for (int64_t c = 0; c < channels; c += 16) {
      const auto some = static_cast<__mmask16>(channels - c >= 16 ? 0xffff : (1U << (channels - c)) - 1);
      const __m512i lower = one == nullptr ? _mm512_setzero_si512() : make(one + i * row + c, c, some);
      const __m512i upper = two == nullptr ? _mm512_setzero_si512() : make(two + i * row + c, c, some);
      store(out + 2 * c, lower, upper, some);
    }
  }
}

void join(int64_t rows, int64_t channels, const c10::BFloat16* one, const c10::BFloat16* two, int64_t row,
          c10::BFloat16* out, int64_t out_row) {
  make_pairs(rows, channels, one, two, row, out, out_row, Same{});
}

void activate(int64_t rows, int64_t channels, const c10::BFloat16* one, const c10::BFloat16* two, int64_t row,
              const float* alpha, const float* beta, c10::BFloat16* out, int64_t out_row) {
  make_pairs(rows, channels, one, two, row, out, out_row, Activated{alpha, beta});
}

constexpr PairKernels<c10::BFloat16> kAll = {&multiply, &join, &activate};

}  // namespace

const PairKernels<c10::BFloat16>* pair_kernels() { return &kAll; }

}  // namespace torchbridge::dense

#pragma GCC pop_options
