// Norm, ReLU and the mean of windows as one node of the graph. See norm_pool.h, and lib/models/fused-norm-pool.ts for
// what the arguments are.
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <cmath>

#include "autograd_nodes.h"
#include "deferred.h"
#include "dense_block_node.h"
#include "environment.h"
#include "js_callback.h"
#include "norm_pool.h"

namespace torchbridge {
namespace {

using dense::NormArguments;
using dense::PoolSize;
using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

template <class T>
class NormPoolNode : public Node {
 public:
  NormPoolNode(dense::Pooled<T> done, const at::Tensor& x, const NormArguments& norm)
      : done_(std::move(done)), x_(x, false), weight_(norm.weight, false) {
    done_.out = at::Tensor();
  }

  std::string name() const override { return "NormReluPoolBackward"; }

  void release_variables() override {
    x_.reset_data();
    weight_.reset_data();
    freed_ = true;
  }

  variable_list apply(variable_list&& inputs) override {
    if (freed_) throw BridgeError("runtime", torch::autograd::ERR_BACKWARD_TWICE);
    variable_list results(num_outputs());
    if (!inputs[0].defined()) return results;
    {
      const at::Tensor x = x_.unpack().contiguous(at::MemoryFormat::ChannelsLast);
      (void)weight_.unpack();  // says where it has been changed
      const at::AutoDispatchBelowADInplaceOrView below;
      const at::Tensor gradient = dense::plain_gradient(inputs[0], x);
      inputs.clear();
      results[0] = dense::pool_backward<T>(done_, x, gradient, task_should_compute_output(0),
                                           task_should_compute_output(1) ? &results[1] : nullptr,
                                           task_should_compute_output(2) ? &results[2] : nullptr);
    }
    return c10::GradMode::is_enabled() ? dense::once(std::move(results)) : results;
  }

 private:
  dense::Pooled<T> done_;  // without its tensor
  SavedVariable x_, weight_;
  bool freed_ = false;
};

template <class T>
at::Tensor run(const at::Tensor& x, const NormArguments& norm, const PoolSize& size) {
  const variable_list inputs = {x, norm.weight, norm.bias};
  const bool record = c10::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs);
  dense::Pooled<T> done;
  {
    const at::AutoDispatchBelowADInplaceOrView below;
    done = dense::pool<T>(x.contiguous(at::MemoryFormat::ChannelsLast), norm, size);
  }
  at::Tensor out = done.out;
  if (!record) return out;
  const auto node = new_node<NormPoolNode<T>>(std::move(done), x, norm);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  torch::autograd::set_history(out, node);
  return out;
}

constexpr size_t kTensors = 5;
constexpr size_t kNumbers = 5;

// fusedNormPool(): on the tape x, weight, bias, running mean and variance; then batch statistics?, momentum, eps,
// height and width of a window.
napi_value norm_pool(Call& call) {
  if (call.data().deferring) call.data().deferred->finish_all();
  const Values values = call.data().values();
  const std::vector<at::Tensor> tensors = read_tensors(values, 0, true);
  if (tensors.size() != kTensors) throw BridgeError("value", "Expected x and four tensors of its norm");
  const std::vector<double> s = dense::read_numbers(values.tape, values.tape.next(0), kNumbers);
  const NormArguments norm = {tensors[1], tensors[2], tensors[3], tensors[4], s[0] != 0, s[1], s[2]};
  for (const double side : {s[3], s[4]}) {
    if (!(side >= 1 && side <= 1e9 && side == std::floor(side))) {
      throw BridgeError("value", "Expected whole numbers above 0 for the size of a window");
    }
  }
  const PoolSize size = {static_cast<int64_t>(s[3]), static_cast<int64_t>(s[4])};
  const at::Tensor& x = tensors.front();
  dense::check(x, norm, size);
  switch (x.scalar_type()) {
    case at::kDouble:
      return call.handle(run<double>(x, norm, size));
    case at::kBFloat16:
      return call.handle(run<c10::BFloat16>(x, norm, size));
    default:
      return call.handle(run<float>(x, norm, size));
  }
}

// For tests: which instructions the kernels of fused functions were compiled for.
napi_value kernels_call(Call& call) { return call.from(std::string(dense::kernels_name())); }

}  // namespace

std::vector<Function> norm_pool_functions() {
  return {{"fusedNormPool", &guarded<norm_pool>}, {"fusedKernels", &guarded<kernels_call>}};
}

}  // namespace torchbridge
