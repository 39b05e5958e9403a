// The inner loops of dense blocks for any processor, and the choice between the sets. One number a "vector".
#include <ATen/Version.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>

#include "dense_block_kernels.h"

namespace torchbridge::dense {
namespace {

template <class Number>
struct One {
  using S = Number;
  using R = Number;
  static constexpr int kWidth = 1;
  static constexpr int kMost = 4;
  static constexpr int kRows[] = {0, 8, 8, 4, 4};

  static R set(S x) { return x; }
  template <class T>
  static R load(const T* p) {
    return static_cast<R>(*p);
  }
  template <class T>
  static R load(const T* p, int /*count*/) {
    return static_cast<R>(*p);
  }
  template <class T>
  static void store(T* p, R x) {
    *p = static_cast<T>(x);
  }
  template <class T>
  static void store(T* p, R x, int /*count*/) {
    *p = static_cast<T>(x);
  }
  static R fma(R a, R b, R c) { return a * b + c; }
  static R add(R a, R b) { return a + b; }
  static R sub(R a, R b) { return a - b; }
  static R mul(R a, R b) { return a * b; }
  static R max0(R x) { return x > 0 || x != x ? x : 0; }
  static R where_positive(R a, R d) { return a > 0 ? d : 0; }
};

namespace singles {
using V = One<float>;
#include "dense_block_kernels.inc"
}  // namespace singles

namespace doubles {
using V = One<double>;
#include "dense_block_kernels.inc"
}  // namespace doubles

}  // namespace

template <>
const Kernels<float>* plain_kernels<float>() {
  static constexpr Kernels<float> all = singles::make_kernels<float>();
  return &all;
}

template <>
const Kernels<c10::BFloat16>* plain_kernels<c10::BFloat16>() {
  static constexpr Kernels<c10::BFloat16> all = singles::make_kernels<c10::BFloat16>();
  return &all;
}

template <>
const Kernels<double>* plain_kernels<double>() {
  static constexpr Kernels<double> all = doubles::make_kernels<double>();
  return &all;
}

namespace {

enum class Set { kPlain, kAvx2, kAvx512, kAvx512Pairs };

// What the processor has, as far as libtorch may use it: ATEN_CPU_CAPABILITY, and ONEDNN_MAX_CPU_ISA for bfloat16.
Set best_set() {
  const std::string allowed = at::get_cpu_capability();
  if (allowed == "AVX512" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    const char* isa = std::getenv("ONEDNN_MAX_CPU_ISA");
    const bool core_only = isa != nullptr && std::string(isa) == "AVX512_CORE";
    return __builtin_cpu_supports("avx512bf16") && !core_only ? Set::kAvx512Pairs : Set::kAvx512;
  }
  if (allowed != "DEFAULT" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Set::kAvx2;
  return Set::kPlain;
}

Set chosen_set() {
  static const Set chosen = best_set();
  return chosen;
}

}  // namespace

const char* kernels_name() {
  constexpr const char* kNames[] = {"plain", "avx2", "avx512", "avx512_bf16"};
  return kNames[static_cast<int>(chosen_set())];
}

template <class T>
const Kernels<T>& kernels() {
  static const Kernels<T> best = [] {
    if constexpr (!std::is_same_v<T, double>) {
      const Set set = chosen_set();
      if (set == Set::kAvx2) return *avx2_kernels<T>();
      if (set != Set::kPlain) {
        Kernels<T> all = *avx512_kernels<T>();
        if constexpr (std::is_same_v<T, c10::BFloat16>) {
          if (set == Set::kAvx512Pairs) all.pairs = pair_kernels();
        }
        return all;
      }
    }
    return *plain_kernels<T>();
  }();
  return best;
}

template const Kernels<float>& kernels<float>();
template const Kernels<c10::BFloat16>& kernels<c10::BFloat16>();
template const Kernels<double>& kernels<double>();

}  // namespace torchbridge::dense
