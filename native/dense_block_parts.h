// What forward and backward of a dense block share: tiles, threads, packed weights.
#pragma once
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "dense_block.h"

namespace torchbridge::dense {

constexpr int64_t kTileBytes = 192 << 10;  // a part of the cache that is each core's own

// The OpenMP that libtorch brings along, so that its threads are used. A compiler that is told of OpenMP emits these
// calls; told of it, it would link a second library with threads of its own.
extern "C" {
void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_thread_num();
int omp_get_num_threads();
int omp_in_parallel();
}

// Calls f(thread, from, to) for parts of 0..count: the same parts for the same number of threads. It must not throw.
template <class F>
void in_parts(int64_t threads, int64_t count, const F& f) {
  struct Work {
    int64_t threads, count;
    const F& f;
    void part(int64_t t) const { f(t, count * t / threads, count * (t + 1) / threads); }
  } work{threads, count, f};
  if (threads == 1 || omp_in_parallel() != 0) {
    for (int64_t t = 0; t < threads; ++t) work.part(t);
    return;
  }
  GOMP_parallel(
      [](void* data) {
        const Work& shared = *static_cast<const Work*>(data);
        for (int64_t t = omp_get_thread_num(); t < shared.threads; t += omp_get_num_threads()) shared.part(t);
      },
      &work, static_cast<unsigned>(threads), 0);
}

// Memory of each thread's own, counted as that of tensors is.
template <class S>
class Scratch {
 public:
  Scratch(int64_t threads, int64_t size) : size_(round_up(size) + kLanes) {
    memory_ = at::empty({threads * size_}, c10::CppTypeToScalarType<S>::value);
    data_ = static_cast<S*>(memory_.mutable_data_ptr());
  }
  S* of(int64_t thread) const { return data_ + thread * size_; }
  void clear() const { std::fill(data_, data_ + memory_.numel(), S(0)); }

 private:
  int64_t size_;
  at::Tensor memory_;
  S* data_;
};

// Whole rows of pictures: the tiles of a 3×3 convolution, with a border of one pixel around.
struct Bands {
  Bands(const Shape& shape, int64_t channels, int64_t bytes) : shape(shape), row(shape.width + 2) {
    const int64_t wanted = kTileBytes / (row * channels * bytes) - 2;
    height = std::clamp<int64_t>(wanted, std::min<int64_t>(4, shape.height), shape.height);
    a_picture = (shape.height + height - 1) / height;
    height = (shape.height + a_picture - 1) / a_picture;
    count = a_picture * shape.pictures;
  }
  int64_t picture(int64_t band) const { return band / a_picture; }
  int64_t top(int64_t band) const { return band % a_picture * height; }
  int64_t rows(int64_t band) const { return std::min(height, shape.height - top(band)); }
  // The number of a row's first pixel.
  int64_t pixel(int64_t band, int64_t y) const { return (picture(band) * shape.height + top(band) + y) * shape.width; }
  int64_t padded() const { return (height + 2) * row; }  // pixels of a tile with its border
  // Where the nine parts of a product begin in a tile of rows of `stride`.
  void taps(int64_t stride, int64_t* offsets) const {
    for (int64_t t = 0; t < 9; ++t) offsets[t] = (t / 3 * row + t % 3) * stride;
  }

  Shape shape;
  int64_t row, height = 0, a_picture = 0, count = 0;
};

// Fills a tile of `lines` with its border: fill(pixel, to) makes a row of the picture, the rest is zero.
template <class S, class F>
void fill_band(const Bands& bands, int64_t band, int64_t lines, int64_t stride, S* tile, const F& fill) {
  const int64_t width = bands.shape.width;
  for (int64_t y = -1; y <= lines; ++y, tile += bands.row * stride) {
    const int64_t at = bands.top(band) + y;
    if (at < 0 || at >= bands.shape.height) {
      std::fill(tile, tile + bands.row * stride, S(0));
      continue;
    }
    std::fill(tile, tile + stride, S(0));
    fill(bands.pixel(band, y), tile + stride);
    std::fill(tile + (width + 1) * stride, tile + bands.row * stride, S(0));
  }
}
template <class S, class F>
void fill_band(const Bands& bands, int64_t band, int64_t stride, S* tile, const F& fill) {
  fill_band(bands, band, bands.rows(band), stride, tile, fill);
}

// The same of pairs: a row of the band's upper half stands beside one of its lower half, `half` rows below. Pixels are
// those of the rows' beginnings, -1 for rows outside of the picture.
template <class T, class F>
void fill_band_of_pairs(const Bands& bands, int64_t band, int64_t half, int64_t stride, T* tile, const F& fill) {
  const auto pixel = [&](int64_t y) {
    const int64_t at = bands.top(band) + y;
    return at < 0 || at >= bands.shape.height ? -1 : bands.pixel(band, y);
  };
  for (int64_t y = -1; y <= half; ++y, tile += bands.row * stride) {
    std::fill(tile, tile + stride, T(0));
    fill(pixel(y), pixel(y + half), tile + stride);
    std::fill(tile + (bands.row - 1) * stride, tile + bands.row * stride, T(0));
  }
}

inline int64_t tile_rows(int64_t pixels, int64_t row_bytes) {
  return std::min(std::clamp<int64_t>(kTileBytes / row_bytes / 8 * 8, 16, 256), pixels);
}

// The weights [outputs, inputs, k, k] as rows for products: [tap][input][output], or for the way back [tap from the
// end][output][input].
template <class T>
std::vector<typename Compute<T>::type> packed(const at::Tensor& weight, bool back) {
  const at::Tensor plain = weight.detach().contiguous();
  const T* from = static_cast<const T*>(plain.const_data_ptr());
  const int64_t outputs = plain.size(0), inputs = plain.size(1), taps = plain.size(2) * plain.size(3);
  const int64_t rows = back ? outputs : inputs;
  const int64_t columns = round_up(back ? inputs : outputs);
  std::vector<typename Compute<T>::type> out(static_cast<size_t>(taps * rows * columns + kLanes));
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t i = 0; i < inputs; ++i) {
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t at = back ? ((taps - 1 - t) * rows + o) * columns + i : (t * rows + i) * columns + o;
        out[static_cast<size_t>(at)] = static_cast<typename Compute<T>::type>(*from++);
      }
    }
  }
  return out;
}

// The same for products of pairs: [tap][pair of rows][column][2]; empty where there are none.
template <class T>
std::vector<T> paired(const Kernels<T>& kernels, const std::vector<typename Compute<T>::type>& packed, int64_t taps,
                      int64_t rows, int64_t columns) {
  std::vector<T> out;
  if (kernels.pairs == nullptr) return out;
  const int64_t pairs = (rows + 1) / 2;
  out.resize(static_cast<size_t>(taps * pairs * columns * 2));
  for (int64_t t = 0; t < taps; ++t) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t c = 0; c < columns; ++c) {
        out[static_cast<size_t>(((t * pairs + i / 2) * columns + c) * 2 + i % 2)] =
            static_cast<T>(packed[static_cast<size_t>((t * rows + i) * columns + c)]);
      }
    }
  }
  return out;
}

// A row of what dropout keeps.
template <class S>
void keep_marked(const LayerArguments& layer, int64_t pixel, int64_t rows, int64_t channels, S* tile, int64_t stride) {
  if (!layer.mask.defined()) return;
  const uint8_t* mask = static_cast<const uint8_t*>(layer.mask.const_data_ptr()) + pixel * channels;
  const S scale = static_cast<S>(layer.scale);
  for (int64_t i = 0; i < rows; ++i, tile += stride) {
    for (int64_t c = 0; c < channels; ++c) tile[c] = *mask++ != 0 ? tile[c] * scale : S(0);
  }
}

}  // namespace torchbridge::dense
