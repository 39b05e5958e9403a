// A library of operators as a user writes one; custom-operators.test.ts compiles and loads it.
#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mul.h>
#include <torch/library.h>

#include <stdexcept>

namespace {

using c10::IValue;
using torch::jit::Stack;

// Made of operators that have gradients: it has one too.
at::Tensor scale(const at::Tensor& x, double factor, const std::optional<at::Tensor>& bias) {
  const at::Tensor scaled = at::mul(x, factor);
  return bias ? at::add(scaled, *bias) : scaled;
}

at::Tensor join(at::TensorList tensors, at::IntArrayRef order, int64_t dim) {
  std::vector<at::Tensor> sorted;
  for (const int64_t i : order) sorted.push_back(tensors.at(i));
  return at::cat(sorted, dim);
}

std::string greet(std::string name, bool loud) { return "Hello, " + name + (loud ? "!" : "."); }

std::tuple<at::Tensor, std::vector<at::Tensor>, c10::Dict<std::string, at::Tensor>> several(const at::Tensor& x) {
  c10::Dict<std::string, at::Tensor> named;
  named.insert("twice", at::mul(x, 2));
  named.insert("itself", x);
  return {at::add(x, 1), {x, x}, named};
}

at::Tensor& increase_(at::Tensor& x) { return x.add_(1); }

void fail(const c10::OperatorHandle& op, Stack* stack) {
  const std::string kind = torch::jit::pop(*stack).toStringRef();
  if (kind == "torch") TORCH_CHECK(false, "refused by the operator");
  if (kind == "std") throw std::runtime_error("a failure of the library");
  throw 42;
}

// Two good tensors, then a value that JavaScript has no form for.
void strange(const c10::OperatorHandle& op, Stack* stack) {
  const at::Tensor x = torch::jit::pop(*stack).toTensor();
  torch::jit::push(*stack, at::add(x, 1), std::vector<at::Tensor>{at::add(x, 2)}, IValue(x.storage()));
}

// Not what its schema says.
void nothing(const c10::OperatorHandle& op, Stack* stack) { torch::jit::drop(*stack, 1); }

void another(const c10::OperatorHandle& op, Stack* stack) {
  torch::jit::drop(*stack, 1);
  torch::jit::push(*stack, std::string("a text"));
}

}  // namespace

TORCH_LIBRARY(bridge_test, m) {
  m.def("scale(Tensor x, float factor=2.0, *, Tensor? bias=None) -> Tensor", &scale);
  m.def("join(Tensor[] tensors, int[] order, int dim=0) -> Tensor", &join);
  m.def("greet(str name, bool loud=False) -> str", &greet);
  m.def("several(Tensor x) -> (Tensor, Tensor[], Dict(str, Tensor))", &several);
  m.def("increase_(Tensor(a!) x) -> Tensor(a!)", &increase_);
  m.def("fail(str kind) -> ()", torch::CppFunction::makeFromBoxedFunction<&fail>());
  m.def("strange(Tensor x) -> (Tensor, Tensor[], Storage)", torch::CppFunction::makeFromBoxedFunction<&strange>());
  m.def("nothing(Tensor x) -> Tensor", torch::CppFunction::makeFromBoxedFunction<&nothing>());
  m.def("another(Tensor x) -> Tensor", torch::CppFunction::makeFromBoxedFunction<&another>());
}
