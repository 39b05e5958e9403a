#include "js_callback.h"

#include <ATen/ThreadLocalState.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/graph_task.h>

#include "environment.h"

namespace torchbridge {
namespace {

class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { napi_open_handle_scope(env_, &scope_); }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

void check(napi_status status) {
  if (status != napi_ok) throw BridgeError("internal", "a call from C++ into JavaScript could not be prepared");
}

std::string read_text(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return {};
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

// For the case that the error must leave its environment.
std::string message_of(napi_env env, napi_value thrown) {
  napi_value text = nullptr;
  bool error = false;
  if (napi_is_error(env, thrown, &error) == napi_ok && error) napi_get_named_property(env, thrown, "message", &text);
  if (text == nullptr) napi_coerce_to_string(env, thrown, &text);
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    napi_value ignored = nullptr;
    napi_get_and_clear_last_exception(env, &ignored);
  }
  return text == nullptr ? "JavaScript threw" : read_text(env, text);
}

[[noreturn]] void throw_pending(const std::shared_ptr<JsThread>& thread) {
  napi_env env = thread->env();
  bool pending = false;
  napi_value thrown = nullptr;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &thrown) == napi_ok && thrown != nullptr) {
    const std::string message = message_of(env, thrown);
    throw JsError(message, std::make_shared<JsObject>(thread, thrown));
  }
  throw JsError("the thread of JavaScript is being ended", nullptr);
}

napi_value handles_of(napi_env env, Environment& data, const Tensors& tensors) {
  napi_value array = nullptr;
  check(napi_create_array_with_length(env, tensors.size(), &array));
  for (size_t i = 0; i < tensors.size(); ++i) {
    napi_value handle = nullptr;
    check(napi_create_int32(env, tensors[i].defined() ? data.tensors.put(tensors[i]) : -1, &handle));
    check(napi_set_element(env, array, static_cast<uint32_t>(i), handle));
  }
  return array;
}

napi_value call_entry(const std::shared_ptr<JsThread>& thread, Callback kind, napi_value object, const Tensors& tensors,
                      const Tensors& more) {
  napi_env env = thread->env();
  if (thread->data() == nullptr || thread->entry == nullptr) {
    throw BridgeError("runtime", "the thread of JavaScript that this function belongs to has ended");
  }
  napi_value entry = nullptr;
  napi_value self = nullptr;
  napi_value arguments[4] = {nullptr, object, nullptr, nullptr};
  check(napi_get_reference_value(env, thread->entry, &entry));
  check(napi_get_undefined(env, &self));
  if (object == nullptr) arguments[1] = self;
  check(napi_create_int32(env, static_cast<int32_t>(kind), &arguments[0]));
  arguments[2] = handles_of(env, *thread->data(), tensors);
  arguments[3] = handles_of(env, *thread->data(), more);
  napi_value result = nullptr;
  if (napi_call_function(env, self, entry, 4, arguments, &result) != napi_ok) throw_pending(thread);
  return result;
}

}  // namespace

// Held inside an array: a reference to a primitive value (anything can be thrown) is not possible.
JsObject::JsObject(std::shared_ptr<JsThread> thread, napi_value value) : thread_(std::move(thread)) {
  napi_env env = thread_->env();
  napi_value holder = nullptr;
  check(napi_create_array_with_length(env, 1, &holder));
  check(napi_set_element(env, holder, 0, value));
  check(napi_create_reference(env, holder, 1, &ref_));
}

JsObject::~JsObject() {
  // An environment that is gone has freed its references itself.
  thread_->run_later([thread = thread_, ref = ref_] {
    if (thread->data() != nullptr) napi_delete_reference(thread->env(), ref);
  });
}

napi_value JsObject::value() const {
  napi_env env = thread_->env();
  napi_value holder = nullptr;
  napi_value value = nullptr;
  if (thread_->data() == nullptr) {
    throw BridgeError("runtime", "the thread of JavaScript that this function belongs to has ended");
  }
  check(napi_get_reference_value(env, ref_, &holder));
  check(napi_get_element(env, holder, 0, &value));
  return value;
}

bool JsError::rethrow(napi_env env) const {
  if (thrown_ == nullptr) return true;  // the environment is ending: nothing can be thrown any more
  if (thrown_->thread()->env() != env || !thrown_->thread()->here()) return false;
  napi_throw(env, thrown_->value());
  return true;
}

int current_graph_task() {
  const int task = torch::autograd::get_current_graph_task_id();
  if (task >= 0) return task;
  const auto thread = JsThread::current();
  return thread == nullptr ? -1 : thread->graph_task;
}

void run_with_modes(const std::shared_ptr<JsThread>& thread, const std::function<void()>& work) {
  if (thread->here()) {
    thread->run(work);
    return;
  }
  // The modes (recording of gradients, hooks of saved tensors, …) are those of the thread that asks.
  const at::ThreadLocalState modes;
  const bool valid = torch::autograd::Engine::get_default_engine().is_checkpoint_valid();
  const int task = current_graph_task();
  thread->run([&] {
    const at::ThreadLocalStateGuard guard(modes);
    const bool before = std::exchange(thread->checkpoint_valid, valid);
    const int task_before = std::exchange(thread->graph_task, task);
    const std::shared_ptr<void> restore(nullptr, [&](void*) {
      thread->checkpoint_valid = before;
      thread->graph_task = task_before;
    });
    work();
  });
}

std::optional<Tensors> call_javascript(Callback kind, const JsObject& object, const Tensors& tensors,
                                       const Tensors& more) {
  const auto& thread = object.thread();
  std::optional<Tensors> given;
  run_with_modes(thread, [&] {
    const HandleScope scope(thread->env());
    thread->given.reset();
    call_entry(thread, kind, object.value(), tensors, more);
    given = std::move(thread->given);
    thread->given.reset();
  });
  return given;
}

std::shared_ptr<JsObject> call_javascript_for_object(Callback kind, const JsObject& object, const Tensors& tensors) {
  const auto& thread = object.thread();
  std::shared_ptr<JsObject> result;
  run_with_modes(thread, [&] {
    const HandleScope scope(thread->env());
    result = std::make_shared<JsObject>(thread, call_entry(thread, kind, object.value(), tensors, {}));
  });
  return result;
}

std::vector<int32_t> own_listed(const Values& values, int32_t owner) {
  const Tape& tape = values.tape;
  std::vector<int32_t> slots;
  size_t item = 2;
  for (size_t k = tape.length(0); k > 0; --k, item = tape.next(item)) {
    if (tape.tag(item) != Tag::kTensor) throw BridgeError("internal", "only tensors can be owned");
    const int32_t slot = tape.handle(item);
    values.tensors.get(slot);
    values.tensors.own(slot, owner);
    slots.push_back(slot);
  }
  return slots;
}

std::string javascript_stack(const std::shared_ptr<JsThread>& thread) {
  std::string text;
  thread->run([&] {
    const HandleScope scope(thread->env());
    text = read_text(thread->env(), call_entry(thread, Callback::kStack, nullptr, {}, {}));
  });
  return text;
}

bool rethrow_javascript(napi_env env) {
  try {
    throw;
  } catch (const JsError& e) {
    return e.rethrow(env);
  } catch (const StopRecomputation&) {
    const auto thread = JsThread::current();
    napi_value signal = nullptr;
    if (thread == nullptr || thread->stop_signal == nullptr ||
        napi_get_reference_value(env, thread->stop_signal, &signal) != napi_ok) {
      return false;
    }
    return napi_throw(env, signal) == napi_ok;
  } catch (...) {
    return false;
  }
}

}  // namespace torchbridge
