// Both ways through norm, ReLU and the mean of windows.
#include "norm_pool.h"

#include "dense_block_norms.h"

namespace torchbridge::dense {

template <class T>
Pooled<T> pool(const at::Tensor& x, const NormArguments& norm, const PoolSize& size) {
  using S = typename Compute<T>::type;
  const Kernels<T>& kernels = dense::kernels<T>();
  const int64_t threads = at::get_num_threads();
  const Shape shape = {x.size(0), x.size(2), x.size(3), x.size(1), x.size(1)};
  const auto pixels = static_cast<double>(shape.pixels());
  const T* const from = static_cast<const T*>(x.const_data_ptr());
  Moments moments;
  if (norm.batch) moments = measured(kernels, threads, shape.pixels(), shape.channels, from, shape.channels);
  Pooled<T> done;
  done.shape = shape;
  done.size = size;
  done.norm = settle<S>(norm, shape.channels, moments.mean.data(), moments.squares.data(), pixels);
  const int64_t lines = shape.height / size.down, count = shape.width / size.across;
  done.out = at::empty({shape.pictures, shape.channels, lines, count}, x.options().memory_format(std::nullopt),
                       at::MemoryFormat::ChannelsLast);
  T* const out = static_cast<T*>(done.out.mutable_data_ptr());
  const auto part = static_cast<S>(1.0 / static_cast<double>(size.down * size.across));
  in_parts(threads, shape.pictures * lines, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t top = line / lines * shape.height + line % lines * size.down;
      kernels.pool({count, size.down, size.across, shape.channels, from + top * shape.width * shape.channels,
                    shape.channels, shape.width * shape.channels},
                   done.norm.alpha.data(), done.norm.beta.data(), part, out + line * count * shape.channels,
                   shape.channels);
    }
  });
  return done;
}

namespace {

// A part of a line of the picture, and the windows that it belongs to.
template <class T>
struct Piece {
  Windows<T> windows;
  const T* gradient;
  int64_t at;  // of its first pixel
};

// Calls f with whole lines cut into pieces of few pixels, whose sums are exact enough, and says when a line ends.
// Pixels of no window belong to a window of one, whose gradient is zero.
template <class T, class F>
void over_pieces(const Pooled<T>& done, const T* x, const T* gradient, const T* zeros, int64_t line, const F& f) {
  constexpr int64_t kPart = 32;
  const Shape& shape = done.shape;
  const auto [down, across] = done.size;
  const int64_t lines = shape.height / down, count = shape.width / across;
  const int64_t y = line % shape.height / down, start = line * shape.width;
  const auto piece = [&](int64_t column, int64_t windows, int64_t width, const T* g) {
    const int64_t at = (start + column) * shape.channels;
    f(Piece<T>{{windows, 1, width, shape.channels, x + at, shape.channels, 0}, g, at});
  };
  int64_t column = 0;
  if (y < lines) {
    const T* const g = gradient + (line / shape.height * lines + y) * count * shape.channels;
    const int64_t at_once = std::max<int64_t>(1, kPart / across);
    for (int64_t i = 0; i < count; i += at_once) {
      const int64_t windows = std::min(at_once, count - i);
      piece(column, windows, across, g + i * shape.channels);
      column += windows * across;
    }
  }
  if (column < shape.width) piece(column, 1, shape.width - column, zeros);
}

}  // namespace

template <class T>
at::Tensor pool_backward(const Pooled<T>& done, const at::Tensor& x, const at::Tensor& gradient, bool needs_x,
                         at::Tensor* weight, at::Tensor* bias) {
  using S = typename Compute<T>::type;
  const Kernels<T>& kernels = dense::kernels<T>();
  const int64_t threads = at::get_num_threads();
  const Shape& shape = done.shape;
  const Norm<S>& norm = done.norm;
  const int64_t padded = round_up(shape.channels), lines = shape.pictures * shape.height;
  const T* const from = static_cast<const T*>(x.const_data_ptr());
  const T* const given = static_cast<const T*>(gradient.const_data_ptr());
  const std::vector<T> zeros(static_cast<size_t>(padded), T(0));
  const auto part = static_cast<S>(1.0 / static_cast<double>(done.size.down * done.size.across));
  Sums all(shape.channels);
  if (weight != nullptr || bias != nullptr || norm.batch) {
    const Scratch<S> scratch(threads, 2 * padded);
    std::vector<Sums> parts(static_cast<size_t>(threads), Sums(shape.channels));
    in_parts(threads, lines, [&](int64_t thread, int64_t begin, int64_t end) {
      S* const sums = scratch.of(thread);
      for (int64_t line = begin; line < end; ++line) {
        over_pieces(done, from, given, zeros.data(), line, [&](const Piece<T>& piece) {
          if (piece.gradient == zeros.data()) return;
          std::fill(sums, sums + 2 * padded, S(0));
          kernels.pool_sums(piece.windows, norm.alpha.data(), norm.beta.data(), norm.mean.data(), piece.gradient,
                            shape.channels, part, sums, sums + padded);
          parts[static_cast<size_t>(thread)].add(sums, sums + padded);
        });
      }
    });
    all = together(parts);
  }
  finish(norm, all, weight, bias);
  if (!needs_x) return at::Tensor();
  std::vector<double> q_sum(static_cast<size_t>(shape.channels)), r_sum(q_sum);
  add_linear(norm, all, static_cast<double>(shape.pixels()), q_sum, r_sum);
  std::vector<S> q(static_cast<size_t>(padded), S(0)), r(q);
  std::copy(q_sum.begin(), q_sum.end(), q.begin());
  std::copy(r_sum.begin(), r_sum.end(), r.begin());
  at::Tensor out = at::empty(x.sizes(), x.options().memory_format(std::nullopt), at::MemoryFormat::ChannelsLast);
  T* const to = static_cast<T*>(out.mutable_data_ptr());
  in_parts(threads, lines, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      over_pieces(done, from, given, zeros.data(), line, [&](const Piece<T>& piece) {
        kernels.pool_back(piece.windows, norm.alpha.data(), norm.beta.data(), norm.mean.data(), q.data(), r.data(),
                          piece.gradient, shape.channels, part, to + piece.at);
      });
    }
  });
  return out;
}

#define TORCHBRIDGE_POOL(T)                                                                                       \
  template Pooled<T> pool<T>(const at::Tensor&, const NormArguments&, const PoolSize&);                           \
  template at::Tensor pool_backward<T>(const Pooled<T>&, const at::Tensor&, const at::Tensor&, bool, at::Tensor*, \
                                       at::Tensor*);
TORCHBRIDGE_POOL(float)
TORCHBRIDGE_POOL(double)
TORCHBRIDGE_POOL(c10::BFloat16)
#undef TORCHBRIDGE_POOL

}  // namespace torchbridge::dense
