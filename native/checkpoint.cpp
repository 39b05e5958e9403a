// Checkpoints: tensors that operators save inside are not kept but computed again, when backward asks for the first of
// them, by the JavaScript function that made them. The bookkeeping of torch.utils.checkpoint without reentrance, with
// its names; see lib/tensor/autograd/checkpoint.ts.
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string_view>

#include "autocast.h"
#include "autograd_nodes.h"
#include "checkpoint_metadata.h"
#include "environment.h"
#include "js_callback.h"
#include "random_states.h"
#include "saved_hooks.h"

namespace torchbridge {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::SavedVariableHooks;

// A backward (libtorch's number of its graph task), or one request outside of any (negative).
using TaskId = int64_t;
std::atomic<TaskId> next_request{-2};

thread_local std::string failure_to_explain;

// Stands in the graph for one saved tensor. What was recomputed for it leaves when it is asked for.
struct Holder {
  std::vector<std::pair<TaskId, at::Tensor>> recomputed;
};

struct Options {
  bool preserve_random = true;
  bool check = true;
  bool early_stop = true;
  bool explain = false;  // JavaScript says more of a failure
};

class Frame : public std::enable_shared_from_this<Frame> {
 public:
  Frame(std::shared_ptr<JsObject> function, const Tensors& inputs, Tensors held, Options options);

  std::shared_ptr<Holder> pack(const at::Tensor& tensor);
  at::Tensor unpack(const std::shared_ptr<Holder>& holder);
  at::Tensor pack_again(const at::Tensor& tensor, TaskId task);
  void complete() { forward_completed_ = true; }
  size_t keep(Tensors tensors);

 private:
  struct Recomputation {
    TaskId task;
    size_t count = 0;  // of tensors that were saved
    bool done = false;
  };
  // More than can run at once: of older ones nothing is left to be asked for.
  static constexpr size_t kMostRecomputations = 64;

  Recomputation& recomputation(TaskId task);
  at::Tensor take(const std::shared_ptr<Holder>& holder);
  void recompute(TaskId task);
  void check(TaskId task);
  void forget(TaskId task);

  std::mutex mutex_;
  std::shared_ptr<JsObject> function_;
  std::vector<SavedVariable> inputs_;
  Tensors held_;  // tensors inside other arguments: kept, not watched
  Tensors kept_;  // what operators of a selective checkpoint gave, for the one recomputation
  Options options_;
  std::vector<RandomState> random_;
  std::vector<AutocastState> autocast_;
  std::vector<std::weak_ptr<Holder>> holders_;
  std::vector<Metadata> metadata_;
  std::vector<Recomputation> recomputations_;
  bool forward_completed_ = false;
  bool ignore_mismatch_ = false;
};

// A saved tensor of the forward.
class Keeper final : public SavedVariableHooks {
 public:
  explicit Keeper(std::shared_ptr<Frame> frame) : frame_(std::move(frame)) {}
  void call_pack_hook(const at::Tensor& tensor) override { holder_ = frame_->pack(tensor); }
  at::Tensor call_unpack_hook() override {
    const auto frame = frame_;  // the function may end the graph
    const auto holder = holder_;
    return frame->unpack(holder);
  }

 private:
  std::shared_ptr<Frame> frame_;
  std::shared_ptr<Holder> holder_;
};

class FrameHooks final : public SavedHooks {
 public:
  explicit FrameHooks(std::shared_ptr<Frame> frame) : frame_(std::move(frame)) {}
  std::unique_ptr<SavedVariableHooks> make() override { return std::make_unique<Keeper>(frame_); }

 private:
  std::shared_ptr<Frame> frame_;
};

// A saved tensor of the recomputation: kept as it is, in case that its graph is asked for gradients too.
class KeeperAgain final : public SavedVariableHooks {
 public:
  KeeperAgain(std::weak_ptr<Frame> frame, TaskId task) : frame_(std::move(frame)), task_(task) {}
  void call_pack_hook(const at::Tensor& tensor) override {
    const auto frame = frame_.lock();
    if (frame == nullptr) throw BridgeError("internal", "a checkpoint was freed while it was recomputed");
    tensor_ = frame->pack_again(tensor, task_);
  }
  at::Tensor call_unpack_hook() override { return tensor_; }

 private:
  std::weak_ptr<Frame> frame_;
  TaskId task_;
  at::Tensor tensor_;
};

class RecomputationHooks final : public SavedHooks {
 public:
  RecomputationHooks(std::weak_ptr<Frame> frame, TaskId task) : frame_(std::move(frame)), task_(task) {}
  std::unique_ptr<SavedVariableHooks> make() override { return std::make_unique<KeeperAgain>(frame_, task_); }

 private:
  std::weak_ptr<Frame> frame_;
  TaskId task_;
};

Frame::Frame(std::shared_ptr<JsObject> function, const Tensors& inputs, Tensors held, Options options)
    : function_(std::move(function)), held_(std::move(held)), options_(options) {
  std::vector<c10::Device> devices;
  for (const Tensors* list : {&inputs, static_cast<const Tensors*>(&held_)}) {
    for (const at::Tensor& each : *list) {
      const c10::Device device = each.device();
      if (device.is_cpu() || device.is_meta()) continue;
      if (std::find(devices.begin(), devices.end(), device) == devices.end()) devices.push_back(device);
    }
  }
  autocast_.push_back(AutocastState::of(at::kCPU));
  for (const c10::Device& device : devices) autocast_.push_back(AutocastState::of(device.type()));
  if (options_.preserve_random) {
    random_.push_back(random_state(at::globalContext().defaultGenerator(at::kCPU)));
    for (const c10::Device& device : devices) {
      random_.push_back(random_state(at::globalContext().defaultGenerator(device)));
    }
  }
  // Saved like any tensor of an operator: by the hooks around, which may be those of a checkpoint around this one.
  inputs_.reserve(inputs.size());
  for (const at::Tensor& each : inputs) inputs_.emplace_back(each, false);
}

std::shared_ptr<Holder> Frame::pack(const at::Tensor& tensor) {
  auto holder = std::make_shared<Holder>();
  const std::lock_guard<std::mutex> lock(mutex_);
  holders_.push_back(holder);
  if (options_.check) metadata_.emplace_back(tensor);
  return holder;
}

Frame::Recomputation& Frame::recomputation(TaskId task) {
  for (Recomputation& each : recomputations_) {
    if (each.task == task) return each;
  }
  if (recomputations_.size() == kMostRecomputations) recomputations_.erase(recomputations_.begin());
  recomputations_.push_back({task});
  return recomputations_.back();
}

at::Tensor Frame::pack_again(const at::Tensor& tensor, TaskId task) {
  at::Tensor x = tensor.requires_grad() ? tensor.detach() : tensor;
  const std::lock_guard<std::mutex> lock(mutex_);
  Recomputation& run = recomputation(task);
  const size_t index = run.count++;
  if (index >= holders_.size()) {
    if (!forward_completed_) {
      // Gradients are asked for inside of the function, which goes on afterwards.
      ignore_mismatch_ = true;
      return x;
    }
    throw BridgeError(kCheckpointError,
                      "torch.utils.checkpoint: trying to save more tensors during recomputation than during the "
                      "original forward pass." +
                          std::string(kCheckpointTip));
  }
  // One that is gone was freed by a backward inside of the function.
  if (const auto holder = holders_[index].lock()) holder->recomputed.emplace_back(task, x);
  if (options_.early_stop && run.count == holders_.size()) throw StopRecomputation{};
  return x;
}

at::Tensor Frame::unpack(const std::shared_ptr<Holder>& holder) {
  if (!options_.explain) return take(holder);
  try {
    return take(holder);
  } catch (const BridgeError& e) {
    if (std::string_view(e.code()) != kCheckpointError) throw;
    run_with_modes(function_->thread(), [&] {
      failure_to_explain = e.what();
      call_javascript(Callback::kCheckpointFailure, *function_, {});
    });
    throw;
  }
}

at::Tensor Frame::take(const std::shared_ptr<Holder>& holder) {
  const int current = current_graph_task();
  const TaskId task = current >= 0 ? current : next_request--;
  bool done = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done = recomputation(task).done;
  }
  if (!done) {
    recompute(task);
    const std::lock_guard<std::mutex> lock(mutex_);
    recomputation(task).done = true;
    check(task);
  }
  at::Tensor result;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto& made = holder->recomputed;
    const auto found = std::find_if(made.begin(), made.end(), [task](const auto& each) { return each.first == task; });
    if (found == made.end()) {
      throw BridgeError(kCheckpointError,
                        "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked "
                        "once. If you are calling ctx.saved_tensors in backward, make sure to do so only once. "
                        "Otherwise please open an issue with details on your use case.");
    }
    result = std::move(found->second);
    made.erase(found);
  }
  if (current < 0) forget(task);  // nobody can ask again with this number
  return result;
}

void Frame::forget(TaskId task) {
  std::vector<at::Tensor> gone;  // freed after the lock is
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& weak : holders_) {
    const auto holder = weak.lock();
    if (holder == nullptr) continue;
    auto& made = holder->recomputed;
    for (auto it = made.begin(); it != made.end();) {
      if (it->first != task) {
        ++it;
        continue;
      }
      gone.push_back(std::move(it->second));
      it = made.erase(it);
    }
  }
  std::erase_if(recomputations_, [task](const Recomputation& each) { return each.task == task; });
}

void Frame::recompute(TaskId task) {
  const auto self = shared_from_this();
  Tensors inputs;
  inputs.reserve(inputs_.size());
  for (const SavedVariable& each : inputs_) inputs.push_back(each.unpack());
  run_with_modes(function_->thread(), [&] {
    const RandomGuard random(random_);
    const AutocastGuard autocast(autocast_);
    const SavedHooksGuard hooks(std::make_shared<RecomputationHooks>(weak_from_this(), task));
    const at::AutoGradMode record(true);
    Tensors others = held_;
    others.insert(others.end(), kept_.begin(), kept_.end());
    call_javascript(Callback::kRecompute, *function_, inputs, others);
  });
  kept_.clear();
}

size_t Frame::keep(Tensors tensors) {
  const size_t first = kept_.size();
  for (at::Tensor& each : tensors) kept_.push_back(std::move(each));
  return first;
}

void Frame::check(TaskId task) {
  if (ignore_mismatch_) return;
  const size_t count = recomputation(task).count;
  if (count != holders_.size()) {
    throw BridgeError(kCheckpointError,
                      "torch.utils.checkpoint: A different number of tensors was saved during the original forward "
                      "and recomputation.\nNumber of tensors saved during forward: " +
                          std::to_string(holders_.size()) + "\nNumber of tensors saved during recomputation: " +
                          std::to_string(count) + "." + kCheckpointTip);
  }
  if (!options_.check) return;
  std::string different;
  for (size_t i = 0; i < holders_.size(); ++i) {
    const auto holder = holders_[i].lock();
    if (holder == nullptr) continue;
    for (const auto& [id, tensor] : holder->recomputed) {
      if (id != task) continue;
      const Metadata again(tensor);
      if (again == metadata_[i]) continue;
      different += "tensor at position " + std::to_string(i) + ":\nsaved metadata: " + metadata_[i].text() +
                   "\nrecomputed metadata: " + again.text() + "\n";
    }
  }
  if (different.empty()) return;
  throw BridgeError(kCheckpointError,
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                    "during the forward pass.\n" +
                        different + "." + kCheckpointTip);
}

// checkpointBegin(function, preserveRandomState, check, earlyStop, explain); on the tape the tensors among the
// arguments, and those inside of arguments. What is saved from now on is not kept, until checkpointEnd.
napi_value begin(Call& call) {
  const Values values = call.data().values();
  const Tensors inputs = read_tensors(values, 0, false);
  Tensors held = read_tensors(values, values.tape.next(0), false);
  auto frame =
      std::make_shared<Frame>(std::make_shared<JsObject>(call.data().thread, call.value(0)), inputs, std::move(held),
                              Options{call.boolean(1), call.boolean(2), call.boolean(3), call.boolean(4)});
  push_saved_hooks(std::make_shared<FrameHooks>(frame));
  call.data().thread->open_checkpoints.push_back(std::move(frame));
  return call.undefined();
}

std::shared_ptr<Frame> take_open(Call& call) {
  const auto& open = call.data().thread->open_checkpoints;
  if (open.empty()) throw BridgeError("internal", "no checkpoint is open");
  return std::static_pointer_cast<Frame>(open.back());
}

// checkpointEnd(completed)
napi_value end(Call& call) {
  const auto frame = take_open(call);
  pop_saved_hooks();
  call.data().thread->open_checkpoints.pop_back();
  if (call.boolean(0)) frame->complete();
  return call.undefined();
}

// checkpointFailure(): the message of the failure that JavaScript is asked to explain.
napi_value failure(Call& call) { return call.from(failure_to_explain); }

// checkpointKeep(): the tensors of the list on the tape live as long as the innermost checkpoint that is open, or until
// it was recomputed. Returns the number of the first one.
napi_value keep(Call& call) {
  Tensors tensors = read_tensors(call.data().values(), 0, false);
  return call.from(static_cast<int32_t>(take_open(call)->keep(std::move(tensors))));
}

// withNode(handle): the same elements as the result of a node, so that what is computed from them is recorded. No
// gradient can go through it.
napi_value with_node(Call& call) {
  at::Tensor tensor = call.tensor(0).detach();
  torch::autograd::create_gradient_edge(
      tensor, new_node<torch::autograd::Error>(std::string("Expected no gradients to be asked for inside a selective "
                                                           "checkpoint of what it has kept")));
  return call.handle(std::move(tensor));
}

// setStopSignal(object): what ends a function that is recomputed.
napi_value set_stop_signal(Call& call) {
  JsThread& thread = *call.data().thread;
  if (thread.stop_signal != nullptr) napi_delete_reference(call.env(), thread.stop_signal);
  call.check(napi_create_reference(call.env(), call.value(0), 1, &thread.stop_signal));
  return call.undefined();
}

}  // namespace

std::vector<Function> checkpoint_functions() {
  return {
      {"checkpointBegin", &guarded<begin>},         {"checkpointEnd", &guarded<end>},
      {"checkpointKeep", &guarded<keep>},           {"withNode", &guarded<with_node>},
      {"setStopSignal", &guarded<set_stop_signal>}, {"checkpointFailure", &guarded<failure>},
  };
}

}  // namespace torchbridge
