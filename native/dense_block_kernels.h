// The inner loops of dense blocks (dense_block.h), one set an instruction set. T is what tensors hold, S what is
// computed in. Rows are pixels, columns channels. Tiles are S with rows of a multiple of kLanes; arrays with an entry a
// channel have room for whole vectors too.
#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace torchbridge::dense {

constexpr int64_t kLanes = 16;  // of the widest vector
constexpr int64_t round_up(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

template <class T>
struct Compute {
  using type = float;
};
template <>
struct Compute<double> {
  using type = double;
};

// c[m, n] (+)= Σ over segments s and k of a[offsets[s] + m·a_stride + k] · b[s·b_segment + k·b_row + n]; transposed
// with m + k·a_stride for a's second part. What `b` and `c` have beyond `columns`, up to a multiple of kLanes, is read
// and written too.
template <class S>
struct Product {
  int64_t rows, columns, segments, depth;
  const S* a;
  const int64_t* offsets;
  int64_t a_stride;
  bool transposed;
  const S* b;
  int64_t b_segment, b_row;
  S* c;
  int64_t c_row;
  bool add;
};

// The same of bfloat16 numbers in pairs, which some processors multiply at once: `depth` counts pairs. `b` has pairs of
// rows side by side: b[s·b_segment + pair·b_row + 2·n + (0 or 1)]. So has `a` where it is transposed:
// a[offsets[s] + pair·a_stride + 2·m + (0 or 1)].
struct PairProduct {
  int64_t rows, columns, segments, depth;
  const c10::BFloat16* a;
  const int64_t* offsets;
  int64_t a_stride;
  bool transposed;
  const c10::BFloat16* b;
  int64_t b_segment, b_row;
  float* c;
  int64_t c_row;
  bool add;
};

// Products of pairs, and what makes pairs of two rows of pixels: out[2·c] is of the first, out[2·c + 1] of the second,
// which are zero where null.
template <class T>
struct PairKernels {
  using S = typename Compute<T>::type;
  void (*product)(const PairProduct& product);
  void (*join)(int64_t rows, int64_t channels, const T* first, const T* second, int64_t row, T* out, int64_t out_row);
  // of max(0, x·alpha + beta)
  void (*activate)(int64_t rows, int64_t channels, const T* first, const T* second, int64_t row, const S* alpha,
                   const S* beta, T* out, int64_t out_row);
};

// A line of windows of pixels, side by side: `x_row` is the way to the next pixel, `x_line` that to the next line.
template <class T>
struct Windows {
  int64_t count, down, across, channels;
  const T* x;
  int64_t x_row, x_line;
};

template <class T>
struct Kernels {
  using S = typename Compute<T>::type;
  void (*product)(const Product<S>& product);
  // out = max(0, x·alpha + beta)
  void (*activate)(int64_t rows, int64_t channels, const T* x, int64_t x_row, const S* alpha, const S* beta, S* out,
                   int64_t out_row);
  // out = tile, which becomes what could be stored
  void (*store)(int64_t rows, int64_t channels, S* tile, int64_t tile_row, T* out, int64_t out_row);
  // of each channel the mean and the sum of squared differences from it
  void (*moments)(int64_t rows, int64_t channels, const S* tile, int64_t tile_row, S* mean, S* squares);
  // m = d where x·alpha + beta > 0, else 0; sums += m; products += m·(x − mean); then out = m, or out += alpha·m
  void (*mask)(int64_t rows, int64_t channels, const S* d, int64_t d_row, const T* x, int64_t x_row, const S* mean,
               const S* alpha, const S* beta, bool add, T* out, int64_t out_row, S* sums, S* products);
  // out = alpha·m + q·(x − mean) + r
  void (*combine)(int64_t rows, int64_t channels, const T* m, int64_t m_row, const T* x, int64_t x_row, const S* alpha,
                  const S* q, const S* mean, const S* r, S* out, int64_t out_row);
  // activate for a tile of T
  void (*activate_narrow)(int64_t rows, int64_t channels, const T* x, int64_t x_row, const S* alpha, const S* beta,
                          T* out, int64_t out_row);
  // out = part·Σ max(0, x·alpha + beta) of each window
  void (*pool)(const Windows<T>& windows, const S* alpha, const S* beta, S part, T* out, int64_t out_row);
  // The way back, of a line of pixels (`down` is not looked at): m = part·g of the window where x·alpha + beta > 0,
  // else 0; sums += m; products += m·(x − mean)
  void (*pool_sums)(const Windows<T>& windows, const S* alpha, const S* beta, const S* mean, const T* g, int64_t g_row,
                    S part, S* sums, S* products);
  // out = alpha·m + q·(x − mean) + r, which lies as x does
  void (*pool_back)(const Windows<T>& windows, const S* alpha, const S* beta, const S* mean, const S* q, const S* r,
                    const T* g, int64_t g_row, S part, T* out);
  // Winograd's convolutions (winograd.h): tiles of 4×4 pixels of a line, every other pixel, to 16 planes
  void (*to_tiles)(int64_t count, int64_t channels, const S* in, int64_t in_row, int64_t in_line, S* out,
                   int64_t out_row, int64_t plane);
  // from planes to two lines of pixels, of which the second may be null
  void (*from_tiles)(int64_t count, int64_t channels, const S* in, int64_t in_row, int64_t plane, S* first, S* second,
                     int64_t out_row, int64_t pixels);
  // the way back of from_tiles
  void (*spread_tiles)(int64_t count, int64_t channels, const S* in, int64_t in_row, int64_t in_line, S* out,
                       int64_t out_row, int64_t plane);
  const PairKernels<T>* pairs = nullptr;  // none where the processor has no such instruction, and but for bfloat16
};

// The best that this processor runs, and that libtorch may use; and what that is called.
template <class T>
const Kernels<T>& kernels();
const char* kernels_name();

// One instruction set each, null where it was not compiled for T.
template <class T>
const Kernels<T>* plain_kernels();
template <class T>
const Kernels<T>* avx2_kernels();
template <class T>
const Kernels<T>* avx512_kernels();

// Of processors with instructions for bfloat16.
const PairKernels<c10::BFloat16>* pair_kernels();

}  // namespace torchbridge::dense
