#include "bottleneck.h"

#include <ATen/Context.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/_batch_norm_impl_index.h>
#include <ATen/ops/_batch_norm_impl_index_backward.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/max_pool2d_with_indices_backward.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/threshold_backward.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "autograd_nodes.h"
#include "bottleneck_kernels.h"
#include "max_pool.h"

namespace torchbridge {

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

namespace {

bool same_place(const at::Tensor& tensor, const at::Tensor& other) {
  return tensor.device() == other.device() && tensor.scalar_type() == other.scalar_type();
}

at::Tensor join(const std::vector<at::Tensor>& features) {
  return features.size() == 1 ? features[0] : at::cat(features, 1);
}

// Has a shape, and no elements of its own.
double no_elements = 0;
at::Tensor nothing(at::IntArrayRef sizes, const at::TensorOptions& options) {
  const std::vector<int64_t> strides(sizes.size(), 0);
  return at::from_blob(&no_elements, sizes, strides, options);
}
bool is_nothing(const at::Tensor& x) { return x.const_data_ptr() == &no_elements; }

class CatNormReluConvBackward : public Node {
 public:
  std::string name() const override { return "CatNormReluConvBackward"; }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (SavedVariable& each : features) each.reset_data();
    for (SavedVariable* each : {&norm_weight, &norm_bias, &running_mean, &running_var, &conv_weight, &mean, &invstd,
                                &joined, &rectified, &activation}) {
      each->reset_data();
    }
    reserve = indices = at::Tensor();
  }

  variable_list apply(variable_list&& gradients) override;

  std::vector<SavedVariable> features;
  SavedVariable norm_weight, norm_bias, running_mean, running_var, conv_weight;
  SavedVariable mean, invstd;  // of a training norm
  // In a checkpoint: what the modules save besides, if it is they who compute it again; else nothing().
  SavedVariable joined, rectified, activation;
  at::Tensor reserve;
  at::Tensor indices;  // of the largest values, where there is pooling
  int64_t implementation = 0;
  NormSettings norm;  // without its tensors
  ConvSettings conv;  // without its tensors
  std::vector<int64_t> bias_sizes;
  bool has_conv_bias = false;
  bool kernels = false;
  bool checkpointed = false;

 private:
  struct Wanted {
    bool features = false, norm_weight = false, norm_bias = false, conv_weight = false, conv_bias = false;
    bool input() const { return features || norm_weight || norm_bias; }
  };
  Wanted wanted() const;
  NormSettings unpack_norm() const;
  // Of the convolution, or the pooling: by its input, weight and bias.
  std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_gradients(const at::Tensor& gradient,
                                                                       const at::Tensor& activation,
                                                                       const Wanted& wanted) const;
};

CatNormReluConvBackward::Wanted CatNormReluConvBackward::wanted() const {
  const size_t n = features.size();
  Wanted all;
  for (size_t i = 0; i < n; ++i) all.features |= task_should_compute_output(i);
  all.norm_weight = task_should_compute_output(n);
  all.norm_bias = task_should_compute_output(n + 1);
  all.conv_weight = task_should_compute_output(n + 2);
  all.conv_bias = task_should_compute_output(n + 3);
  return all;
}

NormSettings CatNormReluConvBackward::unpack_norm() const {
  NormSettings all = norm;
  all.weight = norm_weight.unpack();
  all.bias = norm_bias.unpack();
  all.running_mean = running_mean.unpack();
  all.running_var = running_var.unpack();
  return all;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> CatNormReluConvBackward::convolution_gradients(
    const at::Tensor& gradient, const at::Tensor& activation, const Wanted& wanted) const {
  if (conv.pools()) {
    return {at::max_pool2d_with_indices_backward(gradient, activation, conv.kernel, conv.stride, conv.padding,
                                                 conv.dilation, conv.ceil, indices),
            at::Tensor(), at::Tensor()};
  }
  return at::convolution_backward(gradient, activation, conv_weight.unpack(),
                                  has_conv_bias ? at::OptionalIntArrayRef(bias_sizes) : std::nullopt, conv.stride,
                                  conv.padding, conv.dilation, false, {0, 0}, conv.groups,
                                  {wanted.input(), wanted.conv_weight, has_conv_bias && wanted.conv_bias});
}

variable_list CatNormReluConvBackward::apply(variable_list&& gradients) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t n = features.size();
  variable_list out(n + 4);
  at::Tensor gradient = std::move(gradients[0]);
  const Wanted all = wanted();
  if (!gradient.defined() || !(all.input() || all.conv_weight || all.conv_bias)) return out;

  std::vector<at::Tensor> parts;
  for (const SavedVariable& each : features) parts.push_back(each.unpack());
  const NormSettings settings = unpack_norm();
  // With gradients of gradients all of it is recorded, by the operators that have derivatives themselves.
  const bool recorded = c10::GradMode::is_enabled();
  at::Tensor input, rectified_again, activated;
  bool modules = false;  // have computed it again
  if (checkpointed) {
    input = joined.unpack();
    rectified_again = rectified.unpack();
    activated = activation.unpack();
    modules = !recorded && !is_nothing(input);
  }
  const bool fast = kernels && !recorded && !modules;

  const Moments saved = {mean.unpack(), invstd.unpack(), {}};
  Moments known = saved;
  if (fast) {
    if (!settings.training) known = known_moments(settings.running_mean, settings.running_var, settings.eps);
    // Of the activations pooling only asks the shape.
    activated = conv.pools() && n == 1 ? parts[0] : normalise(Features(parts), known, settings.weight, settings.bias);
  } else if (!modules) {
    input = join(parts);
    const bool train = settings.training;
    const at::Tensor normalised = std::get<0>(at::_batch_norm_impl_index(
        input, settings.weight, settings.bias, train ? at::Tensor() : settings.running_mean,
        train ? at::Tensor() : settings.running_var, train, 0, settings.eps, at::globalContext().userEnabledCuDNN()));
    activated = rectified_again = at::relu(normalised);
  }
  at::Tensor by_activation;
  std::tie(by_activation, out[n + 2], out[n + 3]) = convolution_gradients(gradient, activated, all);
  gradient.reset();
  if (!all.input()) return out;

  at::Tensor by_input;
  if (fast && by_activation.is_contiguous()) {
    activated.reset();
    by_input = std::move(by_activation);
    const NormGradients by_norm = normalise_backward(Features(parts), known, settings.weight, settings.bias,
                                                     settings.training, all.features, by_input);
    if (all.norm_weight) out[n] = by_norm.weight;
    if (all.norm_bias) out[n + 1] = by_norm.bias;
  } else {
    if (fast) input = join(parts);
    by_activation = at::threshold_backward(by_activation, fast ? activated : rectified_again, 0);
    std::tie(by_input, out[n], out[n + 1]) = at::_batch_norm_impl_index_backward(
        implementation, input, by_activation, settings.weight, settings.running_mean, settings.running_var, saved.mean,
        saved.invstd, settings.training, settings.eps, {all.features, all.norm_weight, all.norm_bias}, reserve);
  }
  if (!all.features) return out;
  int64_t from = 0;
  for (size_t i = 0; i < n; ++i) {
    const int64_t width = parts[i].size(1);
    if (task_should_compute_output(i)) out[i] = by_input.narrow(1, from, width);
    from += width;
  }
  return out;
}

}  // namespace

bool takes_kernels(const std::vector<at::Tensor>& features, const NormSettings& norm) {
  const at::Tensor& first = features[0];
  if (!first.is_cpu() || !kernels_agree(first.scalar_type())) return false;
  if (first.size(2) * first.size(3) < shortest_row(first.scalar_type())) return false;
  int64_t channels = 0;
  for (const auto& part : features) {
    if (!part.is_contiguous() || part.is_neg() || part.is_conj()) return false;
    channels += part.size(1);
  }
  for (const at::Tensor* each : {&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var}) {
    if (!each->defined()) continue;
    if (!same_place(*each, first) || !each->is_contiguous() || each->dim() != 1 || each->size(0) != channels) {
      return false;
    }
  }
  return norm.running_mean.defined() == norm.running_var.defined();
}

bool takes(const std::vector<at::Tensor>& features, const NormSettings& norm, const ConvSettings& conv) {
  if (!c10::GradMode::is_enabled() || features.empty()) return false;
  const at::Tensor& first = features[0];
  variable_list all = {norm.weight, norm.bias, norm.running_mean, norm.running_var, conv.weight, conv.bias};
  all.insert(all.end(), features.begin(), features.end());
  bool recorded = false;
  for (const at::Tensor& each : all) {
    if (!each.defined()) continue;
    if (each.layout() != at::kStrided || each.is_inference() || torch::autograd::isFwGradDefined(each)) return false;
    recorded = recorded || each.requires_grad();
  }
  if (!recorded || !first.defined() || first.dim() != 4 || !at::isFloatingType(first.scalar_type())) return false;
  int64_t channels = 0;
  for (const at::Tensor& part : features) {
    if (!part.defined() || part.dim() != 4 || !same_place(part, first) || part.numel() == 0) return false;
    if (part.size(0) != first.size(0) || part.size(2) != first.size(2) || part.size(3) != first.size(3)) return false;
    channels += part.size(1);
  }
  // A norm may keep float32 for shorter features.
  for (const at::Tensor* each : {&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var}) {
    if (!each->defined()) continue;
    const bool longer = each->scalar_type() == at::kFloat && at::isReducedFloatingType(first.scalar_type());
    if (each->device() != first.device() || !(longer || same_place(*each, first))) return false;
    if (each->dim() != 1 || each->size(0) != channels) return false;
  }
  if (conv.bias.defined() && !same_place(conv.bias, first)) return false;
  if (norm.running_mean.defined() != norm.running_var.defined()) return false;
  if (!norm.training && !norm.running_mean.defined()) return false;
  // What batch norm and the convolution refuse, they refuse in their own words.
  if (norm.training && first.size(0) * first.size(2) * first.size(3) == 1) return false;
  if (norm.training ? norm.eps <= 0 : norm.eps < 0) return false;
  if (conv.pools()) return conv.kernel.size() == 2 && first.is_cpu();
  return conv.weight.defined() && same_place(conv.weight, first) && conv.weight.dim() == 4 &&
         conv.weight.size(1) * conv.groups == channels;
}

at::Tensor norm_relu_conv(std::vector<at::Tensor> features, const NormSettings& norm, const ConvSettings& conv,
                          bool checkpointed) {
  variable_list inputs = features;
  inputs.insert(inputs.end(), {norm.weight, norm.bias, conv.weight, conv.bias});
  auto node = new_node<CatNormReluConvBackward>();
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  double momentum = norm.momentum.value_or(0);
  if (norm.training && norm.batches.defined()) {
    const at::AutoDispatchBelowAutograd below;
    norm.batches.add_(1);
    if (!norm.momentum) momentum = 1 / norm.batches.item<double>();
  }
  node->kernels = takes_kernels(features, norm);
  node->norm.training = norm.training;
  node->norm.eps = norm.eps;
  node->conv = conv;
  node->conv.weight = node->conv.bias = at::Tensor();
  node->has_conv_bias = conv.bias.defined();
  if (node->has_conv_bias) node->bias_sizes = conv.bias.sizes().vec();
  // Saved outside of what is below autograd: hooks for saved tensors run operators of their own. A checkpoint that is
  // computed again ends with the last one, with the running statistics brought up to date. After what only this
  // function saves come the tensors that the modules save, in their order: a checkpoint may compute either again.
  node->checkpointed = checkpointed;
  for (const at::Tensor& part : features) node->features.emplace_back(part, false);
  node->norm_bias = SavedVariable(norm.bias, false);
  at::Tensor none;
  if (checkpointed) {
    auto sizes = features[0].sizes().vec();
    sizes[1] = 0;
    for (const at::Tensor& part : features) sizes[1] += part.size(1);
    none = nothing(sizes, features[0].options());
    node->joined = SavedVariable(none, false);
  }
  if (checkpointed || !norm.training) {
    node->running_mean = SavedVariable(norm.running_mean, false);
    node->running_var = SavedVariable(norm.running_var, false);
  }
  node->norm_weight = SavedVariable(norm.weight, false);

  const Features all(features);
  at::Tensor activation;
  Moments moments;
  {
    const at::AutoDispatchBelowADInplaceOrView below;
    if (!node->kernels) {
      std::tie(activation, moments.mean, moments.invstd, node->reserve, node->implementation) =
          at::_batch_norm_impl_index(join(features), norm.weight, norm.bias, norm.running_mean, norm.running_var,
                                     norm.training, momentum, norm.eps, at::globalContext().userEnabledCuDNN());
    } else if (norm.training) {
      moments = measure(all, norm.running_mean, norm.running_var, momentum, norm.eps);
    } else {
      moments = known_moments(norm.running_mean, norm.running_var, norm.eps);
    }
  }
  if (norm.training || !node->kernels) {
    node->mean = SavedVariable(moments.mean, false);
    node->invstd = SavedVariable(moments.invstd, false);
  } else if (checkpointed) {
    for (SavedVariable* each : {&node->mean, &node->invstd}) {
      *each = SavedVariable(nothing({0}, features[0].options()), false);
    }
  }
  if (checkpointed) {
    node->rectified = SavedVariable(none, false);
    node->activation = SavedVariable(none, false);
  }
  node->conv_weight = SavedVariable(conv.weight, false);
  at::Tensor out;
  {
    const at::AutoDispatchBelowADInplaceOrView below;
    if (node->kernels) {
      activation = normalise(all, moments, norm.weight, norm.bias);
    } else {
      activation.relu_();
    }
    if (conv.pools()) {
      std::tie(out, node->indices) = max_pool(activation, conv);
    } else {
      out = at::convolution(activation, conv.weight, conv.bias, conv.stride, conv.padding, conv.dilation, false, {0, 0},
                            conv.groups);
    }
  }
  torch::autograd::set_history(out, node);
  return out;
}

}  // namespace torchbridge
