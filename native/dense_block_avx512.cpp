// The inner loops of dense blocks with vectors of 16 floats. Only what follows the pragma is compiled for AVX-512:
// nothing that another file could share.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "dense_block_kernels.h"

#pragma GCC push_options
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false, of _mm512_undefined_ps
#pragma GCC target("avx512f,avx512bw,avx512vl,avx2,fma")

namespace torchbridge::dense {
namespace {

#define TORCHBRIDGE_OP static inline __attribute__((always_inline))

struct V {
  using S = float;
  using R = __m512;
  using Half = c10::BFloat16;
  static constexpr int kWidth = 16;
  static constexpr int kMost = 3;
  static constexpr int kRows[] = {0, 20, 12, 8};

  TORCHBRIDGE_OP R set(S x) { return _mm512_set1_ps(x); }
  TORCHBRIDGE_OP __mmask16 first(int count) { return static_cast<__mmask16>((1U << count) - 1); }
  TORCHBRIDGE_OP R load(const S* p) { return _mm512_loadu_ps(p); }
  TORCHBRIDGE_OP R load(const S* p, int count) { return _mm512_maskz_loadu_ps(first(count), p); }
  TORCHBRIDGE_OP R widen(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
  TORCHBRIDGE_OP R load(const Half* p) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  TORCHBRIDGE_OP R load(const Half* p, int count) { return widen(_mm256_maskz_loadu_epi16(first(count), p)); }
  TORCHBRIDGE_OP void store(S* p, R x) { _mm512_storeu_ps(p, x); }
  TORCHBRIDGE_OP void store(S* p, R x, int count) { _mm512_mask_storeu_ps(p, first(count), x); }
  // To the nearest, ties to even; NaN stays one.
  TORCHBRIDGE_OP __m256i narrow(R x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(_mm512_srli_epi32(sum, 16), nan, _mm512_set1_epi32(0x7fc0)));
  }
  TORCHBRIDGE_OP void store(Half* p, R x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow(x)); }
  TORCHBRIDGE_OP void store(Half* p, R x, int count) { _mm256_mask_storeu_epi16(p, first(count), narrow(x)); }
  TORCHBRIDGE_OP R fma(R a, R b, R c) { return _mm512_fmadd_ps(a, b, c); }
  TORCHBRIDGE_OP R add(R a, R b) { return _mm512_add_ps(a, b); }
  TORCHBRIDGE_OP R sub(R a, R b) { return _mm512_sub_ps(a, b); }
  TORCHBRIDGE_OP R mul(R a, R b) { return _mm512_mul_ps(a, b); }
  // The second operand is what comes out for NaN.
  TORCHBRIDGE_OP R max0(R x) { return _mm512_max_ps(_mm512_setzero_ps(), x); }
  TORCHBRIDGE_OP R where_positive(R a, R d) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_GT_OQ), d);
  }
};

#include "dense_block_kernels.inc"

}  // namespace

template <>
const Kernels<float>* avx512_kernels<float>() {
  static constexpr Kernels<float> all = make_kernels<float>();
  return &all;
}

template <>
const Kernels<c10::BFloat16>* avx512_kernels<c10::BFloat16>() {
  static constexpr Kernels<c10::BFloat16> all = make_kernels<c10::BFloat16>();
  return &all;
}

}  // namespace torchbridge::dense

#pragma GCC pop_options
