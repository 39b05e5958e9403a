#include "crc32.h"

#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace torchbridge {
namespace {

constexpr std::array<uint32_t, 256> kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xEDB88320U ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}();

uint32_t by_table(uint32_t state, const unsigned char* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) state = kTable[(state ^ bytes[i]) & 0xFF] ^ (state >> 8);
  return state;
}

// Polynomials over two elements, x^0 in the highest bit, modulo that of the checksum.
constexpr uint32_t multiplied(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 1U << 31; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b & 1) != 0 ? 0xEDB88320U ^ (b >> 1) : b >> 1;
  }
  return product;
}

#if defined(__x86_64__)
#define TORCHBRIDGE_CARRYLESS __attribute__((target("sse4.1,pclmul")))

TORCHBRIDGE_CARRYLESS __m128i load(const unsigned char* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// x times x^n modulo the polynomial, for both halves of x, onto what comes n bits later.
TORCHBRIDGE_CARRYLESS __m128i fold(__m128i x, __m128i factors, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(x, factors, 0x00);
  const __m128i high = _mm_clmulepi64_si128(x, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(high, low), next);
}

// "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009), in its bit-reflected form:
// four lanes of 128 bits are folded over the bytes, then into one, which is reduced to 32 bits. `size` is a multiple of
// 16, at least 64.
TORCHBRIDGE_CARRYLESS uint32_t by_folding(uint32_t state, const unsigned char* bytes, size_t size) {
  const __m128i over512 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i over128 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i over64 = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i polynomial = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i low_words = _mm_setr_epi32(~0, 0, ~0, 0);
  __m128i lanes[4] = {load(bytes), load(bytes + 16), load(bytes + 32), load(bytes + 48)};
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(static_cast<int>(state)));
  bytes += 64;
  size -= 64;
  for (; size >= 64; bytes += 64, size -= 64) {
    for (int i = 0; i < 4; ++i) lanes[i] = fold(lanes[i], over512, load(bytes + 16 * i));
  }
  __m128i x = lanes[0];
  for (int i = 1; i < 4; ++i) x = fold(x, over128, lanes[i]);
  for (; size >= 16; bytes += 16, size -= 16) x = fold(x, over128, load(bytes));
  x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, over128, 0x10));
  x = _mm_xor_si128(_mm_srli_si128(x, 4), _mm_clmulepi64_si128(_mm_and_si128(x, low_words), over64, 0x00));
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(x, low_words), polynomial, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_words), polynomial, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(x, quotient), 1));
}

bool can_fold() {
  static const bool can = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  return can;
}
#endif

}  // namespace

uint32_t crc32(uint32_t crc, const void* data, size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  uint32_t state = ~crc;
#if defined(__x86_64__)
  if (size >= 64 && can_fold()) {
    const size_t whole = size & ~size_t{15};
    state = by_folding(state, bytes, whole);
    bytes += whole;
    size -= whole;
  }
#endif
  return ~by_table(state, bytes, size);
}

uint32_t crc32_joined(uint32_t first, uint32_t second, size_t second_size) {
  uint32_t power = 1U << 23;  // x^8: one byte
  uint32_t shift = 1U << 31;  // x^0
  for (size_t bytes = second_size; bytes != 0; bytes >>= 1) {
    if ((bytes & 1) != 0) shift = multiplied(shift, power);
    power = multiplied(power, power);
  }
  return multiplied(shift, first) ^ second;
}

}  // namespace torchbridge
