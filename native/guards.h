// Checks before the call of operators that libtorch itself lets read or write outside of its memory, divide by zero or
// run without end. An overload without a rule pays for one pointer that is null.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/stack.h>

#include <optional>
#include <string>
#include <vector>

namespace torchbridge {

struct Overload;
class Arguments;

// One line of the table in guard_rules.cpp. `names` are operators (all their overloads) or single overloads,
// `parameters` what the check is told, `reason` what libtorch does without it.
struct Rule {
  const char* names;
  void (*check)(const Arguments& arguments, const char* parameters);
  const char* parameters;
  const char* reason;
};

// The arguments of one call by the names that the schema gives them.
class Arguments {
 public:
  Arguments(const Overload& overload, torch::jit::Stack& stack) : overload_(overload), stack_(stack) {}

  // None where the operator has no argument of this name.
  const c10::IValue& value(const std::string& name) const;
  // Undefined where it was left out or is none.
  at::Tensor tensor(const std::string& name) const;
  std::optional<int64_t> integer(const std::string& name) const;
  std::vector<at::Tensor> tensors() const;  // all of them, lists too
  const std::string& operation() const;
  // Gives the operator another tensor than the caller did: one of the same elements that it reads rightly.
  void replace(const std::string& name, at::Tensor tensor) const;

 private:
  size_t position(const std::string& name) const;  // in the stack, whose size stands for none

  const Overload& overload_;
  torch::jit::Stack& stack_;
};

// The lines of the table.
const std::vector<Rule>& guard_rules();

// The rules of one overload.
struct Guard {
  std::vector<const Rule*> rules;
  bool mutates = false;  // writes to an argument
  bool resizes = false;  // may give an argument other sizes (resized.h)
};

// Kinds of tensors that carry indices or metadata which a program can spoil, or have no memory at all.
inline bool is_odd(const at::Tensor& tensor) {
  constexpr c10::DispatchKeySet kinds({c10::DispatchKey::Sparse, c10::DispatchKey::SparseCsr,
                                       c10::DispatchKey::NestedTensor, c10::DispatchKey::ZeroTensor,
                                       c10::DispatchKey::Quantized, c10::DispatchKey::MkldnnCPU});
  return tensor.defined() && tensor.unsafeGetTensorImpl()->key_set().has_any(kinds);
}

Guard find_guard(const c10::OperatorHandle& handle);
// Throws BridgeError when the operator must not run on such a tensor.
void check_odd(const Overload& overload, const at::Tensor& tensor);
// The same for every tensor of a call, then the rules of its operator. The stack holds all arguments.
void check_call(const Overload& overload, torch::jit::Stack& stack);

// The rules as JSON: operators, what is checked, why.
std::string describe_rules();

}  // namespace torchbridge
