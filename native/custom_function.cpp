// Custom functions: nodes of the graph whose backward is JavaScript. The forward runs in JavaScript between
// functionBegin and functionEnd, as THPFunction_apply does it in PyTorch. See lib/tensor/custom-function.ts.
#include <ATen/ops/zeros_like.h>
#include <c10/core/AutogradState.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/version.h>

#include "autograd_nodes.h"
#include "environment.h"
#include "js_callback.h"

namespace torchbridge {

using torch::autograd::Node;
using torch::autograd::variable_list;

struct FunctionState {
  int32_t id = 0;
  std::string name;
  std::shared_ptr<JsObject> context;
  Node* node = nullptr;  // null once the graph has let go of it
  size_t tensor_inputs = 0;
  std::vector<torch::autograd::SavedVariable> saved;
  std::vector<torch::autograd::VariableInfo> output_info;
  std::vector<int32_t> owned;  // slots of tensors that live as long as the node
  bool materialize = true;
  bool freed = false;
};

// A forward that is running.
struct PendingFunction {
  NodePtr node;
  std::shared_ptr<FunctionState> state;
  variable_list inputs;
  bool executable = false;
  c10::AutogradState modes = c10::AutogradState::get_tls_state();  // those around it
};

namespace {

template <typename N>
void release_base(N& node) {
  if constexpr (requires { node.N::release_resources(); }) node.N::release_resources();
}

class CustomNode : public Node {
 public:
  explicit CustomNode(std::shared_ptr<FunctionState> state) : state_(std::move(state)) { state_->node = this; }
  ~CustomNode() { end(); }

  std::string name() const override { return state_ == nullptr ? "CustomFunctionBackward" : state_->name; }

  void release_variables() override {
    state_->saved.clear();
    state_->freed = true;
  }

  // Virtual in the releases that have it.
  void release_resources() {
    release_base<Node>(*this);
    end();
  }

  variable_list apply(variable_list&& inputs) override {
    const std::shared_ptr<FunctionState> state = state_;
    at::OptionalDeviceGuard device;
    Tensors given;
    given.reserve(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool make = !inputs[i].defined() && state->materialize && i < state->output_info.size();
      given.push_back(make ? state->output_info[i].zeros(device) : std::move(inputs[i]));
    }
    auto results = call_javascript(Callback::kBackward, *state->context, given);
    if (!results || results->size() != num_outputs()) {
      throw BridgeError("internal", name() + " gave back no gradients");
    }
    return std::move(*results);
  }

 private:
  void end() {
    if (state_ == nullptr) return;
    const std::shared_ptr<FunctionState> state = std::move(state_);
    state_ = nullptr;
    state->node = nullptr;
    state->saved.clear();
    const auto thread = state->context->thread();
    thread->run_later([thread, state] {
      thread->functions.erase(state->id);
      Environment* data = thread->data();
      if (data == nullptr || state->owned.empty()) return;
      for (const int32_t slot : state->owned) data->tensors.abandon(slot, state->id);
      thread->ended.push_back(state->context);
    });
  }

  std::shared_ptr<FunctionState> state_;
};

// functionBegin(context, name); on the tape the list of arguments, none for what is no tensor. Returns the function's
// number; on the tape whether the graph is recorded, and whether each argument needs a gradient.
napi_value begin(Call& call) {
  Environment& data = call.data();
  JsThread& thread = *data.thread;
  thread.collect();
  auto state = std::make_shared<FunctionState>();
  state->context = std::make_shared<JsObject>(data.thread, call.value(0));
  state->name = call.string(1);
  state->id = thread.next_function++;
  auto pending = std::make_shared<PendingFunction>();
  pending->state = state;
  const Values values = data.values();
  std::vector<bool> needs;
  for (const at::Tensor& argument : read_tensors(values, 0, true)) {
    needs.push_back(argument.defined() && argument.requires_grad());
    if (argument.defined()) pending->inputs.push_back(argument);
  }
  state->tensor_inputs = pending->inputs.size();
  // Before the forward runs: what it records itself comes later in the order of the graph.
  pending->node = new_node<CustomNode>(state);
  pending->executable = c10::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(pending->inputs);
  if (pending->executable) pending->node->set_next_edges(torch::autograd::collect_next_edges(pending->inputs));
  data.tape.put(0, pending->executable ? 1 : 0);
  for (size_t i = 0; i < needs.size(); ++i) data.tape.put(i + 1, needs[i] ? 1 : 0);
  c10::AutogradState& modes = c10::AutogradState::get_tls_state();
  modes.set_grad_mode(false);
  modes.set_fw_grad_mode(false);
  thread.functions[state->id] = state;
  thread.pending[state->id] = std::move(pending);
  return call.from(state->id);
}

std::shared_ptr<PendingFunction> take_pending(Call& call) {
  auto& all = call.data().thread->pending;
  const auto found = all.find(call.int32(0));
  if (found == all.end()) throw BridgeError("internal", "no forward of this function is running");
  auto pending = std::move(found->second);
  all.erase(found);
  c10::AutogradState& modes = c10::AutogradState::get_tls_state();
  modes.set_grad_mode(pending->modes.get_grad_mode());
  modes.set_fw_grad_mode(pending->modes.get_fw_grad_mode());
  return pending;
}

// functionAbort(number): the forward threw.
napi_value abort_forward(Call& call) {
  take_pending(call);
  return call.undefined();
}

std::unordered_set<at::TensorImpl*> identities(const Tensors& tensors) {
  std::unordered_set<at::TensorImpl*> out;
  for (const auto& tensor : tensors) out.insert(tensor.unsafeGetTensorImpl());
  return out;
}

variable_list call_jvp(const FunctionState& state, const variable_list& inputs, const variable_list& tangents) {
  Tensors given;
  for (size_t i = 0; i < tangents.size(); ++i) {
    const bool make =
        !tangents[i].defined() && state.materialize && torch::autograd::isDifferentiableType(inputs[i].scalar_type());
    given.push_back(make ? at::zeros_like(inputs[i]) : tangents[i]);
  }
  auto results = call_javascript(Callback::kJvp, *state.context, given);
  if (!results) throw BridgeError("internal", state.name + " gave back no tangents");
  return std::move(*results);
}

constexpr int32_t kNoTensor = -1;
constexpr int32_t kSameTensor = -2;

// functionEnd(number, materializeGrads, setupContext); on the tape lists: outputs (none for what is no tensor), dirty
// inputs, outputs without a derivative, tensors to save (with gaps). Returns a number an
// output: its handle, kNoTensor, or kSameTensor when it is the very tensor that the forward returned.
napi_value end(Call& call) {
  Environment& data = call.data();
  const auto pending = take_pending(call);
  FunctionState& state = *pending->state;
  state.materialize = call.boolean(1);
  const Values values = data.values();
  size_t p = 0;
  const auto next_list = [&](bool gaps) {
    Tensors list = read_tensors(values, p, gaps);
    p = values.tape.next(p);
    return list;
  };
  const Tensors raw = next_list(true);
  const Tensors dirty = next_list(false);
  const Tensors flat = next_list(false);
  const Tensors saved = next_list(true);
  for (const auto& tensor : dirty) torch::autograd::impl::bump_version(tensor);
  std::unordered_set<at::TensorImpl*> saved_in_setup;
  if (call.boolean(2)) saved_in_setup = identities(saved);

  std::vector<std::optional<at::Tensor>> outputs;
  for (const auto& tensor : raw) outputs.push_back(tensor.defined() ? std::optional(tensor) : std::nullopt);
  pending->node->clear_input_metadata();
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 14
  NodePtr attached;  // the node that the outputs hang on; nobody here asks to be told of new nodes
#endif
  const auto wrapped = torch::autograd::_wrap_outputs(
      pending->inputs, identities(flat), identities(dirty), outputs, pending->executable ? pending->node : NodePtr(),
      [&state](const variable_list& inputs, const variable_list& tangents) {
        return call_jvp(state, inputs, tangents);
      },
      saved_in_setup, [](const at::Tensor& x) { return x.view_as(x); }, false
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 14
      ,
      attached
#endif
  );
  if (pending->executable) {
    for (const auto& output : wrapped) {
      if (output.has_value()) {
        state.output_info.emplace_back(*output);
      } else {
        state.output_info.emplace_back();
      }
    }
    for (const auto& tensor : saved) {
      const bool is_output = tensor.defined() && tensor.grad_fn().get() == pending->node.get();
      state.saved.emplace_back(tensor, is_output);
    }
  }

  napi_value array = nullptr;
  call.check(napi_create_array_with_length(call.env(), wrapped.size(), &array));
  for (size_t i = 0; i < wrapped.size(); ++i) {
    napi_value handle = call.from(kNoTensor);
    if (wrapped[i].has_value()) {
      handle = wrapped[i]->is_same(raw[i]) ? call.from(kSameTensor) : call.handle(*wrapped[i]);
    }
    call.check(napi_set_element(call.env(), array, static_cast<uint32_t>(i), handle));
  }
  return array;
}

// functionSaved(number): handles of what was saved, -1 for gaps.
napi_value saved_of(Call& call) {
  const auto& functions = call.data().thread->functions;
  const auto found = functions.find(call.int32(0));
  const auto state = found == functions.end() ? nullptr : found->second.lock();
  if (state == nullptr || state->freed || state->node == nullptr) {
    throw BridgeError("runtime", torch::autograd::ERR_BACKWARD_TWICE);
  }
  napi_value array = nullptr;
  call.check(napi_create_array_with_length(call.env(), state->saved.size(), &array));
  for (size_t i = 0; i < state->saved.size(); ++i) {
    call.check(napi_set_element(call.env(), array, static_cast<uint32_t>(i),
                                call.handle(state->saved[i].unpack(state->node->getptr()))));
  }
  return array;
}

// functionOwn(number): the tensors of the list on the tape live from now on as long as the node.
napi_value own(Call& call) {
  const auto& functions = call.data().thread->functions;
  const auto found = functions.find(call.int32(0));
  const auto state = found == functions.end() ? nullptr : found->second.lock();
  if (state == nullptr || state->node == nullptr) throw BridgeError("internal", "this function's node has ended");
  const std::vector<int32_t> slots = own_listed(call.data().values(), state->id);
  state->owned.insert(state->owned.end(), slots.begin(), slots.end());
  return call.undefined();
}

// takeEnded(): the contexts with tensors of their own whose nodes have ended.
napi_value take_ended(Call& call) {
  std::vector<std::shared_ptr<JsObject>> ended;
  ended.swap(call.data().thread->ended);
  napi_value array = nullptr;
  call.check(napi_create_array_with_length(call.env(), ended.size(), &array));
  for (size_t i = 0; i < ended.size(); ++i) {
    call.check(napi_set_element(call.env(), array, static_cast<uint32_t>(i), ended[i]->value()));
  }
  return array;
}

// setCallbackEntry(function)
napi_value set_entry(Call& call) {
  JsThread& thread = *call.data().thread;
  if (thread.entry != nullptr) napi_delete_reference(call.env(), thread.entry);
  call.check(napi_create_reference(call.env(), call.value(0), 1, &thread.entry));
  return call.undefined();
}

// giveTensors(): the list on the tape is what the running callback gives back.
napi_value give_tensors(Call& call) {
  call.data().thread->given = read_tensors(call.data().values(), 0, true);
  return call.undefined();
}

}  // namespace

Tensors read_tensors(const Values& values, size_t position, bool gaps) {
  const Tape& tape = values.tape;
  if (tape.tag(position) != Tag::kList) {
    throw BridgeError("type", "Expected a list of tensors but received " + describe_value(values, position));
  }
  Tensors out;
  size_t item = position + 2;
  for (size_t k = tape.length(position); k > 0; --k) {
    const Tag tag = tape.tag(item);
    if (tag == Tag::kTensor) {
      out.push_back(values.tensors.get(tape.handle(item)));
    } else if (gaps && (tag == Tag::kNone || tag == Tag::kSkip)) {
      out.emplace_back();
    } else {
      throw BridgeError("type", "Expected a tensor but received " + describe_value(values, item));
    }
    item = tape.next(item);
  }
  return out;
}

std::vector<Function> custom_function_functions() {
  return {
      {"functionBegin", &guarded<begin>},
      {"functionEnd", &guarded<end>},
      {"functionAbort", &guarded<abort_forward>},
      {"functionSaved", &guarded<saved_of>},
      {"functionOwn", &guarded<own>},
      {"takeEnded", &guarded<take_ended>},
      {"setCallbackEntry", &guarded<set_entry>},
      {"giveTensors", &guarded<give_tensors>},
  };
}

}  // namespace torchbridge
