// A dense block as one node of the graph. See dense_block.h, and lib/models/fused-dense-block.ts for what the arguments
// are.
#include "dense_block.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "autograd_nodes.h"
#include "deferred.h"
#include "dense_block_node.h"
#include "environment.h"
#include "js_callback.h"

namespace torchbridge {
namespace {

using dense::LayerArguments;
using dense::LayerGradients;
using dense::LayerNeeds;
using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

// Of the arguments of a layer, those that may ask for a gradient, in the order of the graph's edges.
variable_list differentiable(const at::Tensor& x, const std::vector<LayerArguments>& layers) {
  variable_list all = {x};
  for (const auto& layer : layers) {
    for (const auto* each :
         {&layer.norm1.weight, &layer.norm1.bias, &layer.conv1, &layer.norm2.weight, &layer.norm2.bias, &layer.conv2}) {
      all.push_back(*each);
    }
  }
  return all;
}

template <class T>
class DenseBlockNode : public Node {
 public:
  DenseBlockNode(dense::Forward<T> done, const std::vector<LayerArguments>& layers) : done_(std::move(done)) {
    for (size_t i = 0; i < layers.size(); ++i) {
      Saved& saved = saved_.emplace_back();
      saved.scale = layers[i].scale;
      saved.conv1 = SavedVariable(layers[i].conv1, false);
      saved.weight1 = SavedVariable(layers[i].norm1.weight, false);
      if (layers[i].mask.defined()) saved.mask = SavedVariable(layers[i].mask, false);
      if (!layers[i].bottleneck()) continue;
      saved.has_bottleneck = true;
      saved.conv2 = SavedVariable(layers[i].conv2, false);
      saved.weight2 = SavedVariable(layers[i].norm2.weight, false);
      saved.bottleneck = SavedVariable(done_.layers[i].bottleneck, false);
      done_.layers[i].bottleneck = at::Tensor();
    }
    done_.features = at::Tensor();
  }

  std::string name() const override { return "DenseBlockBackward"; }

  void keep_output(const at::Tensor& features) { features_ = SavedVariable(features, true); }

  void release_variables() override {
    features_.reset_data();
    saved_.clear();
    freed_ = true;
  }

  variable_list apply(variable_list&& inputs) override {
    if (freed_) throw BridgeError("runtime", torch::autograd::ERR_BACKWARD_TWICE);
    if (!inputs[0].defined()) return variable_list(num_outputs());
    const bool graph = c10::GradMode::is_enabled();
    variable_list results;
    {
      dense::Forward<T> done = done_;
      const std::vector<LayerArguments> layers = unpack(done);
      const at::AutoDispatchBelowADInplaceOrView below;
      at::Tensor gradient = std::move(inputs[0]);
      if (graph || !may_use_up(gradient)) gradient = at::empty_like(done.features).copy_(gradient);
      std::vector<LayerNeeds> needs(layers.size());
      for (size_t i = 0, edge = 1; i < layers.size(); ++i) {
        for (bool* need : {&needs[i].weight1, &needs[i].bias1, &needs[i].conv1, &needs[i].weight2, &needs[i].bias2,
                           &needs[i].conv2}) {
          *need = task_should_compute_output(edge++);
        }
      }
      std::vector<LayerGradients> gradients(layers.size());
      results.push_back(
          dense::backward<T>(done, layers, std::move(gradient), task_should_compute_output(0), needs, gradients));
      for (LayerGradients& each : gradients) {
        for (at::Tensor* one : {&each.weight1, &each.bias1, &each.conv1, &each.weight2, &each.bias2, &each.conv2}) {
          results.push_back(std::move(*one));
        }
      }
    }
    return graph ? dense::once(std::move(results)) : results;
  }

 private:
  struct Saved {
    double scale = 1;
    bool has_bottleneck = false;
    SavedVariable conv1, weight1, mask, conv2, weight2, bottleneck;
  };

  std::vector<LayerArguments> unpack(dense::Forward<T>& done) {
    const auto self = getptr();
    done.features = features_.unpack(self);
    std::vector<LayerArguments> layers(saved_.size());
    for (size_t i = 0; i < saved_.size(); ++i) {
      const Saved& saved = saved_[i];
      layers[i].scale = saved.scale;
      layers[i].conv1 = saved.conv1.unpack(self);
      layers[i].norm1.weight = saved.weight1.unpack(self);
      layers[i].mask = saved.mask.unpack(self);
      if (!saved.has_bottleneck) continue;
      layers[i].conv2 = saved.conv2.unpack(self);
      layers[i].norm2.weight = saved.weight2.unpack(self);
      done.layers[i].bottleneck = saved.bottleneck.unpack(self);
    }
    return layers;
  }

  // Whether nobody else holds the gradient, and it lies as the features do.
  static bool may_use_up(const at::Tensor& gradient) {
    return dense::is_plain(gradient, c10::CppTypeToScalarType<T>::value) && gradient.use_count() == 1 &&
           gradient.storage().use_count() == 1;
  }

  dense::Forward<T> done_;  // without its tensors
  SavedVariable features_;
  std::vector<Saved> saved_;
  bool freed_ = false;
};

template <class T>
at::Tensor run(const at::Tensor& x, const std::vector<LayerArguments>& layers) {
  const variable_list inputs = differentiable(x, layers);
  const bool record = c10::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs);
  dense::Forward<T> done;
  {
    const at::AutoDispatchBelowADInplaceOrView below;
    done = dense::forward<T>(x, layers, record);
  }
  at::Tensor features = done.features;
  if (!record) return features;
  const auto node = new_node<DenseBlockNode<T>>(std::move(done), layers);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  torch::autograd::set_history(features, node);
  node->keep_output(features);
  return features;
}

// The noise of dropout as PyTorch draws it, of which only what is kept is remembered.
void draw_mask(LayerArguments& layer, const at::Tensor& x, double probability) {
  if (probability <= 0) return;
  const at::AutoDispatchBelowADInplaceOrView below;
  at::Tensor noise =
      at::empty({x.size(0), layer.last().size(0), x.size(2), x.size(3)}, x.options().memory_format(std::nullopt));
  if (probability < 1) {
    noise.bernoulli_(1 - probability);
  } else {
    noise.zero_();
  }
  layer.mask = noise.to(at::kByte).contiguous(at::MemoryFormat::ChannelsLast);
  layer.scale = probability < 1 ? 1 / (1 - probability) : 1;
}

constexpr size_t kTensors = 10;  // of a layer
constexpr size_t kNumbers = 7;

// denseBlock(): on the tape x and for each layer weight, bias, running mean and variance of norm1, the weight of conv1,
// the same of norm2 and conv2 (none where there is none); then for each layer batch statistics?, momentum, eps of both
// norms, probability of dropout.
napi_value dense_block(Call& call) {
  if (call.data().deferring) call.data().deferred->finish_all();
  const Values values = call.data().values();
  const std::vector<at::Tensor> tensors = read_tensors(values, 0, true);
  if (tensors.empty() || (tensors.size() - 1) % kTensors != 0) {
    throw BridgeError("value", "Expected x and ten tensors a layer");
  }
  std::vector<LayerArguments> layers((tensors.size() - 1) / kTensors);
  const std::vector<double> settings = dense::read_numbers(values.tape, values.tape.next(0), layers.size() * kNumbers);
  for (size_t i = 0; i < layers.size(); ++i) {
    const at::Tensor* t = &tensors[1 + i * kTensors];
    const double* s = &settings[i * kNumbers];
    layers[i].norm1 = {t[0], t[1], t[2], t[3], s[0] != 0, s[1], s[2]};
    layers[i].conv1 = t[4];
    layers[i].norm2 = {t[5], t[6], t[7], t[8], s[3] != 0, s[4], s[5]};
    layers[i].conv2 = t[9];
    if (!(s[6] >= 0 && s[6] <= 1)) {
      throw BridgeError("value", "dropout probability has to be between 0 and 1, but got " + std::to_string(s[6]));
    }
  }
  const at::Tensor& x = tensors.front();
  dense::check(x, layers);
  for (size_t i = 0; i < layers.size(); ++i) draw_mask(layers[i], x, settings[i * kNumbers + 6]);
  switch (x.scalar_type()) {
    case at::kDouble:
      return call.handle(run<double>(x, layers));
    case at::kBFloat16:
      return call.handle(run<c10::BFloat16>(x, layers));
    default:
      return call.handle(run<float>(x, layers));
  }
}

}  // namespace

std::vector<Function> dense_block_functions() { return {{"denseBlock", &guarded<dense_block>}}; }

}  // namespace torchbridge
