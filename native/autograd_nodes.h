// What custom functions and hooks share of libtorch's graph.
#pragma once
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/node.h>
#include <torch/csrc/autograd/variable.h>

#include <type_traits>

namespace torchbridge {

// Counted by std::shared_ptr in older releases, by c10::intrusive_ptr in newer ones.
using NodePtr = std::decay_t<decltype(std::declval<torch::autograd::Edge>().function)>;

}  // namespace torchbridge
