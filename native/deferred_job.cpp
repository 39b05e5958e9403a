#include "deferred_job.h"

#include <ATen/ops/empty_strided.h>
#include <c10/core/AutogradState.h>

#include "resized.h"

namespace torchbridge {

int32_t Job::reserve() {
  foreseen_.reserve();
  return tensors_.reserve();
}

int32_t Job::put(at::Tensor tensor) {
  foreseen_.reserve();
  return tensors_.put(std::move(tensor));
}

int32_t Job::import(std::shared_ptr<Job> from, int32_t local) {
  const int32_t own = reserve();
  imports_.push_back({own, std::move(from), local});
  return own;
}

void Job::append(Step step) {
  step.call = calls++;
  steps_.push_back(step);
}

void Job::append_release(int32_t local) {
  Step step;
  step.released = local;
  steps_.push_back(step);
}

size_t Job::current_state() {
  const auto keys = c10::impl::tls_local_dispatch_key_set();
  const auto& modes = c10::AutogradState::get_tls_state();
  const uint64_t flags = (modes.get_grad_mode() ? 1u : 0u) | (modes.get_inference_mode() ? 2u : 0u) |
                         (modes.get_fw_grad_mode() ? 4u : 0u) | (modes.get_view_replay_enabled() ? 8u : 0u);
  const uint64_t key[3] = {keys.included_.raw_repr(), keys.excluded_.raw_repr(), flags};
  if (states_.empty() || !std::equal(key, key + 3, state_key_)) {
    states_.emplace_back();
    std::copy(key, key + 3, state_key_);
  }
  return states_.size() - 1;
}

namespace {

const void* storage_of(const at::Tensor& tensor) {
  return tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

}  // namespace

void Job::touch(const at::Tensor& tensor, bool written) {
  if (!tensor.device().is_cpu()) on_cpu = false;
  writes_any_ = writes_any_ || written;
  if (const void* storage = storage_of(tensor)) {
    bool& known = storages_[storage];
    known = known || written;
  }
}

bool Job::reads(const at::Tensor& tensor) const { return storages_.count(storage_of(tensor)) > 0; }

bool Job::writes(const at::Tensor& tensor) const {
  const auto found = storages_.find(storage_of(tensor));
  return found != storages_.end() && found->second;
}

bool Job::take_imports() {
  for (auto& each : imports_) {
    at::Tensor value = each.from->result(each.index);
    if (!value.defined()) {
      const std::string why = each.from->failure ? each.from->failure->message : "its operator gave none";
      failure = JobFailure{"runtime", "a tensor of an earlier asynchronous call was not computed: " + why, "", "", -1};
      return false;
    }
    tensors_.fill(each.local, std::move(value));
  }
  imports_.clear();
  return true;
}

void Job::run(const std::atomic<bool>& stop) {
  if (!failure && take_imports()) {
    std::optional<at::ThreadLocalStateGuard> guard;
    size_t active = states_.size();
    for (const Step& step : steps_) {
      if (stop.load(std::memory_order_relaxed)) {
        failure = JobFailure{"runtime", "the process ended before this was computed", "", "", -1};
        break;
      }
      if (step.op == nullptr) {
        tensors_.release(step.released);
        continue;
      }
      if (step.state != active) guard.emplace(states_[active = step.state]);
      if (!run_step(step)) break;
    }
  }
  steps_.clear();
  imports_.clear();
  if (failure) tensors_ = TensorSlots();
}

bool Job::run_step(const Step& step) {
  Tape tape(cells.data() + step.cells, step.size);
  const Values values{tape, tensors_, generators_};
  Given given;
  try {
    read_given(tape, given);
    Binding binding;
    const char* reason = bind(*step.overload, values, given, binding);
    if (reason != nullptr) throw BridgeError("internal", std::string("a recorded call no longer fits: ") + reason);
    torch::jit::Stack stack;
    fill_stack(*step.overload, values, given, binding, stack);
    check_call(*step.overload, stack);
    call_boxed(*step.overload, stack);
    store(step, binding, stack, tensors_);
  } catch (...) {
    const Failure found = current_failure();
    std::string operands;
    try {
      operands = describe_given(values, given);
    } catch (...) {
      operands.clear();  // the message stands without them
    }
    failure = JobFailure{found.code, found.message, step.op->name, operands, step.call};
    return false;
  }
  for (size_t i = 0; i < step.borrowed_count; ++i) tensors_.release(locals[step.borrowed + i]);
  return true;
}

void Job::store(const Step& step, const Binding& binding, const torch::jit::Stack& stack, TensorSlots& target) const {
  size_t next = 0;
  const auto put = [&](const c10::IValue& value) {
    if (next == step.result_count) throw BridgeError("internal", "an operator gave more tensors than were expected");
    const int32_t local = locals[step.results + next++];
    if (value.isTensor() && value.toTensor().defined()) target.fill(local, value.toTensor());
  };
  for (size_t r = 0; r < stack.size(); ++r) {
    if (returned_argument(*step.overload, binding, r) >= 0) continue;
    if (stack[r].isTensorList()) {
      for (const auto& item : stack[r].toListRef()) put(item);
    } else {
      put(stack[r]);
    }
  }
}

void Job::reset() {
  tensors_ = TensorSlots();
  foreseen_ = TensorSlots();
  generators_ = GeneratorSlots();
  steps_.clear();
  imports_.clear();
  cells.clear();
  locals.clear();
  storages_.clear();
  writes_any_ = false;
  steps_foreseen_ = 0;
}

void Job::give_up(const std::string& why) {
  if (!failure) failure = JobFailure{"runtime", why, "", "", -1};
  reset();
  done = true;
}

// Gives every operand of a step that is known its shadow on `meta`; false when one is not.
bool Job::see_operands(const Step& step) {
  Tape tape(cells.data() + step.cells, step.size);
  Given given;
  read_given(tape, given);
  bool known = true;
  for (size_t i = 0; i < given.positional + given.named; ++i) {
    each_value(tape, given.at[i], [&](size_t p) {
      if (tape.tag(p) != Tag::kTensor || foreseen_.holds(tape.handle(p))) return;
      const at::Tensor tensor = result(tape.handle(p));
      const bool plain = tensor.defined() && tensor.layout() == at::kStrided && !tensor.is_nested() &&
                         !tensor.is_quantized() && !tensor.is_conj() && !tensor.is_neg();
      if (!plain) {
        known = false;
        return;
      }
      foreseen_.fill(tape.handle(p), at::empty_strided(tensor.sizes(), tensor.strides(),
                                                       at::TensorOptions(at::kMeta).dtype(tensor.scalar_type())));
    });
  }
  return known;
}

std::optional<torch::jit::Stack> Job::foresee_step(const Step& step, bool keep) {
  // A user's operator may look for elements where there are none.
  if (step.overload->handle.schema().name().rfind("aten::", 0) != 0) return std::nullopt;
  try {
    const at::ThreadLocalStateGuard guard(states_[step.state]);
    // Autocast looks at the device to choose the dtype. It is on where its keys are not excluded.
    const auto excluded = c10::impl::tls_local_dispatch_key_set().excluded_;
    if (!excluded.isSupersetOf(c10::autocast_dispatch_keyset) || !see_operands(step)) return std::nullopt;
    Tape tape(cells.data() + step.cells, step.size);
    const Values values{tape, foreseen_, generators_};
    Given given;
    read_given(tape, given);
    Binding binding;
    if (bind(*step.overload, values, given, binding) != nullptr) return std::nullopt;
    torch::jit::Stack stack;
    fill_stack(*step.overload, values, given, binding, stack);
    check_call(*step.overload, stack);
    bool on_meta = false;
    for (size_t i = 0; i < stack.size(); ++i) {
      const Kind kind = step.overload->arguments[i].kind;
      if (kind == Kind::kDevice) stack[i] = c10::Device(at::kMeta);
      if (kind == Kind::kGenerator) stack[i] = c10::IValue();  // nothing is drawn
      on_meta = on_meta || kind == Kind::kDevice || stack[i].isTensor() || stack[i].isTensorList();
    }
    // Without either the operator would compute.
    if (!on_meta) return std::nullopt;
    step.overload->handle.callBoxed(stack);
    if (keep) store(step, binding, stack, foreseen_);
    return stack;
  } catch (...) {
    return std::nullopt;  // running it will tell, its errors too
  }
}

std::optional<torch::jit::Stack> Job::foresee_next(const Step& step) {
  foresee_all();
  return foresee_step(step, /*keep=*/false);
}

bool Job::foresee_all() {
  bool known = true;
  for (; steps_foreseen_ < steps_.size(); ++steps_foreseen_) {
    const Step& step = steps_[steps_foreseen_];
    known = step.op == nullptr || foresee_step(step, /*keep=*/true).has_value();
  }
  return known;
}

at::Tensor Job::foresee(int32_t local) {
  foresee_all();
  return foreseen_.holds(local) ? foreseen_.get(local) : at::Tensor();
}

}  // namespace torchbridge
