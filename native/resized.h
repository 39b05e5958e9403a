// Calls of operators that may resize an argument (resize_, set_, out=): libtorch writes the new sizes down before it
// asks for the memory, so a call that fails for lack of it leaves a tensor whose sizes reach past the end of its
// storage.
#pragma once
#include <ATen/core/function_schema.h>
#include <ATen/core/stack.h>

namespace torchbridge {

struct Overload;

// Whether the operator may give an argument other sizes or another storage.
bool may_resize(const c10::FunctionSchema& schema);
// Runs the overload. When it throws, arguments whose sizes no longer fit their storage are what they were before.
void call_boxed(const Overload& overload, torch::jit::Stack& stack);

}  // namespace torchbridge
