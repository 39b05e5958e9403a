// What custom functions and hooks share of libtorch's graph.
#pragma once
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/node.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <type_traits>

namespace torchbridge {

// Counted by std::shared_ptr in older releases, by c10::intrusive_ptr in newer ones.
using NodePtr = std::decay_t<decltype(std::declval<torch::autograd::Edge>().function)>;

// A node for the graph, counted as the release counts them.
template <typename N, typename Pointer = NodePtr, typename... Args>
auto new_node(Args&&... args) {
  if constexpr (std::is_same_v<Pointer, std::shared_ptr<torch::autograd::Node>>) {
    return std::shared_ptr<N>(new N(std::forward<Args>(args)...), [](N* node) { deleteNode(node); });
  } else {
    return c10::make_intrusive<N>(std::forward<Args>(args)...);
  }
}

}  // namespace torchbridge
