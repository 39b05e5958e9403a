// Saved-tensor hooks: the stack of a thread, and the pair of JavaScript functions. See
// lib/tensor/autograd/saved-tensors.ts.
#include "saved_hooks.h"

#include <ATen/SavedTensorHooks.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include "environment.h"
#include "js_callback.h"

namespace torchbridge {
namespace {

using c10::ThreadLocalDebugInfo;
using torch::autograd::SavedVariableHooks;

// libtorch hands debug information on to the threads of a backward, and gives it back to those who call from there.
struct HooksInfo : c10::DebugInfoBase {
  explicit HooksInfo(std::shared_ptr<SavedHooks> given) : hooks(std::move(given)) {}
  std::shared_ptr<SavedHooks> hooks;
};

const auto kKind = c10::DebugInfoKind::TEST_INFO;  // used by libtorch's own tests only

const HooksInfo* innermost() { return static_cast<const HooksInfo*>(ThreadLocalDebugInfo::get(kKind)); }

// A tensor as JavaScript has packed it: a record of lib/tensor/autograd/saved-tensors.ts.
class JsKeeper final : public SavedVariableHooks {
 public:
  explicit JsKeeper(std::shared_ptr<JsObject> pair) : pair_(std::move(pair)) {}

  ~JsKeeper() override {
    if (packed_ == nullptr || slots_.empty()) return;
    const auto thread = packed_->thread();
    thread->run_later([thread, packed = packed_, slots = std::move(slots_), id = owner_] {
      Environment* data = thread->data();
      if (data == nullptr) return;
      for (const int32_t slot : slots) data->tensors.abandon(slot, id);
      thread->ended.push_back(packed);
    });
  }

  void call_pack_hook(const at::Tensor& tensor) override {
    const auto& thread = pair_->thread();
    run_with_modes(thread, [&] {
      thread->owned_slots.clear();
      packed_ = call_javascript_for_object(Callback::kPack, *pair_, {tensor});
      owner_ = thread->owner_of_slots;
      slots_.swap(thread->owned_slots);
      thread->owned_slots.clear();
    });
  }

  at::Tensor call_unpack_hook() override {
    const auto packed = packed_;  // the hook may end the graph
    auto given = call_javascript(Callback::kUnpack, *packed, {});
    if (!given || given->size() != 1) throw BridgeError("internal", "a hook for saved tensors gave back no tensor");
    return std::move(given->front());
  }

 private:
  std::shared_ptr<JsObject> pair_;
  std::shared_ptr<JsObject> packed_;
  std::vector<int32_t> slots_;  // of tensors that live as long as what was packed
  int32_t owner_ = 0;
};

class JsHooks final : public SavedHooks {
 public:
  explicit JsHooks(std::shared_ptr<JsObject> pair) : pair_(std::move(pair)) {}
  std::unique_ptr<SavedVariableHooks> make() override { return std::make_unique<JsKeeper>(pair_); }

 private:
  std::shared_ptr<JsObject> pair_;
};

class NoHooks final : public SavedHooks {
 public:
  std::unique_ptr<SavedVariableHooks> make() override { return nullptr; }
};

// pushSavedHooks(pair): the pair {pack, unpack}; null keeps tensors as they are.
napi_value push(Call& call) {
  napi_valuetype type = napi_undefined;
  call.check(napi_typeof(call.env(), call.value(0), &type));
  if (type == napi_null) {
    push_saved_hooks(std::make_shared<NoHooks>());
  } else {
    push_saved_hooks(std::make_shared<JsHooks>(std::make_shared<JsObject>(call.data().thread, call.value(0))));
  }
  return call.undefined();
}

napi_value pop(Call& call) {
  pop_saved_hooks();
  return call.undefined();
}

// ownPacked(): the tensors of the list on the tape live as long as what the running pack hook gives back.
napi_value own_packed(Call& call) {
  JsThread& thread = *call.data().thread;
  const Values values = call.data().values();
  thread.owner_of_slots = thread.next_function++;
  thread.owned_slots = own_listed(values, thread.owner_of_slots);
  return call.undefined();
}

// savedHooksDisabled(): the reason, none while they are allowed.
napi_value disabled(Call& call) {
  const auto& reason = at::SavedTensorDefaultHooks::get_disabled_error_message();
  if (!reason) return call.undefined();
  return call.from(*reason);
}

// disableSavedHooks(reason) and enableSavedHooks()
napi_value disable(Call& call) {
  const std::string reason = call.string(0);
  at::SavedTensorDefaultHooks::disable(reason);
  if (innermost() != nullptr) throw BridgeError("runtime", reason);
  return call.undefined();
}

napi_value enable(Call& call) {
  at::SavedTensorDefaultHooks::enable();
  return call.undefined();
}

}  // namespace

void push_saved_hooks(std::shared_ptr<SavedHooks> hooks) {
  const auto& reason = at::SavedTensorDefaultHooks::get_disabled_error_message();
  if (reason) throw BridgeError("runtime", *reason);
  ThreadLocalDebugInfo::_push(kKind, std::make_shared<HooksInfo>(std::move(hooks)));
}

void pop_saved_hooks() { ThreadLocalDebugInfo::_pop(kKind); }

std::unique_ptr<SavedVariableHooks> keeper_of_saved_tensor() {
  const HooksInfo* info = innermost();
  return info == nullptr ? nullptr : info->hooks->make();
}

std::vector<Function> saved_hook_functions() {
  return {
      {"pushSavedHooks", &guarded<push>},       {"popSavedHooks", &guarded<pop>},
      {"ownPacked", &guarded<own_packed>},      {"savedHooksDisabled", &guarded<disabled>},
      {"disableSavedHooks", &guarded<disable>}, {"enableSavedHooks", &guarded<enable>},
  };
}

}  // namespace torchbridge
