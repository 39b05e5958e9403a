// The operators of libtorch as the bridge calls them: their overloads, in the order in which a call tries them.
#pragma once
#include <ATen/core/dispatch/Dispatcher.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "guards.h"

namespace torchbridge {

// What an argument takes. `kUnsupported` needs a value JavaScript cannot make (a Stream, an object of a library).
enum class Kind : uint8_t {
  kTensor,
  kInt,
  kFloat,
  kBool,
  kScalar,
  kString,
  kScalarType,
  kLayout,
  kMemoryFormat,
  kDevice,
  kGenerator,
  kTensorList,
  kOptionalTensorList,
  kIntList,
  kFloatList,
  kBoolList,
  kScalarList,
  kStringList,
  kStorage,
  kUnsupported,
};

struct ArgumentSpec {
  std::string name;        // PyTorch's: memory_format
  std::string camel_name;  // ours: memoryFormat
  Kind kind;
  bool optional;  // None is a value
  bool keyword_only;
  bool is_out;
  bool has_default;
  int32_t broadcast;      // N of int[N]: one number stands for N of them; 0 without
  bool number_as_tensor;  // a number is taken and wrapped, as Python's bindings do for add, mul, …
  bool number_is_float;   // numbers alone decide the dtype of the result: a JavaScript number is a float then
  bool symbolic;  // SymInt, where Python takes any integer tensor of one element; int takes one without dimensions
  c10::IValue default_value;
};

struct Overload;
struct Values;
// Runs an overload of one C++ signature straight from the tape; `at` holds the position of each argument's value, and
// kDefaultPosition for one that was left out.
using DirectCall = at::Tensor (*)(const Overload& overload, const Values& values, const size_t* at);
constexpr size_t kDefaultPosition = 0;  // the tape begins with a count, so no value stands there

struct Overload {
  c10::OperatorHandle handle;
  std::string name;  // "add.Tensor"
  std::vector<ArgumentSpec> arguments;
  std::vector<int32_t> return_alias;  // index of the argument that a return is (in-place, out=), -1 for a new value
  std::vector<bool> returns_dtype;    // which returns are dtypes: numbers to libtorch, names to JavaScript
  size_t positional;                  // how many arguments may stand without a name
  size_t outs;
  std::string unsupported;  // why it cannot be called from JavaScript, empty when it can
  // The list of ints that numbers in a row stand for, as in view(2, 3); -1 where Python takes none.
  int32_t numbers_in_a_row = -1;
  std::vector<uint8_t>
      order;    // an older spelling: the argument that each value without a name is for; empty for the schema's
  Guard guard;  // what is checked before it runs
  DirectCall direct = nullptr;
  std::shared_ptr<const void> typed;  // what `direct` calls: the TypedOperatorHandle of its signature
};

struct Operator {
  std::string name;
  std::vector<Overload> overloads;
};

// The index of an operator ("add", "add.Tensor", "ns::op.overload"; aten when no namespace is named), -1 when
// libtorch has none of that name. Indices last as long as the process and are shared by all environments.
int32_t find_operator(const std::string& name);
const Operator& operator_at(int32_t index);
// Looks every name up anew: a library was loaded.
void forget_operator_names();

// Every schema of a namespace as JSON, for the generator of lib/generated.
std::string describe_operators(const std::string& name_space);

}  // namespace torchbridge
