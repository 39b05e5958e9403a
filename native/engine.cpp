// The engine behind every backward. It is PyTorch's own, and adds what PyTorch's Python engine adds to it: a thread of
// JavaScript that waits for other threads does the JavaScript that they meet in the graph, and nodes know in anomaly
// mode the JavaScript stack that made them; and tensors are saved as the hooks say that are on (saved_hooks.h).
#include "engine.h"

#include <ATen/core/ivalue.h>
#include <ATen/ops/empty.h>
#include <c10/core/AutogradState.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/engine.h>

#include <mutex>

#include "autograd_nodes.h"
#include "environment.h"
#include "js_callback.h"
#include "saved_hooks.h"

namespace torchbridge {
namespace {

using torch::autograd::Node;

// The stack of the call that made a node, and the node that was running then (in a double backward).
class StackMetadata : public torch::autograd::AnomalyMetadata {
 public:
  void store_stack() override {
    try {
      thread_ = JsThread::current();
      if (thread_ != nullptr) stack_ = javascript_stack(thread_);
    } catch (...) {
      stack_.clear();  // a failure in anomaly mode must not be one of the program
    }
  }

  void assign_parent(const NodePtr& parent) override { parent_ = parent; }

  // PyTorch prints this as a warning; here it goes with the error (lib/tensor/anomaly.ts).
  void print_stack(const std::string& name) override {
    if (thread_ == nullptr) return;
    std::string text = "Error detected in " + name + ". Traceback of forward call that caused the error:\n" + stack_;
    for (NodePtr parent = parent_; parent != nullptr;) {
      const auto* metadata = dynamic_cast<StackMetadata*>(parent->metadata());
      if (metadata == nullptr) break;
      text += "\n\nPrevious calculation was induced by " + parent->name() +
              ". Traceback of forward call that induced the previous calculation:\n" + metadata->stack_;
      parent = metadata->parent_;
    }
    const auto thread = thread_;
    thread->run_later([thread, text] { thread->anomaly = text; });
  }

 private:
  std::shared_ptr<JsThread> thread_;
  std::string stack_;
  NodePtr parent_;
};

class BridgeEngine : public torch::autograd::Engine {
 public:
  static torch::autograd::Engine& get() {
    static auto* engine = new BridgeEngine();  // lives as long as the process: its threads may outlast every destructor
    return *engine;
  }

  ~BridgeEngine() override { stop(); }

  std::unique_ptr<torch::autograd::AnomalyMetadata> make_anomaly_metadata() override {
    return std::make_unique<StackMetadata>();
  }

  std::unique_ptr<torch::autograd::SavedVariableHooks> get_default_saved_variable_hooks() override {
    return keeper_of_saved_tensor();
  }

  // Not complete on return when the graph is that of a backward within more than 60 others: a thread of the engine
  // works on it, and the caller is about to wait.
  c10::intrusive_ptr<at::ivalue::Future> execute_with_graph_task(
      const std::shared_ptr<torch::autograd::GraphTask>& task, NodePtr root,
      torch::autograd::InputBuffer&& buffer) override {
    auto future = Engine::execute_with_graph_task(task, std::move(root), std::move(buffer));
    const auto thread = JsThread::current();
    if (thread != nullptr && !future->completed()) {
      future->addCallback([thread](at::ivalue::Future&) { thread->wake(); });
      thread->serve_until([&] { return future->completed(); });
    }
    return future;
  }
};

// Older than every other node: the engine takes it last.
class LastNode : public Node {
 public:
  LastNode() : Node(uint64_t{0}) { add_input_metadata(at::empty({0}, at::TensorOptions())); }
  torch::autograd::variable_list apply(torch::autograd::variable_list&&) override { return {}; }
};

napi_value set_anomaly(Call& call) {
  torch::autograd::AnomalyMode::set_enabled(call.boolean(0), call.boolean(1));
  return call.undefined();
}

// Whether a backward that accumulates into every leaf is running: reentrant checkpoints need one.
napi_value is_checkpoint_valid(Call& call) {
  return call.from(call.data().thread->checkpoint_valid && BridgeEngine::get().is_checkpoint_valid());
}

napi_value is_anomaly(Call& call) { return call.from(torch::autograd::AnomalyMode::is_enabled()); }
napi_value is_anomaly_check_nan(Call& call) { return call.from(torch::autograd::AnomalyMode::should_check_nan()); }

// takeAnomaly(): the stack behind the latest failure, or an empty text.
napi_value take_anomaly(Call& call) {
  std::string text;
  call.data().thread->collect();
  text.swap(call.data().thread->anomaly);
  return call.from(text);
}

}  // namespace

void install_engine() {
  static std::once_flag once;
  std::call_once(once, [] { torch::autograd::set_default_engine_stub(&BridgeEngine::get); });
  // Else the functions of an accelerator's tensors run on threads of the engine, while this one is blocked: a hook
  // there could never reach JavaScript. A kernel is only launched by the thread, so nothing is lost.
  c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
}

void drop_failed_work() {
  if (torch::autograd::get_current_graph_task_id() >= 0) return;  // the backward around this one is still at work
  const c10::InferenceMode off(false);
  try {
    BridgeEngine::get().execute({{new_node<LastNode>(), 0}}, {at::empty({0}, at::TensorOptions())}, false, false, true);
  } catch (const std::exception&) {
    // It is only kept for longer.
  }
}

std::vector<Function> engine_functions() {
  return {
      {"setAnomaly", &guarded<set_anomaly>},
      {"isAnomaly", &guarded<is_anomaly>},
      {"isAnomalyCheckNan", &guarded<is_anomaly_check_nan>},
      {"takeAnomaly", &guarded<take_anomaly>},
      {"isCheckpointValid", &guarded<is_checkpoint_valid>},
  };
}

}  // namespace torchbridge
