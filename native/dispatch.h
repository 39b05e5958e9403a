// The steps of one call of an operator, for those who take them at another time or place (deferred.cpp): above all
// which overload a call means, decided as Python's argument parser does (resolve.cpp).
#pragma once
#include <ATen/core/stack.h>

#include <string>

#include "convert.h"
#include "operators.h"

namespace torchbridge {

constexpr size_t kMostArguments = 64;

// What dispatch returns besides a handle: kOnTape, or -2 - i for "the i-th argument that was given".
constexpr int32_t kOnTape = -1;
constexpr int32_t kFirstArgument = -2;

// Where the given values of one call stand on the tape.
struct Given {
  size_t positional = 0;
  size_t named = 0;
  size_t end = 0;                  // the cell after the last value
  size_t at[kMostArguments];       // positional ones, then named ones
  size_t name_at[kMostArguments];  // where the names of the named ones stand, by their index in `at`
};

// For every argument of the schema the index of the given value, or kDefault.
constexpr int32_t kDefault = -1;
// One list of tensors that was given as `out` to an overload with several outs.
constexpr int32_t kOutList = -2;

struct Binding {
  int32_t given[kMostArguments];
  int32_t out_list = -1;
  int32_t numbers_in_a_row = -1;  // the argument that this value and all that follow without a name make a list for
};

// tape: count, values…, count, (name, value)…
void read_given(const Tape& tape, Given& given);
// Null when the overload takes what was given, else the reason why not.
const char* bind(const Overload& overload, const Values& values, const Given& given, Binding& binding);
void fill_stack(const Overload& overload, const Values& values, const Given& given, const Binding& binding,
                torch::jit::Stack& stack);
std::string describe_given(const Values& values, const Given& given);
// The index of the given value whose tensor a return is (kMostArguments + i for the i-th of a list given as out), or a
// negative number when it is a new one.
int32_t returned_argument(const Overload& overload, const Binding& binding, size_t r);
// A dtype that an operator returns is a number to libtorch, a name to JavaScript.
c10::IValue as_result(const Overload& overload, size_t r, const c10::IValue& value);
// Throws the error of a call that no overload takes.
[[noreturn]] void refuse(const Operator& op, const Values& values, const Given& given);

}  // namespace torchbridge
