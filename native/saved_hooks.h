// Hooks that decide how tensors are kept for backward: a stack of them for a thread, which backward and the threads
// that work for it inherit. PyTorch's own stack belongs to Python.
#pragma once
#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <memory>

namespace torchbridge {

// A pair of hooks that is on. Makes the keeper of one tensor; null where tensors are kept as they are.
class SavedHooks {
 public:
  virtual ~SavedHooks() = default;
  virtual std::unique_ptr<torch::autograd::SavedVariableHooks> make() = 0;
};

// Throws when hooks are disabled.
void push_saved_hooks(std::shared_ptr<SavedHooks> hooks);
void pop_saved_hooks();
// What libtorch's engine asks for each tensor that an operator saves.
std::unique_ptr<torch::autograd::SavedVariableHooks> keeper_of_saved_tensor();

// Hooks for the time of a block, on the calling thread.
class SavedHooksGuard {
 public:
  explicit SavedHooksGuard(std::shared_ptr<SavedHooks> hooks) { push_saved_hooks(std::move(hooks)); }
  ~SavedHooksGuard() { pop_saved_hooks(); }
  SavedHooksGuard(const SavedHooksGuard&) = delete;
  SavedHooksGuard& operator=(const SavedHooksGuard&) = delete;
};

}  // namespace torchbridge
