// The way back through a dense block.
#include <ATen/ops/zeros.h>

#include "dense_block_norms.h"
#include "pair_weights.h"
#include "winograd.h"

namespace torchbridge::dense {
namespace {

template <class T>
class Pass {
  using S = typename Compute<T>::type;
  using Layer = typename Forward<T>::Layer;

 public:
  Pass(const Forward<T>& done, const std::vector<LayerArguments>& layers, const at::Tensor& gradient,
       const std::vector<LayerNeeds>& needs, std::vector<LayerGradients>& gradients)
      : done_(done),
        shape_(done.shape),
        arguments_(layers),
        needs_(needs),
        gradients_(gradients),
        threads_(at::get_num_threads()),
        features_(static_cast<const T*>(done.features.const_data_ptr())),
        gradient_(static_cast<T*>(gradient.mutable_data_ptr())),
        q_(static_cast<size_t>(round_up(shape_.channels) + kLanes), S(0)),
        r_(q_),
        q_sum_(static_cast<size_t>(shape_.channels)),
        r_sum_(q_sum_),
        one_(q_.size(), S(1)) {}

  at::Tensor run(bool needs_x) {
    size_t last = 0;  // nothing before it asks for a gradient
    while (!needs_x && last < needs_.size() && !needs_[last].any()) ++last;
    int64_t channels = shape_.channels;
    for (size_t i = arguments_.size(); i-- > last;) {
      const int64_t growth = arguments_[i].last().size(0);
      channels -= growth;
      settle(channels, growth);
      back(i, channels, growth);
    }
    if (!needs_x) return at::Tensor();
    settle(0, shape_.inputs);
    return input_gradient();
  }

 private:
  void back(size_t index, int64_t channels, int64_t growth) {
    const LayerArguments& layer = arguments_[index];
    const Layer& kept = done_.layers[index];
    LayerGradients& out = gradients_[index];
    const LayerNeeds& needs = needs_[index];
    const auto pixels = static_cast<double>(shape_.pixels());
    if (!layer.bottleneck()) {
      const Sums sums = widened(layer, features_, shape_.channels, channels, kept.norm1, channels, growth, gradient_,
                                shape_.channels, true, needs.conv1 ? &out.conv1 : nullptr);
      finish(kept.norm1, sums, needs.weight1 ? &out.weight1 : nullptr, needs.bias1 ? &out.bias1 : nullptr);
      add_linear(kept.norm1, sums, pixels, q_sum_, r_sum_);
      return;
    }
    const int64_t width = layer.conv1.size(0);
    if (!masked_.defined() || masked_.size(1) != width) {
      masked_ = at::Tensor();
      masked_ = at::empty({shape_.pixels(), width}, done_.features.options().memory_format(std::nullopt));
    }
    const T* const inner = static_cast<const T*>(kept.bottleneck.const_data_ptr());
    T* const masked = static_cast<T*>(masked_.mutable_data_ptr());
    const Sums sums2 = widened(layer, inner, width, width, kept.norm2, channels, growth, masked, width, false,
                               needs.conv2 ? &out.conv2 : nullptr);
    finish(kept.norm2, sums2, needs.weight2 ? &out.weight2 : nullptr, needs.bias2 ? &out.bias2 : nullptr);
    std::vector<double> q_sum(static_cast<size_t>(width)), r_sum(q_sum);
    add_linear(kept.norm2, sums2, pixels, q_sum, r_sum);
    std::vector<S> q(static_cast<size_t>(round_up(width) + kLanes), S(0)), r(q);
    std::copy(q_sum.begin(), q_sum.end(), q.begin());
    std::copy(r_sum.begin(), r_sum.end(), r.begin());
    const Sums sums1 = narrowed(layer, kept, channels, q, r, needs.conv1 ? &out.conv1 : nullptr);
    finish(kept.norm1, sums1, needs.weight1 ? &out.weight1 : nullptr, needs.bias1 ? &out.bias1 : nullptr);
    add_linear(kept.norm1, sums1, pixels, q_sum_, r_sum_);
  }

  // No layer adds any more to what these channels lack.
  void settle(int64_t from, int64_t channels) {
    std::copy_n(q_sum_.begin() + from, channels, q_.begin() + from);
    std::copy_n(r_sum_.begin() + from, channels, r_.begin() + from);
  }

  // The gradient of the features from `from` on, complete, as rows of a tile.
  void consume(const LayerArguments* layer, int64_t pixel, int64_t rows, int64_t from, int64_t channels, S* tile,
               int64_t stride) const {
    const T* const x = features_ + pixel * shape_.channels + from;
    kernels_.combine(rows, channels, gradient_ + pixel * shape_.channels + from, shape_.channels, x, shape_.channels,
                     one_.data(), q_.data() + from, done_.means.data() + from, r_.data() + from, tile, stride);
    if (layer != nullptr) keep_marked(*layer, pixel, rows, channels, tile, stride);
  }

  // Back through the 3×3 convolution, ReLU and the first part of BN, to `target`: added to it, or in its place.
  Sums widened(const LayerArguments& layer, const T* source, int64_t source_row, int64_t channels, const Norm<S>& norm,
               int64_t from_channel, int64_t growth, T* target, int64_t target_row, bool add,
               at::Tensor* weight_gradient) {
    if (kernels_.pairs == nullptr) {
      return widened_by_tiles(layer, {source, source_row, channels, norm}, from_channel, growth, target, target_row,
                              add, weight_gradient);
    }
    const int64_t padded = round_up(channels), padded_growth = round_up(growth);
    const std::vector<S> weight = packed<T>(layer.last(), true);
    const std::vector<T> pairs = paired<T>(kernels_, weight, 9, growth, padded);
    const Bands bands(shape_, 2 * padded + padded_growth, sizeof(S));
    const int64_t act_size = bands.padded() * padded, gradient_size = bands.padded() * padded_growth;
    const int64_t row_size = shape_.width * padded;
    const Scratch<S> scratch(threads_, act_size + 3 * gradient_size + row_size + 2 * padded);
    const int64_t weights = 9 * channels * padded_growth;
    const Scratch<S> weight_sums(weight_gradient != nullptr ? threads_ : 1, weight_gradient != nullptr ? weights : 1);
    if (weight_gradient != nullptr) weight_sums.clear();
    int64_t taps[9];
    bands.taps(padded_growth, taps);
    std::vector<Sums> parts(static_cast<size_t>(threads_), Sums(channels));
    in_parts(threads_, bands.count, [&](int64_t thread, int64_t from, int64_t to) {
      S* const act = scratch.of(thread);
      S* const g = act + act_size;
      S* const d = g + gradient_size;
      S* const sums = d + row_size;
      S* const products = sums + padded;
      T* const narrow = reinterpret_cast<T*>(products + padded);  // g for products of pairs
      T* const joined = narrow + 2 * gradient_size;               // pairs of it
      for (int64_t band = from; band < to; ++band) {
        fill_band(bands, band, padded_growth, g, [&](int64_t pixel, S* row) {
          consume(&layer, pixel, shape_.width, from_channel, growth, row, padded_growth);
        });
        const int64_t pixels = (bands.rows(band) + 2) * bands.row;
        kernels_.store(pixels, padded_growth, g, padded_growth, narrow, padded_growth);
        if (weight_gradient != nullptr) {
          add_weights_of_pairs<T>(kernels_, bands, band, {source, source_row, channels, norm}, growth, narrow,
                                  reinterpret_cast<T*>(act), joined, weight_sums.of(thread));
        }
        std::fill(sums, sums + 2 * padded, S(0));
        for (int64_t y = 0; y < bands.rows(band); ++y) {
          const int64_t at = y * bands.row * padded_growth;
          multiply(shape_.width, channels, 9, growth, g + at, narrow + at, taps, padded_growth, weight, pairs, d,
                   padded);
          const int64_t pixel = bands.pixel(band, y);
          kernels_.mask(shape_.width, channels, d, padded, source + pixel * source_row, source_row, norm.mean.data(),
                        norm.alpha.data(), norm.beta.data(), add, target + pixel * target_row, target_row, sums,
                        products);
        }
        parts[static_cast<size_t>(thread)].add(sums, products);
      }
    });
    if (weight_gradient != nullptr) {
      *weight_gradient = gathered(weight_sums, layer.last(), growth, channels, 9, [&](int64_t o, int64_t i, int64_t t) {
        return (t * channels + i) * padded_growth + o;
      });
    }
    return together(parts);
  }

  // The same by Winograd's convolution.
  Sums widened_by_tiles(const LayerArguments& layer, const Source<T>& source, int64_t from_channel, int64_t growth,
                        T* target, int64_t target_row, bool add, at::Tensor* weight_gradient) {
    const int64_t channels = source.channels, padded = round_up(channels), padded_growth = round_up(growth);
    const std::vector<S> weight = in_planes(packed<T>(layer.last(), true), growth, padded);
    const TiledBands bands(shape_, padded, sizeof(S));
    const int64_t act_size = bands.padded() * padded, gradient_size = bands.padded() * padded_growth;
    const int64_t plane = bands.tiles() * padded, gradient_plane = bands.tiles() * padded_growth;
    const int64_t line_size = shape_.width * padded, weights = channels * padded_growth;
    const Norm<S>& norm = source.norm;
    const Scratch<S> scratch(
        threads_, std::max(act_size, 2 * line_size) + gradient_size + 16 * (plane + gradient_plane) + 2 * padded);
    const Scratch<S> weight_sums(weight_gradient != nullptr ? threads_ : 1,
                                 weight_gradient != nullptr ? 16 * weights : 1);
    if (weight_gradient != nullptr) weight_sums.clear();
    std::vector<Sums> parts(static_cast<size_t>(threads_), Sums(channels));
    in_parts(threads_, bands.count, [&](int64_t thread, int64_t from, int64_t to) {
      S* const act = scratch.of(thread);  // then two lines of the gradient
      S* const g = act + std::max(act_size, 2 * line_size);
      S* const planes = g + gradient_size;
      S* const gradient_planes = planes + 16 * plane;
      S* const sums = gradient_planes + 16 * gradient_plane;
      S* const products = sums + padded;
      const int64_t act_line = bands.row * padded, gradient_line = bands.row * padded_growth;
      for (int64_t band = from; band < to; ++band) {
        const int64_t lines = bands.lines(band), tiles = lines * bands.across;
        fill_band(bands, band, 2 * lines, padded_growth, g, [&](int64_t pixel, S* row) {
          consume(&layer, pixel, shape_.width, from_channel, growth, row, padded_growth);
        });
        if (weight_gradient != nullptr) {
          fill_band(bands, band, 2 * lines, padded, act, [&](int64_t pixel, S* row) {
            kernels_.activate(shape_.width, channels, source.x + pixel * source.row, source.row, norm.alpha.data(),
                              norm.beta.data(), row, padded);
          });
          for (int64_t line = 0; line < lines; ++line) {
            kernels_.to_tiles(bands.across, channels, act + 2 * line * act_line, padded, act_line,
                              planes + line * bands.across * padded, padded, plane);
            kernels_.spread_tiles(bands.across, padded_growth, g + (2 * line + 1) * gradient_line + padded_growth,
                                  padded_growth, gradient_line, gradient_planes + line * bands.across * padded_growth,
                                  padded_growth, gradient_plane);
          }
          multiply_tiles(kernels_, tiles, channels, growth, planes, plane, padded, gradient_planes, gradient_plane,
                         padded_growth, weight_sums.of(thread));
        }
        for (int64_t line = 0; line < lines; ++line) {
          kernels_.to_tiles(bands.across, growth, g + 2 * line * gradient_line, padded_growth, gradient_line,
                            gradient_planes + line * bands.across * padded_growth, padded_growth, gradient_plane);
        }
        multiply_planes(kernels_, tiles, channels, growth, gradient_planes, gradient_plane, padded_growth, weight,
                        planes, plane, padded);
        std::fill(sums, sums + 2 * padded, S(0));
        for (int64_t line = 0; line < lines; ++line) {
          const int64_t height = std::min<int64_t>(2, bands.rows(band) - 2 * line);
          kernels_.from_tiles(bands.across, channels, planes + line * bands.across * padded, padded, plane, act,
                              height == 2 ? act + line_size : nullptr, padded, shape_.width);
          const int64_t pixel = bands.pixel(band, 2 * line);
          kernels_.mask(height * shape_.width, channels, act, padded, source.x + pixel * source.row, source.row,
                        norm.mean.data(), norm.alpha.data(), norm.beta.data(), add, target + pixel * target_row,
                        target_row, sums, products);
        }
        parts[static_cast<size_t>(thread)].add(sums, products);
      }
    });
    if (weight_gradient != nullptr) {
      for (int64_t thread = 0; thread < threads_; ++thread) out_of_planes(weight_sums.of(thread), weights);
      *weight_gradient = gathered(weight_sums, layer.last(), growth, channels, 9, [&](int64_t o, int64_t i, int64_t t) {
        return (t * channels + i) * padded_growth + o;
      });
    }
    return together(parts);
  }

  // Back through the second part of BN, the 1×1 convolution, ReLU and the first part of BN, to the gradient of the
  // features.
  Sums narrowed(const LayerArguments& layer, const Layer& kept, int64_t channels, const std::vector<S>& q,
                const std::vector<S>& r, at::Tensor* weight_gradient) {
    const int64_t width = layer.conv1.size(0), padded = round_up(channels), padded_width = round_up(width);
    const std::vector<S> weight = packed<T>(layer.conv1, true);
    const std::vector<T> pairs = paired<T>(kernels_, weight, 1, width, padded);
    const int64_t tile = tile_rows(shape_.pixels(), (2 * padded + padded_width) * static_cast<int64_t>(sizeof(S)));
    const Scratch<S> scratch(threads_, (tile + 1) * (2 * padded + 3 * padded_width) + 2 * padded);
    const Scratch<S> weight_sums(weight_gradient != nullptr ? threads_ : 1,
                                 weight_gradient != nullptr ? width * padded : 1);
    if (weight_gradient != nullptr) weight_sums.clear();
    const T* const inner = static_cast<const T*>(kept.bottleneck.const_data_ptr());
    const T* const masked = static_cast<const T*>(masked_.const_data_ptr());
    const Norm<S>& norm = kept.norm1;
    std::vector<Sums> parts(static_cast<size_t>(threads_), Sums(channels));
    in_parts(threads_, (shape_.pixels() + tile - 1) / tile, [&](int64_t thread, int64_t from, int64_t to) {
      S* const act = scratch.of(thread);
      S* const d = act + (tile + 1) * padded;
      S* const g = d + tile * padded;
      S* const sums = g + tile * padded_width;
      S* const products = sums + padded;
      T* const narrow = reinterpret_cast<T*>(products + padded);
      T* const joined = narrow + 2 * tile * padded_width;
      constexpr int64_t kStart = 0;
      for (int64_t i = from; i < to; ++i) {
        const int64_t start = i * tile, rows = std::min(tile, shape_.pixels() - start);
        const T* const x = features_ + start * shape_.channels;
        kernels_.combine(rows, width, masked + start * width, width, inner + start * width, width,
                         kept.norm2.alpha.data(), q.data(), kept.norm2.mean.data(), r.data(), g, padded_width);
        if (kernels_.pairs != nullptr) kernels_.store(rows, padded_width, g, padded_width, narrow, padded_width);
        if (weight_gradient != nullptr) {
          if (kernels_.pairs != nullptr) {
            add_weights_of_pairs<T>(kernels_, rows, {x, shape_.channels, channels, norm}, width, narrow,
                                    reinterpret_cast<T*>(act), joined, weight_sums.of(thread));
          } else {
            kernels_.activate(rows, channels, x, shape_.channels, norm.alpha.data(), norm.beta.data(), act, padded);
            kernels_.product({width, channels, 1, rows, g, &kStart, padded_width, true, act, 0, padded,
                              weight_sums.of(thread), padded, true});
          }
        }
        multiply(rows, channels, 1, width, g, narrow, &kStart, padded_width, weight, pairs, d, padded);
        std::fill(sums, sums + 2 * padded, S(0));
        kernels_.mask(rows, channels, d, padded, x, shape_.channels, norm.mean.data(), norm.alpha.data(),
                      norm.beta.data(), true, gradient_ + start * shape_.channels, shape_.channels, sums, products);
        parts[static_cast<size_t>(thread)].add(sums, products);
      }
    });
    if (weight_gradient != nullptr) {
      *weight_gradient = gathered(weight_sums, layer.conv1, width, channels, 1,
                                  [&](int64_t o, int64_t i, int64_t) { return o * padded + i; });
    }
    return together(parts);
  }

  // Of `a`, or of `narrow`, which is the same, where products of pairs are at hand.
  void multiply(int64_t rows, int64_t columns, int64_t segments, int64_t depth, const S* a, const T* narrow,
                const int64_t* offsets, int64_t a_stride, const std::vector<S>& weight, const std::vector<T>& pairs,
                S* c, int64_t c_row) const {
    if constexpr (std::is_same_v<T, c10::BFloat16>) {
      if (kernels_.pairs != nullptr) {
        const int64_t half = (depth + 1) / 2;
        return kernels_.pairs->product({rows, columns, segments, half, narrow, offsets, a_stride, false, pairs.data(),
                                        half * c_row * 2, c_row * 2, c, c_row, false});
      }
    }
    kernels_.product({rows, columns, segments, depth, a, offsets, a_stride, false, weight.data(), depth * c_row, c_row,
                      c, c_row, false});
  }

  // The threads' sums of a weight's gradient, as a tensor of its shape.
  template <class At>
  at::Tensor gathered(const Scratch<S>& sums, const at::Tensor& weight, int64_t outputs, int64_t inputs, int64_t taps,
                      const At& at) const {
    at::Tensor out = at::empty(weight.sizes(), weight.options().memory_format(std::nullopt));
    T* to = static_cast<T*>(out.mutable_data_ptr());
    for (int64_t o = 0; o < outputs; ++o) {
      for (int64_t i = 0; i < inputs; ++i) {
        for (int64_t t = 0; t < taps; ++t) {
          S sum = 0;
          for (int64_t thread = 0; thread < threads_; ++thread) sum += sums.of(thread)[at(o, i, t)];
          *to++ = static_cast<T>(sum);
        }
      }
    }
    return out;
  }

  at::Tensor input_gradient() {
    at::Tensor out = at::empty({shape_.pictures, shape_.inputs, shape_.height, shape_.width}, done_.features.options(),
                               at::MemoryFormat::ChannelsLast);
    T* const to = static_cast<T*>(out.mutable_data_ptr());
    const int64_t padded = round_up(shape_.inputs);
    const int64_t tile = tile_rows(shape_.pixels(), padded * static_cast<int64_t>(sizeof(S)));
    const Scratch<S> scratch(threads_, tile * padded);
    in_parts(threads_, (shape_.pixels() + tile - 1) / tile, [&](int64_t thread, int64_t from, int64_t end) {
      for (int64_t i = from; i < end; ++i) {
        const int64_t start = i * tile, rows = std::min(tile, shape_.pixels() - start);
        consume(nullptr, start, rows, 0, shape_.inputs, scratch.of(thread), padded);
        kernels_.store(rows, shape_.inputs, scratch.of(thread), padded, to + start * shape_.inputs, shape_.inputs);
      }
    });
    return out;
  }

  const Forward<T>& done_;
  const Shape& shape_;
  const std::vector<LayerArguments>& arguments_;
  const std::vector<LayerNeeds>& needs_;
  std::vector<LayerGradients>& gradients_;
  const Kernels<T>& kernels_ = kernels<T>();
  int64_t threads_;
  const T* features_;
  T* gradient_;
  std::vector<S> q_, r_;  // of each feature: what its gradient still lacks is q·(x − mean) + r
  std::vector<double> q_sum_, r_sum_;
  std::vector<S> one_;
  at::Tensor masked_;  // [pixels, width]: the gradient behind the 3×3 convolution's ReLU
};

}  // namespace

template <class T>
at::Tensor backward(const Forward<T>& done, const std::vector<LayerArguments>& layers, at::Tensor gradient,
                    bool needs_x, const std::vector<LayerNeeds>& needs, std::vector<LayerGradients>& gradients) {
  return Pass<T>(done, layers, gradient, needs, gradients).run(needs_x);
}

template at::Tensor backward<float>(const Forward<float>&, const std::vector<LayerArguments>&, at::Tensor, bool,
                                    const std::vector<LayerNeeds>&, std::vector<LayerGradients>&);
template at::Tensor backward<double>(const Forward<double>&, const std::vector<LayerArguments>&, at::Tensor, bool,
                                     const std::vector<LayerNeeds>&, std::vector<LayerGradients>&);
template at::Tensor backward<c10::BFloat16>(const Forward<c10::BFloat16>&, const std::vector<LayerArguments>&,
                                            at::Tensor, bool, const std::vector<LayerNeeds>&,
                                            std::vector<LayerGradients>&);

}  // namespace torchbridge::dense
