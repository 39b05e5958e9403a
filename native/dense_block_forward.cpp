// The way forward through a dense block.
#include "dense_block_norms.h"
#include "winograd.h"

namespace torchbridge::dense {
namespace {

template <class T>
class Pass {
  using S = typename Compute<T>::type;

 public:
  Pass(const at::Tensor& x, const std::vector<LayerArguments>& layers, bool keep)
      : arguments_(layers), keep_(keep), threads_(at::get_num_threads()) {
    Shape& shape = done_.shape;
    shape = {x.size(0), x.size(2), x.size(3), x.size(1), x.size(1)};
    for (const auto& layer : layers) {
      shape.channels += layer.last().size(0);
      statistics_ = statistics_ || layer.norm1.batch;
    }
    done_.features = at::empty({shape.pictures, shape.channels, shape.height, shape.width}, x.options(),
                               at::MemoryFormat::ChannelsLast);
    features_ = static_cast<T*>(done_.features.mutable_data_ptr());
    mean_.resize(static_cast<size_t>(shape.channels));
    squares_.resize(mean_.size());
    done_.features.narrow(1, 0, shape.inputs).copy_(x);
  }

  Forward<T> run() {
    const Shape& shape = done_.shape;
    if (statistics_) {
      remember(measured(kernels_, threads_, shape.pixels(), shape.inputs, features_, shape.channels), 0);
    }
    int64_t channels = shape.inputs;
    at::Tensor shared;
    for (const auto& layer : arguments_) {
      auto& out = done_.layers.emplace_back();
      out.norm1 = settle<S>(layer.norm1, channels, mean_.data(), squares_.data(), static_cast<double>(shape.pixels()));
      if (layer.bottleneck()) {
        const int64_t width = layer.conv1.size(0);
        if (keep_ || !shared.defined() || shared.size(1) != width) {
          shared = at::Tensor();
          shared = at::empty({shape.pixels(), width}, done_.features.options().memory_format(std::nullopt));
        }
        out.bottleneck = shared;
        const Moments moments = narrow(layer, out, channels);
        out.norm2 = settle<S>(layer.norm2, width, moments.mean.data(), moments.squares.data(),
                              static_cast<double>(shape.pixels()));
        widen(layer, static_cast<const T*>(shared.const_data_ptr()), width, width, out.norm2, channels);
        if (!keep_) out.bottleneck = at::Tensor();
      } else {
        widen(layer, features_, shape.channels, channels, out.norm1, channels);
      }
      channels += layer.last().size(0);
    }
    done_.means.assign(static_cast<size_t>(round_up(shape.channels) + kLanes), S(0));
    std::copy(mean_.begin(), mean_.end(), done_.means.begin());
    return std::move(done_);
  }

 private:
  void remember(const Moments& all, int64_t from) {
    std::copy(all.mean.begin(), all.mean.end(), mean_.begin() + from);
    std::copy(all.squares.begin(), all.squares.end(), squares_.begin() + from);
  }

  // Tiles are of T where products of pairs read them.
  void activate_to(int64_t rows, int64_t channels, const T* x, int64_t x_row, const Norm<S>& norm, S* out,
                   int64_t out_row) const {
    kernels_.activate(rows, channels, x, x_row, norm.alpha.data(), norm.beta.data(), out, out_row);
  }
  void activate_to(int64_t rows, int64_t channels, const T* x, int64_t x_row, const Norm<S>& norm, T* out,
                   int64_t out_row) const
    requires(!std::is_same_v<T, S>)
  {
    kernels_.activate_narrow(rows, channels, x, x_row, norm.alpha.data(), norm.beta.data(), out, out_row);
  }
  void activate(int64_t rows, int64_t channels, const T* x, int64_t x_row, const Norm<S>& norm, S* out,
                int64_t out_row) const {
    if (kernels_.pairs != nullptr)
      return activate_to(rows, channels, x, x_row, norm, reinterpret_cast<T*>(out), out_row);
    activate_to(rows, channels, x, x_row, norm, out, out_row);
  }
  S* tile_at(S* tile, int64_t offset) const {
    return kernels_.pairs != nullptr ? reinterpret_cast<S*>(reinterpret_cast<T*>(tile) + offset) : tile + offset;
  }
  void multiply(int64_t rows, int64_t columns, int64_t segments, int64_t depth, const S* a, const int64_t* offsets,
                int64_t a_stride, const std::vector<S>& weight, const std::vector<T>& pairs, S* c,
                int64_t c_row) const {
    if constexpr (std::is_same_v<T, c10::BFloat16>) {
      if (kernels_.pairs != nullptr) {
        const int64_t half = (depth + 1) / 2;
        return kernels_.pairs->product({rows, columns, segments, half, reinterpret_cast<const T*>(a), offsets, a_stride,
                                        false, pairs.data(), half * c_row * 2, c_row * 2, c, c_row, false});
      }
    }
    kernels_.product({rows, columns, segments, depth, a, offsets, a_stride, false, weight.data(), depth * c_row, c_row,
                      c, c_row, false});
  }

  // BN, ReLU and 1×1 convolution of the first channels.
  Moments narrow(const LayerArguments& layer, const typename Forward<T>::Layer& out, int64_t channels) {
    const Shape& shape = done_.shape;
    const int64_t width = layer.conv1.size(0), padded = round_up(channels), padded_width = round_up(width);
    const std::vector<S> weight = packed<T>(layer.conv1, false);
    const std::vector<T> pairs = paired<T>(kernels_, weight, 1, channels, padded_width);
    const int64_t tile = tile_rows(shape.pixels(), (padded + padded_width) * static_cast<int64_t>(sizeof(S)));
    const Scratch<S> scratch(threads_, tile * (padded + padded_width) + 2 * padded_width);
    T* const results = static_cast<T*>(out.bottleneck.mutable_data_ptr());
    std::vector<Moments> parts(static_cast<size_t>(threads_), Moments(width));
    in_parts(threads_, (shape.pixels() + tile - 1) / tile, [&](int64_t thread, int64_t from, int64_t to) {
      S* const act = scratch.of(thread);
      S* const y = act + tile * padded;
      S* const mean = y + tile * padded_width;
      constexpr int64_t kStart = 0;
      for (int64_t i = from; i < to; ++i) {
        const int64_t start = i * tile, rows = std::min(tile, shape.pixels() - start);
        activate(rows, channels, features_ + start * shape.channels, shape.channels, out.norm1, act, padded);
        multiply(rows, width, 1, channels, act, &kStart, padded, weight, pairs, y, padded_width);
        kernels_.store(rows, width, y, padded_width, results + start * width, width);
        if (!layer.norm2.batch) continue;
        kernels_.moments(rows, width, y, padded_width, mean, mean + padded_width);
        parts[static_cast<size_t>(thread)].merge(static_cast<double>(rows), mean, mean + padded_width);
      }
    });
    return together(parts);
  }

  // BN, ReLU and 3×3 convolution of `source`, to the channels from `to_channel` on.
  void widen(const LayerArguments& layer, const T* source, int64_t source_row, int64_t channels, const Norm<S>& norm,
             int64_t to_channel) {
    if (kernels_.pairs == nullptr) return widen_by_tiles(layer, source, source_row, channels, norm, to_channel);
    const Shape& shape = done_.shape;
    const at::Tensor& convolution = layer.last();
    const int64_t growth = convolution.size(0), padded = round_up(channels), padded_growth = round_up(growth);
    const std::vector<S> weight = packed<T>(convolution, false);
    const std::vector<T> pairs = paired<T>(kernels_, weight, 9, channels, padded_growth);
    const Bands bands(shape, padded, sizeof(S));
    const int64_t act_size = bands.padded() * padded, out_size = bands.height * shape.width * padded_growth;
    const Scratch<S> scratch(threads_, act_size + out_size + 2 * padded_growth);
    int64_t taps[9];
    bands.taps(padded, taps);
    std::vector<Moments> parts(static_cast<size_t>(threads_), Moments(growth));
    in_parts(threads_, bands.count, [&](int64_t thread, int64_t from, int64_t to) {
      S* const act = scratch.of(thread);
      S* const y = act + act_size;
      S* const mean = y + out_size;
      for (int64_t band = from; band < to; ++band) {
        const auto fill = [&](int64_t pixel, auto* row) {
          activate_to(shape.width, channels, source + pixel * source_row, source_row, norm, row, padded);
        };
        if (kernels_.pairs != nullptr) {
          fill_band(bands, band, padded, reinterpret_cast<T*>(act), fill);
        } else {
          fill_band(bands, band, padded, act, fill);
        }
        const int64_t rows = bands.rows(band) * shape.width, start = bands.pixel(band, 0);
        for (int64_t row = 0; row < bands.rows(band); ++row) {
          multiply(shape.width, growth, 9, channels, tile_at(act, row * bands.row * padded), taps, padded, weight,
                   pairs, y + row * shape.width * padded_growth, padded_growth);
        }
        keep_new(layer, start, rows, growth, to_channel, y, mean, parts[static_cast<size_t>(thread)]);
      }
    });
    if (statistics_) remember(together(parts), to_channel);
  }

  // The same by Winograd's convolution.
  void widen_by_tiles(const LayerArguments& layer, const T* source, int64_t source_row, int64_t channels,
                      const Norm<S>& norm, int64_t to_channel) {
    const Shape& shape = done_.shape;
    const at::Tensor& convolution = layer.last();
    const int64_t growth = convolution.size(0), padded = round_up(channels), padded_growth = round_up(growth);
    const std::vector<S> weight = in_planes(packed<T>(convolution, false), channels, padded_growth);
    const TiledBands bands(shape, padded, sizeof(S));
    const int64_t act_size = bands.padded() * padded, out_size = bands.height * shape.width * padded_growth;
    const int64_t plane = bands.tiles() * padded, out_plane = bands.tiles() * padded_growth;
    const Scratch<S> scratch(threads_, act_size + out_size + 16 * (plane + out_plane) + 2 * padded_growth);
    std::vector<Moments> parts(static_cast<size_t>(threads_), Moments(growth));
    in_parts(threads_, bands.count, [&](int64_t thread, int64_t from, int64_t to) {
      S* const act = scratch.of(thread);
      S* const planes = act + act_size;
      S* const sums = planes + 16 * plane;
      S* const y = sums + 16 * out_plane;
      S* const mean = y + out_size;
      for (int64_t band = from; band < to; ++band) {
        const int64_t lines = bands.lines(band), height = bands.rows(band), out_row = shape.width * padded_growth;
        fill_band(bands, band, 2 * lines, padded, act, [&](int64_t pixel, S* row) {
          activate_to(shape.width, channels, source + pixel * source_row, source_row, norm, row, padded);
        });
        for (int64_t line = 0; line < lines; ++line) {
          kernels_.to_tiles(bands.across, channels, act + 2 * line * bands.row * padded, padded, bands.row * padded,
                            planes + line * bands.across * padded, padded, plane);
        }
        multiply_planes(kernels_, lines * bands.across, growth, channels, planes, plane, padded, weight, sums,
                        out_plane, padded_growth);
        for (int64_t line = 0; line < lines; ++line) {
          S* const first = y + 2 * line * out_row;
          kernels_.from_tiles(bands.across, growth, sums + line * bands.across * padded_growth, padded_growth,
                              out_plane, first, 2 * line + 1 < height ? first + out_row : nullptr, padded_growth,
                              shape.width);
        }
        keep_new(layer, bands.pixel(band, 0), height * shape.width, growth, to_channel, y, mean,
                 parts[static_cast<size_t>(thread)]);
      }
    });
    if (statistics_) remember(together(parts), to_channel);
  }

  // Stores what a convolution has made of some pixels, and measures it.
  void keep_new(const LayerArguments& layer, int64_t start, int64_t rows, int64_t growth, int64_t to_channel, S* y,
                S* mean, Moments& moments) {
    const int64_t channels = done_.shape.channels, padded = round_up(growth);
    keep_marked(layer, start, rows, growth, y, padded);
    kernels_.store(rows, growth, y, padded, features_ + start * channels + to_channel, channels);
    if (!statistics_) return;
    kernels_.moments(rows, growth, y, padded, mean, mean + padded);
    moments.merge(static_cast<double>(rows), mean, mean + padded);
  }

  const std::vector<LayerArguments>& arguments_;
  const Kernels<T>& kernels_ = kernels<T>();
  bool keep_;
  bool statistics_ = false;  // of features
  int64_t threads_;
  Forward<T> done_;
  T* features_ = nullptr;
  std::vector<double> mean_, squares_;
};

}  // namespace

template <class T>
Forward<T> forward(const at::Tensor& x, const std::vector<LayerArguments>& layers, bool keep) {
  return Pass<T>(x, layers, keep).run();
}

template Forward<float> forward<float>(const at::Tensor&, const std::vector<LayerArguments>&, bool);
template Forward<double> forward<double>(const at::Tensor&, const std::vector<LayerArguments>&, bool);
template Forward<c10::BFloat16> forward<c10::BFloat16>(const at::Tensor&, const std::vector<LayerArguments>&, bool);

}  // namespace torchbridge::dense
