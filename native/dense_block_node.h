// What the nodes of fused functions share: what they do with gradients, and how they read their settings.
#pragma once
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/functions/basic_ops.h>

#include "autograd_nodes.h"
#include "convert.h"
#include "tape.h"

namespace torchbridge::dense {

constexpr const char* kTwice =
    "a fused dense block can be differentiated once only: for second derivatives make the network with another way of "
    "computing (efficient: 'none' or 'checkpoint')";

// Gradients that throw when they are differentiated again.
inline torch::autograd::variable_list once(torch::autograd::variable_list&& results) {
  for (auto& each : results) {
    if (each.defined()) each = each.detach().requires_grad_();
  }
  const auto count = static_cast<int64_t>(results.size());
  return (*new_node<torch::autograd::DelayedError>(kTwice, count))(std::move(results));
}

// Whether a gradient has numbers of the type in memory, in channels_last.
inline bool is_plain(const at::Tensor& gradient, at::ScalarType type) {
  return gradient.layout() == at::kStrided && gradient.has_storage() &&
         gradient.is_contiguous(at::MemoryFormat::ChannelsLast) && gradient.scalar_type() == type &&
         !gradient._is_zerotensor() && !gradient.is_neg() && !gradient.is_conj();
}

// The gradient, of the type of `x`, in channels_last.
inline at::Tensor plain_gradient(const at::Tensor& gradient, const at::Tensor& x) {
  if (is_plain(gradient, x.scalar_type())) return gradient;
  return at::empty(gradient.sizes(), x.options().memory_format(std::nullopt), at::MemoryFormat::ChannelsLast)
      .copy_(gradient);
}

// A list of `count` numbers at a position of the tape.
inline std::vector<double> read_numbers(const Tape& tape, size_t position, size_t count) {
  if (tape.tag(position) != Tag::kList || tape.length(position) != count) {
    throw BridgeError("value", "Expected " + std::to_string(count) + " settings");
  }
  std::vector<double> numbers;
  for (size_t at = position + 2; numbers.size() < count; at = tape.next(at)) {
    if (tape.tag(at) != Tag::kNumber) throw BridgeError("type", "Expected a number for each setting");
    numbers.push_back(tape.at(at + 1));
  }
  return numbers;
}

}  // namespace torchbridge::dense
