// Calls from C++ into JavaScript: one entry function (lib/tensor/callbacks.ts) behind every custom function and hook.
#pragma once
#include <ATen/core/Tensor.h>

#include <stdexcept>

#include "convert.h"
#include "js_thread.h"

namespace torchbridge {

// A JavaScript object that C++ holds. May be let go of on any thread, also after its environment has ended.
class JsObject {
 public:
  JsObject(std::shared_ptr<JsThread> thread, napi_value value);
  ~JsObject();
  JsObject(const JsObject&) = delete;
  JsObject& operator=(const JsObject&) = delete;

  napi_value value() const;  // on its thread only
  const std::shared_ptr<JsThread>& thread() const { return thread_; }

 private:
  std::shared_ptr<JsThread> thread_;
  napi_ref ref_ = nullptr;
};

// What JavaScript threw, on its way through libtorch back to JavaScript.
class JsError : public std::runtime_error {
 public:
  JsError(const std::string& message, std::shared_ptr<JsObject> thrown)
      : std::runtime_error(message), thrown_(std::move(thrown)) {}
  // Throws it again; false when it belongs to another environment.
  bool rethrow(napi_env env) const;

 private:
  std::shared_ptr<JsObject> thrown_;
};

// As in lib/tensor/callbacks.ts.
enum class Callback : int32_t {
  kBackward = 0,
  kJvp = 1,
  kTensorHook = 2,
  kNodePreHook = 3,
  kNodeHook = 4,
  kPostAccumulateGrad = 5,
  kStack = 6,
  kPack = 7,
  kUnpack = 8,
  kRecompute = 9,
  kCheckpointFailure = 10,
};

using Tensors = std::vector<at::Tensor>;

// Thrown where a recomputation has made all that was asked for: ends JavaScript's function, and is no failure.
struct StopRecomputation {};

// Runs `work` on JavaScript's thread with the calling thread's modes.
void run_with_modes(const std::shared_ptr<JsThread>& thread, const std::function<void()>& work);

// libtorch's number of the backward that this thread works for, -1 without.
int current_graph_task();

// Calls entry(kind, object, tensors, more) on the object's thread, with the calling thread's modes; undefined tensors
// arrive as null. Returns the tensors JavaScript gave with giveTensors(), nothing when it gave none.
std::optional<Tensors> call_javascript(Callback kind, const JsObject& object, const Tensors& tensors,
                                       const Tensors& more = {});
// The same for what JavaScript returns.
std::shared_ptr<JsObject> call_javascript_for_object(Callback kind, const JsObject& object, const Tensors& tensors);
// Gives the tensors of the list on the tape to an owner in C++; returns their slots.
std::vector<int32_t> own_listed(const Values& values, int32_t owner);
// The list of tensors on the tape; where `gaps` are allowed, none stands for "no tensor".
Tensors read_tensors(const Values& values, size_t position, bool gaps);
// The JavaScript stack of this moment.
std::string javascript_stack(const std::shared_ptr<JsThread>& thread);

// For catch blocks: throws a JsError or StopRecomputation in flight as what it was; false for any other exception.
bool rethrow_javascript(napi_env env);

}  // namespace torchbridge
