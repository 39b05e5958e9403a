// Values between the tape and libtorch: the arguments of one call, and its results.
#pragma once
#include <ATen/core/Generator.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

#include "operators.h"
#include "slots.h"
#include "tape.h"

namespace torchbridge {

using TensorSlots = Slots<at::Tensor>;
using GeneratorSlots = Slots<at::Generator>;

struct Values {
  Tape& tape;
  TensorSlots& tensors;
  GeneratorSlots& generators;
};

// Whether the value at `position` can be given to an argument.
bool accepts(const ArgumentSpec& spec, const Values& values, size_t position);
// Makes that value; throws BridgeError for what no type check shows (an int beyond 64 bits).
c10::IValue to_ivalue(const ArgumentSpec& spec, const Values& values, size_t position);
// What Python takes where it asks for an index: an int, or an integer tensor of one element; a boolean one where the
// schema says int or where it stands for a list, not where it says SymInt.
bool is_index(const Values& values, size_t position, bool booleans);
// What kind of value stands there, for messages: "Tensor float32[2, 3]", "number", "list of 2".
std::string describe_value(const Values& values, size_t position);
std::string describe_tensor(const at::Tensor& tensor);

// How many cells of a tape a result takes at most. Throws BridgeError for what JavaScript cannot hold: before the first
// handle is given out, which nobody would release.
size_t result_cells(const c10::IValue& result);
// Writes it; returns the position after it.
size_t write_result(const c10::IValue& result, TensorSlots& tensors, Tape& tape, size_t position);

int64_t read_int(const Tape& tape, size_t position);
int64_t read_index(const Values& values, size_t position);  // takes an integer tensor of one element too
std::vector<int64_t> read_ints(const Tape& tape, size_t position);
at::ScalarType parse_dtype(const std::string& name);  // throws BridgeError("value")
c10::Device parse_device(const std::string& name);    // throws BridgeError("value")
const char* dtype_name(at::ScalarType type);

}  // namespace torchbridge
