// What one JavaScript environment (the main thread, or a worker) owns, and the guard around every call into C++.
#pragma once
#include <c10/core/InferenceMode.h>
#include <node_api.h>

#include <memory>
#include <string>
#include <vector>

#include "autocast.h"
#include "convert.h"
#include "errors.h"
#include "js_thread.h"
#include "shared_memory.h"
#include "slots.h"
#include "tape.h"

namespace torchbridge {

class Backwards;
class Deferred;

struct Environment {
  Environment() = default;
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  OwnPins pins;  // before the tensors: they use it until they are gone
  TensorSlots tensors;
  GeneratorSlots generators;
  std::vector<const Operator*> operators;  // by index, as they are used
  Tape tape;
  napi_ref tape_buffer = nullptr;  // keeps the tape's ArrayBuffer
  int32_t* released = nullptr;     // JavaScript's list of slots to free: a count, then as many handles
  size_t released_size = 0;        // cells of it
  napi_ref released_buffer = nullptr;
  napi_ref error_factory = nullptr;  // (code, message, operator, operands) => Error
  std::vector<std::unique_ptr<c10::InferenceMode>> inference_modes;
  std::vector<std::unique_ptr<AutocastGuard>> autocasts;
  int64_t external_bytes = 0;  // what V8 was told of our memory
  std::shared_ptr<JsThread> thread;
  std::shared_ptr<Deferred> deferred;  // null until the first deferred call
  bool deferring = false;              // whether calls are recorded, or recorded ones still run

  std::shared_ptr<Backwards> backwards;  // null until the first asynchronous backward
  bool backwards_running = false;

  Values values() { return {tape, tensors, generators}; }
  void free_released();
};

// One call from JavaScript.
class Call {
 public:
  static constexpr size_t kMost = 8;

  Call(napi_env env, napi_callback_info info);

  napi_env env() const { return env_; }
  Environment& data() const { return *data_; }
  size_t count() const { return count_; }
  napi_value value(size_t i) const { return args_[i]; }

  int32_t int32(size_t i) const;
  double number(size_t i) const;
  bool boolean(size_t i) const;
  std::string string(size_t i) const;
  // The bytes of a TypedArray or ArrayBuffer argument.
  std::pair<char*, size_t> bytes(size_t i) const;
  const at::Tensor& tensor(size_t i) const { return data_->tensors.get(int32(i)); }

  napi_value undefined() const;
  napi_value from(int32_t v) const;
  napi_value from(int64_t v) const;
  napi_value from(double v) const;
  napi_value from(bool v) const;
  napi_value from(const std::string& v) const;
  napi_value handle(at::Tensor tensor) const;  // -1 when it is undefined

  void check(napi_status status) const;

 private:
  napi_env env_;
  Environment* data_ = nullptr;
  size_t count_ = kMost;
  napi_value args_[kMost] = {};
};

// Throws the failure in flight as a JavaScript error; for catch blocks. `operation` and `operands` may be empty.
void throw_failure(napi_env env, Environment* data, const std::string& operation, const std::string& operands);

// The same as a value; null when none can be made.
napi_value new_error(napi_env env, const Environment& data, const Failure& failure, const std::string& operation,
                     const std::string& operands);

using Body = napi_value (*)(Call& call);

template <Body body>
napi_value guarded(napi_env env, napi_callback_info info) noexcept {
  Environment* data = nullptr;
  try {
    Call call(env, info);
    data = &call.data();
    return body(call);
  } catch (const PendingException&) {
    return nullptr;
  } catch (...) {
    throw_failure(env, data, "", "");
    return nullptr;
  }
}

struct Function {
  const char* name;
  napi_callback callback;
};

// The functions of each file, put on the addon's exports by addon.cpp.
std::vector<Function> dispatch_functions();
std::vector<Function> tensor_functions();
std::vector<Function> data_functions();
std::vector<Function> indexing_functions();
std::vector<Function> file_functions();
std::vector<Function> sharing_functions();
std::vector<Function> autograd_functions();
std::vector<Function> custom_function_functions();
std::vector<Function> hook_functions();
std::vector<Function> engine_functions();
std::vector<Function> saved_hook_functions();
std::vector<Function> autocast_functions();
std::vector<Function> checkpoint_functions();
std::vector<Function> backward_async_functions();
std::vector<Function> random_functions();
std::vector<Function> runtime_functions();
std::vector<Function> arithmetic_functions();
std::vector<Function> library_functions();
std::vector<Function> deferred_functions();
std::vector<Function> bottleneck_functions();
std::vector<Function> operator_log_functions();

}  // namespace torchbridge
