// Hooks of tensors and of the graph's nodes, the nodes themselves as JavaScript sees them, and levels of forward mode.
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/forward_grad.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include "autograd_nodes.h"
#include "environment.h"
#include "js_callback.h"

namespace torchbridge {
namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

// Every hook here stands for a list that JavaScript holds (a Map, so that single ones can be removed).
struct WithList {
  std::shared_ptr<JsObject> list;
};

struct TensorHook : torch::autograd::FunctionPreHook, WithList {
  size_t index = 0;  // which of the node's gradients

  variable_list operator()(const variable_list& gradients) override {
    const auto given = call_javascript(Callback::kTensorHook, *list, {gradients.at(index)});
    variable_list results = gradients;
    if (given) results[index] = given->at(0);
    return results;
  }
};

struct NodePreHook : torch::autograd::FunctionPreHook, WithList {
  variable_list operator()(const variable_list& gradients) override {
    auto given = call_javascript(Callback::kNodePreHook, *list, gradients);
    return given ? std::move(*given) : gradients;
  }
};

struct NodeHook : torch::autograd::FunctionPostHook, WithList {
  variable_list operator()(const variable_list& results, const variable_list& gradients) override {
    auto given = call_javascript(Callback::kNodeHook, *list, results, gradients);
    return given ? std::move(*given) : results;
  }
};

struct AccumulateHook : torch::autograd::PostAccumulateGradHook, WithList {
  void operator()(const at::Tensor& tensor) override {
    call_javascript(Callback::kPostAccumulateGrad, *list, {tensor});
  }
};

template <typename Hook, typename Base>
Hook* mine(const std::unique_ptr<Base>& hook, const Call& call) {
  auto* found = dynamic_cast<Hook*>(hook.get());
  return found != nullptr && found->list->thread() == call.data().thread ? found : nullptr;
}

template <typename Hook>
std::unique_ptr<Hook> make_hook(const Call& call, size_t argument) {
  auto hook = std::make_unique<Hook>();
  hook->list = std::make_shared<JsObject>(call.data().thread, call.value(argument));
  return hook;
}

// tensorHooks(handle, list): the list of hooks that the tensor has; `list` when it had none.
napi_value tensor_hooks(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  const NodePtr node = tensor.grad_fn();
  const size_t index = node == nullptr ? 0 : tensor.output_nr();
  auto& hooks = node == nullptr ? torch::autograd::impl::hooks(tensor) : node->tensor_pre_hooks();
  for (const auto& each : hooks) {
    const auto* hook = mine<TensorHook>(each, call);
    if (hook != nullptr && hook->index == index) return hook->list->value();
  }
  auto hook = make_hook<TensorHook>(call, 1);
  hook->index = index;
  if (node == nullptr) {
    torch::autograd::impl::materialize_autograd_meta(tensor)->hooks_.push_back(std::move(hook));
  } else {
    node->add_tensor_pre_hook(std::move(hook));
  }
  return call.value(1);
}

// postAccumulateHooks(handle, list)
napi_value post_accumulate_hooks(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  torch::autograd::impl::materialize_autograd_meta(tensor);
  const auto* known = mine<AccumulateHook>(torch::autograd::impl::post_acc_grad_hooks(tensor), call);
  if (known != nullptr) return known->list->value();
  torch::autograd::impl::set_post_acc_grad_hooks(tensor, make_hook<AccumulateHook>(call, 1));
  return call.value(1);
}

// checkHookResult(original, result, name): throws in PyTorch's words when a hook changed dtype, device or shape.
napi_value check_hook_result(Call& call) {
  torch::autograd::check_variable_result(call.tensor(0), call.tensor(1), call.string(2));
  return call.undefined();
}

napi_value retain_grad(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  tensor.retain_grad();
  return call.undefined();
}

napi_value retains_grad(Call& call) { return call.from(call.tensor(0).retains_grad()); }

// A node as JavaScript holds it: an empty tensor whose gradient edge is that node, so that it lives by the rules of
// tensors.
napi_value carrier(Call& call, NodePtr node) {
  if (node == nullptr) return call.from(int32_t{-1});
  const c10::InferenceMode off(false);
  at::Tensor tensor = at::empty({0}, at::TensorOptions());
  torch::autograd::impl::set_gradient_edge(tensor, {std::move(node), 0});
  return call.handle(std::move(tensor));
}

NodePtr node_at(Call& call, size_t i) {
  NodePtr node = call.tensor(i).grad_fn();
  if (node == nullptr) throw BridgeError("internal", "this tensor stands for no node");
  return node;
}

napi_value node_of(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  return carrier(call, tensor.grad_fn());
}

napi_value accumulator_of(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  return carrier(call, torch::autograd::impl::gradient_edge(tensor).function);
}

napi_value output_nr(Call& call) { return call.from(static_cast<int32_t>(call.tensor(0).output_nr())); }
napi_value node_sequence(Call& call) { return call.from(static_cast<double>(node_at(call, 0)->sequence_nr())); }
napi_value same_node(Call& call) { return call.from(node_at(call, 0).get() == node_at(call, 1).get()); }

// nodeNext(handle): for every edge a handle of its node (-1 without) and the number of that node's input.
napi_value node_next(Call& call) {
  const NodePtr node = node_at(call, 0);
  const auto& edges = node->next_edges();
  napi_value array = nullptr;
  call.check(napi_create_array_with_length(call.env(), edges.size() * 2, &array));
  for (size_t i = 0; i < edges.size(); ++i) {
    const auto at = static_cast<uint32_t>(2 * i);
    call.check(napi_set_element(call.env(), array, at, carrier(call, edges[i].function)));
    call.check(napi_set_element(call.env(), array, at + 1, call.from(static_cast<int32_t>(edges[i].input_nr))));
  }
  return array;
}

// nodeVariable(handle): the leaf that the node accumulates into, -1 for other nodes.
napi_value node_variable(Call& call) {
  const NodePtr node = node_at(call, 0);
  const auto* accumulate = dynamic_cast<torch::autograd::AccumulateGrad*>(node.get());
  return accumulate == nullptr ? call.from(int32_t{-1}) : call.handle(accumulate->variable);
}

// nodeHooks(handle, list) and nodePreHooks(handle, list)
napi_value node_hooks(Call& call) {
  const NodePtr node = node_at(call, 0);
  for (const auto& each : node->post_hooks()) {
    const auto* hook = mine<NodeHook>(each, call);
    if (hook != nullptr) return hook->list->value();
  }
  node->add_post_hook(make_hook<NodeHook>(call, 1));
  return call.value(1);
}

napi_value node_pre_hooks(Call& call) {
  const NodePtr node = node_at(call, 0);
  for (const auto& each : node->pre_hooks()) {
    const auto* hook = mine<NodePreHook>(each, call);
    if (hook != nullptr) return hook->list->value();
  }
  node->add_pre_hook(make_hook<NodePreHook>(call, 1));
  return call.value(1);
}

napi_value enter_dual_level(Call& call) {
  return call.from(static_cast<double>(torch::autograd::ForwardADLevel::get_next_idx()));
}

napi_value exit_dual_level(Call& call) {
  torch::autograd::ForwardADLevel::release_idx(static_cast<uint64_t>(call.int32(0)));
  return call.undefined();
}

}  // namespace

std::vector<Function> hook_functions() {
  return {
      {"tensorHooks", &guarded<tensor_hooks>},
      {"postAccumulateHooks", &guarded<post_accumulate_hooks>},
      {"checkHookResult", &guarded<check_hook_result>},
      {"retainGrad", &guarded<retain_grad>},
      {"retainsGrad", &guarded<retains_grad>},
      {"nodeOf", &guarded<node_of>},
      {"accumulatorOf", &guarded<accumulator_of>},
      {"outputNr", &guarded<output_nr>},
      {"nodeSequence", &guarded<node_sequence>},
      {"sameNode", &guarded<same_node>},
      {"nodeNext", &guarded<node_next>},
      {"nodeVariable", &guarded<node_variable>},
      {"nodeHooks", &guarded<node_hooks>},
      {"nodePreHooks", &guarded<node_pre_hooks>},
      {"enterDualLevel", &guarded<enter_dual_level>},
      {"exitDualLevel", &guarded<exit_dual_level>},
  };
}

}  // namespace torchbridge
