// The operators of one deferred call, in order: recorded on JavaScript's thread, run later on any thread.
#pragma once
#include <ATen/ThreadLocalState.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dispatch.h"

namespace torchbridge {

// Numbers of the job's own: where values stand in its tables ("local"), cells of its tape, its n-th call.
struct Step {
  const Operator* op = nullptr;  // null for a release
  const Overload* overload = nullptr;
  size_t cells = 0;  // where its arguments begin on the job's tape
  size_t size = 0;
  size_t state = 0;  // the thread's state that it was called in
  size_t results = 0;
  size_t result_count = 0;
  size_t borrowed = 0;
  size_t borrowed_count = 0;
  int32_t call = 0;
  int32_t released = -1;
};

struct JobFailure {
  const char* code;
  std::string message;
  std::string operation;
  std::string operands;
  int32_t call;  // -1 when no operator failed
};

class Job {
 public:
  // Recording. A table entry is never used twice until reset(), so that `tensors_` and `foreseen_` go in step.
  int32_t reserve();
  int32_t put(at::Tensor tensor);
  int32_t put(at::Generator generator) { return generators_.put(std::move(generator)); }
  // The value comes from a job that runs before this one.
  int32_t import(std::shared_ptr<Job> from, int32_t local);
  void append(Step step);
  void append_release(int32_t local);
  // What a step that is to be appended will return, without elements; empty when only running it tells.
  std::optional<torch::jit::Stack> foresee_next(const Step& step);
  // Runs the steps up to here without elements; whether the last one could be.
  bool foresee_all();
  // Sizes and dtype of a tensor still to come, on the device `meta`; undefined when only running tells.
  at::Tensor foresee(int32_t local);
  size_t current_state();  // index of the calling thread's state
  void touch(const at::Tensor& tensor, bool written);

  bool reads(const at::Tensor& tensor) const;
  bool writes(const at::Tensor& tensor) const;
  bool writes_any() const { return writes_any_; }

  // Runs what was recorded, on this thread, until a step fails.
  void run(const std::atomic<bool>& stop);
  // Forgets everything that has run, so that recording can go on.
  void reset();
  // Fails without running.
  void give_up(const std::string& why);

  at::Tensor result(int32_t local) const { return tensors_.holds(local) ? tensors_.get(local) : at::Tensor(); }
  bool empty() const { return steps_.empty(); }

  std::vector<double> cells;    // the arguments of all steps, one tape after the other
  std::vector<int32_t> locals;  // results and borrowed tensors of all steps
  int32_t calls = 0;
  int threads = 1;
  bool random = false;            // draws random numbers
  bool on_cpu = true;             // nothing of it is on another device
  std::atomic<bool> done{false};  // once set, another thread's results can be read
  std::optional<JobFailure> failure;

 private:
  struct Import {
    int32_t local;
    std::shared_ptr<Job> from;
    int32_t index;
  };

  bool take_imports();
  bool run_step(const Step& step);
  bool see_operands(const Step& step);
  std::optional<torch::jit::Stack> foresee_step(const Step& step, bool keep);
  void store(const Step& step, const Binding& binding, const torch::jit::Stack& stack, TensorSlots& target) const;

  TensorSlots tensors_;
  TensorSlots foreseen_;
  GeneratorSlots generators_;
  std::vector<Step> steps_;
  std::vector<Import> imports_;
  std::vector<at::ThreadLocalState> states_;
  uint64_t state_key_[3] = {};
  std::unordered_map<const void*, bool> storages_;  // of tensors from outside; true: written
  bool writes_any_ = false;
  size_t steps_foreseen_ = 0;
};

// The tensors among the values of a call, in order.
template <typename Visit>
void each_value(const Tape& tape, size_t position, const Visit& visit) {
  visit(position);
  if (tape.tag(position) != Tag::kList) return;
  size_t item = position + 2;
  for (size_t k = tape.length(position); k > 0; --k) {
    each_value(tape, item, visit);
    item = tape.next(item);
  }
}

}  // namespace torchbridge
