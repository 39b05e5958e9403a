// The inner loops of dense blocks with vectors of 8 floats. Only what follows the pragma is compiled for AVX2: nothing
// that another file could share.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "dense_block_kernels.h"

#pragma GCC push_options
#pragma GCC target("avx2,fma")

namespace torchbridge::dense {
namespace {

#define TORCHBRIDGE_OP static inline __attribute__((always_inline))

struct V {
  using S = float;
  using R = __m256;
  using Half = c10::BFloat16;
  static constexpr int kWidth = 8;
  static constexpr int kMost = 2;
  static constexpr int kRows[] = {0, 10, 6};

  TORCHBRIDGE_OP R set(S x) { return _mm256_set1_ps(x); }
  TORCHBRIDGE_OP __m256i first(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  TORCHBRIDGE_OP R load(const S* p) { return _mm256_loadu_ps(p); }
  TORCHBRIDGE_OP R load(const S* p, int count) { return _mm256_maskload_ps(p, first(count)); }
  TORCHBRIDGE_OP R widen(__m128i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16)); }
  TORCHBRIDGE_OP R load(const Half* p) { return widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  TORCHBRIDGE_OP R load(const Half* p, int count) {
    __m128i bits = _mm_setzero_si128();
    std::memcpy(&bits, p, static_cast<size_t>(count) * sizeof(Half));
    return widen(bits);
  }
  TORCHBRIDGE_OP void store(S* p, R x) { _mm256_storeu_ps(p, x); }
  TORCHBRIDGE_OP void store(S* p, R x, int count) { _mm256_maskstore_ps(p, first(count), x); }
  // To the nearest, ties to even; NaN stays one.
  TORCHBRIDGE_OP __m128i narrow(R x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i high = _mm256_blendv_epi8(_mm256_srli_epi32(sum, 16), _mm256_set1_epi32(0x7fc0), nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
  }
  TORCHBRIDGE_OP void store(Half* p, R x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow(x)); }
  TORCHBRIDGE_OP void store(Half* p, R x, int count) {
    const __m128i bits = narrow(x);
    std::memcpy(static_cast<void*>(p), &bits, static_cast<size_t>(count) * sizeof(Half));
  }
  TORCHBRIDGE_OP R fma(R a, R b, R c) { return _mm256_fmadd_ps(a, b, c); }
  TORCHBRIDGE_OP R add(R a, R b) { return _mm256_add_ps(a, b); }
  TORCHBRIDGE_OP R sub(R a, R b) { return _mm256_sub_ps(a, b); }
  TORCHBRIDGE_OP R mul(R a, R b) { return _mm256_mul_ps(a, b); }
  // The second operand is what comes out for NaN.
  TORCHBRIDGE_OP R max0(R x) { return _mm256_max_ps(_mm256_setzero_ps(), x); }
  TORCHBRIDGE_OP R where_positive(R a, R d) {
    return _mm256_and_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ), d);
  }
};

#include "dense_block_kernels.inc"

}  // namespace

template <>
const Kernels<float>* avx2_kernels<float>() {
  static constexpr Kernels<float> all = make_kernels<float>();
  return &all;
}

template <>
const Kernels<c10::BFloat16>* avx2_kernels<c10::BFloat16>() {
  static constexpr Kernels<c10::BFloat16> all = make_kernels<c10::BFloat16>();
  return &all;
}

}  // namespace torchbridge::dense

#pragma GCC pop_options
