// Which overload a call means, and its arguments for libtorch.
#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <utility>

#include "dispatch.h"
#include "errors.h"

namespace torchbridge {
namespace {

constexpr const char* kOtherType = "an argument is of another type";

// NumPy's names, which Python's bindings take too, and the name that `self` has there.
bool is_other_name(const std::string& name, std::string_view given) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> others{{{"self", "input"},
                                                                                        {"self", "x"},
                                                                                        {"self", "a"},
                                                                                        {"self", "x1"},
                                                                                        {"other", "x2"},
                                                                                        {"dim", "axis"},
                                                                                        {"keepdim", "keepdims"}}};
  return std::any_of(others.begin(), others.end(),
                     [&](const auto& pair) { return pair.first == name && pair.second == given; });
}

size_t find_argument(const std::vector<ArgumentSpec>& arguments, const std::string& name) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].name == name || arguments[i].camel_name == name) return i;
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (is_other_name(arguments[i].name, name)) return i;
  }
  return arguments.size();
}

bool all_ints(const ArgumentSpec& spec, const Values& values, const Given& given, size_t from) {
  for (size_t i = from; i < given.positional; ++i) {
    if (!is_index(values, given.at[i], !spec.symbolic)) return false;
  }
  return true;
}

const char* bind_positional(const Overload& overload, const Values& values, const Given& given, Binding& binding) {
  const int32_t row = overload.numbers_in_a_row;
  if (given.positional > overload.positional && row < 0) return "too many arguments without a name";
  for (size_t i = 0; i < given.positional; ++i) {
    const size_t to = overload.order.empty() ? i : overload.order[i];
    const auto& spec = overload.arguments[to];
    binding.given[to] = static_cast<int32_t>(i);
    if (accepts(spec, values, given.at[i])) {
      // The last one was of the right type: what follows is too much.
      if (i + 1 == overload.positional && given.positional > overload.positional) return "too many arguments";
      continue;
    }
    if (static_cast<int32_t>(i) != row || !all_ints(spec, values, given, i)) return kOtherType;
    binding.numbers_in_a_row = row;
    break;
  }
  return nullptr;
}

const char* bind_named(const Overload& overload, const Values& values, const Given& given, Binding& binding) {
  const auto& arguments = overload.arguments;
  for (size_t k = given.positional; k < given.positional + given.named; ++k) {
    const Tag tag = values.tape.tag(given.at[k]);
    if (tag == Tag::kSkip) continue;
    const std::string name = values.tape.string(given.name_at[k]);
    // All outs in one list, also where one of them is called `out` itself (max_pool2d_with_indices).
    if (name == "out" && overload.outs > 1 && tag == Tag::kList && values.tape.length(given.at[k]) == overload.outs) {
      binding.out_list = static_cast<int32_t>(k);
      continue;
    }
    const size_t i = find_argument(arguments, name);
    if (i == arguments.size()) {
      if (name == "out" && tag == Tag::kNone) continue;  // Python's out=None
      return "it has no argument of a name that was given";
    }
    if (binding.given[i] != kDefault) return "an argument was given twice";
    if (!accepts(arguments[i], values, given.at[k])) return kOtherType;
    binding.given[i] = static_cast<int32_t>(k);
  }
  return nullptr;
}

}  // namespace

void read_given(const Tape& tape, Given& given) {
  size_t p = 0;
  const auto positional = static_cast<size_t>(tape.at(p++));
  if (positional > kMostArguments) throw BridgeError("type", "too many arguments");
  // Counted up as they are read: an error on the way describes those that were.
  for (; given.positional < positional; ++given.positional) {
    given.at[given.positional] = p;
    p = tape.next(p);
  }
  const auto named = static_cast<size_t>(tape.at(p++));
  if (positional + named > kMostArguments) throw BridgeError("type", "too many arguments");
  for (; given.named < named; ++given.named) {
    const size_t i = positional + given.named;
    given.name_at[i] = p;
    p = tape.next(p);
    given.at[i] = p;
    p = tape.next(p);
  }
  given.end = p;
}

const char* bind(const Overload& overload, const Values& values, const Given& given, Binding& binding) {
  const auto& arguments = overload.arguments;
  if (arguments.size() > kMostArguments) return "it has too many arguments";
  binding.out_list = -1;
  binding.numbers_in_a_row = -1;
  for (size_t i = 0; i < arguments.size(); ++i) binding.given[i] = kDefault;
  const char* why = bind_positional(overload, values, given, binding);
  if (why == nullptr && given.named > 0) why = bind_named(overload, values, given, binding);
  if (why != nullptr) return why;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (binding.given[i] == kDefault && arguments[i].is_out && binding.out_list >= 0) {
      binding.given[i] = kOutList;
    } else if (binding.given[i] == kDefault && !arguments[i].has_default) {
      return "an argument is missing";
    }
  }
  // An older spelling names all that it has.
  for (const size_t i : overload.order) {
    if (binding.given[i] == kDefault) return "an argument is missing";
  }
  return nullptr;
}

void fill_stack(const Overload& overload, const Values& values, const Given& given, const Binding& binding,
                torch::jit::Stack& stack) {
  stack.reserve(overload.arguments.size());
  size_t out = binding.out_list >= 0 ? given.at[binding.out_list] + 2 : 0;
  for (size_t i = 0; i < overload.arguments.size(); ++i) {
    const auto& spec = overload.arguments[i];
    if (binding.given[i] == kDefault) {
      stack.push_back(spec.default_value);
    } else if (binding.given[i] == kOutList) {
      if (!accepts(spec, values, out)) throw BridgeError("type", "Expected tensors for out but received another value");
      stack.push_back(to_ivalue(spec, values, out));
      out = values.tape.next(out);
    } else if (static_cast<int32_t>(i) == binding.numbers_in_a_row) {
      c10::List<int64_t> numbers;
      numbers.reserve(given.positional - i);
      for (size_t k = i; k < given.positional; ++k) numbers.push_back(read_index(values, given.at[k]));
      stack.push_back(std::move(numbers));
    } else {
      stack.push_back(to_ivalue(spec, values, given.at[binding.given[i]]));
    }
  }
}

int32_t returned_argument(const Overload& overload, const Binding& binding, size_t r) {
  if (r >= overload.return_alias.size() || overload.return_alias[r] < 0) return -1;
  const auto i = static_cast<size_t>(overload.return_alias[r]);
  if (binding.given[i] != kOutList) return binding.given[i];
  int32_t before = 0;  // outs in front of this one
  for (size_t k = 0; k < i; ++k) before += overload.arguments[k].is_out ? 1 : 0;
  return static_cast<int32_t>(kMostArguments) + before;
}

c10::IValue as_result(const Overload& overload, size_t r, const c10::IValue& value) {
  const bool dtype = r < overload.returns_dtype.size() && overload.returns_dtype[r] && value.isInt();
  if (!dtype) return value;
  return std::string(dtype_name(static_cast<at::ScalarType>(value.toInt())));
}

std::string describe_given(const Values& values, const Given& given) {
  std::ostringstream out;
  for (size_t i = 0; i < given.positional + given.named; ++i) {
    out << (i == 0 ? "" : ", ");
    if (i >= given.positional) out << values.tape.string(given.name_at[i]) << "=";
    out << describe_value(values, given.at[i]);
  }
  return out.str();
}

void refuse(const Operator& op, const Values& values, const Given& given) {
  for (size_t i = 0; i < given.positional + given.named; ++i) {  // a released tensor is the better message
    if (values.tape.tag(given.at[i]) == Tag::kTensor) values.tensors.get(values.tape.handle(given.at[i]));
  }
  std::ostringstream out;
  out << "Expected arguments as in";
  for (const auto& overload : op.overloads) {
    if (!overload.order.empty()) continue;  // older spellings are taken, not advertised
    std::ostringstream schema;
    schema << overload.handle.schema();
    out << "\n    " << schema.str();
    if (!overload.unsupported.empty()) out << "  (not from JavaScript: " << overload.unsupported << ")";
  }
  out << "\nbut received (" << describe_given(values, given) << ")";
  throw BridgeError("type", out.str());
}

}  // namespace torchbridge
