// Calls of operators: an index and a tape of arguments go in, a handle or a tape of results comes out.
#include "dispatch.h"

#include <sstream>

#include "environment.h"
#include "operators.h"

namespace torchbridge {

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
  if (given.positional > overload.positional) return "too many arguments without a name";
  for (size_t i = 0; i < arguments.size(); ++i) binding.given[i] = kDefault;
  for (size_t i = 0; i < given.positional; ++i) {
    if (!accepts(arguments[i], values, given.at[i])) return "an argument is of another type";
    binding.given[i] = static_cast<int32_t>(i);
  }
  for (size_t k = given.positional; k < given.positional + given.named; ++k) {
    if (values.tape.tag(given.at[k]) == Tag::kSkip) continue;
    const std::string name = values.tape.string(given.name_at[k]);
    size_t i = 0;
    while (i < arguments.size() && arguments[i].name != name && arguments[i].camel_name != name) ++i;
    if (i == arguments.size()) {
      const bool outs = name == "out" && overload.outs > 1 && values.tape.tag(given.at[k]) == Tag::kList &&
                        values.tape.length(given.at[k]) == overload.outs;
      if (!outs) return "it has no argument of a name that was given";
      binding.out_list = static_cast<int32_t>(k);
      continue;
    }
    if (binding.given[i] != kDefault) return "an argument was given twice";
    if (!accepts(arguments[i], values, given.at[k])) return "an argument is of another type";
    binding.given[i] = static_cast<int32_t>(k);
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (binding.given[i] == kDefault && arguments[i].is_out && binding.out_list >= 0) {
      binding.given[i] = kOutList;
    } else if (binding.given[i] == kDefault && !arguments[i].has_default) {
      return "an argument is missing";
    }
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
    } else {
      stack.push_back(to_ivalue(spec, values, given.at[binding.given[i]]));
    }
  }
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

namespace {

[[noreturn]] void refuse(const Operator& op, const Values& values, const Given& given) {
  for (size_t i = 0; i < given.positional + given.named; ++i) {  // a released tensor is the better message
    if (values.tape.tag(given.at[i]) == Tag::kTensor) values.tensors.get(values.tape.handle(given.at[i]));
  }
  std::ostringstream out;
  out << "Expected arguments as in";
  for (const auto& overload : op.overloads) {
    std::ostringstream schema;
    schema << overload.handle.schema();
    out << "\n    " << schema.str();
    if (!overload.unsupported.empty()) out << "  (not from JavaScript: " << overload.unsupported << ")";
  }
  out << "\nbut received (" << describe_given(values, given) << ")";
  throw BridgeError("type", out.str());
}

}  // namespace

int32_t returned_argument(const Overload& overload, const Binding& binding, size_t r) {
  if (r >= overload.return_alias.size() || overload.return_alias[r] < 0) return -1;
  const auto i = static_cast<size_t>(overload.return_alias[r]);
  if (binding.given[i] != kOutList) return binding.given[i];
  int32_t before = 0;  // outs in front of this one
  for (size_t k = 0; k < i; ++k) before += overload.arguments[k].is_out ? 1 : 0;
  return static_cast<int32_t>(kMostArguments) + before;
}

namespace {

napi_value write_results(Call& call, const Overload& overload, const Binding& binding, const torch::jit::Stack& stack) {
  size_t cells = 1;
  for (const auto& value : stack) cells += result_cells(value);
  std::vector<double> own;
  Tape& shared = call.data().tape;
  const bool fits = cells <= shared.size();
  if (!fits) own.resize(cells);
  Tape tape = fits ? shared : Tape(own.data(), own.size());
  size_t p = 0;
  tape.put(p++, static_cast<double>(stack.size()));
  for (size_t r = 0; r < stack.size(); ++r) {
    const int32_t argument = returned_argument(overload, binding, r);
    if (argument >= 0) {
      tape.put(p++, static_cast<double>(Tag::kSkip));  // as a result: "the argument that follows"
      tape.put(p++, argument);
    } else {
      p = write_result(stack[r], call.data().tensors, tape, p);
    }
  }
  if (fits) return call.from(kOnTape);
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  void* data = nullptr;
  call.check(napi_create_arraybuffer(call.env(), cells * sizeof(double), &data, &buffer));
  std::memcpy(data, own.data(), cells * sizeof(double));
  call.check(napi_create_typedarray(call.env(), napi_float64_array, cells, buffer, 0, &array));
  return array;
}

napi_value run(Call& call, const Operator& op, Given& given) {
  const Values values = call.data().values();
  Binding binding;
  const Overload* chosen = nullptr;
  for (const auto& overload : op.overloads) {
    if (bind(overload, values, given, binding) == nullptr) {
      chosen = &overload;
      break;
    }
  }
  if (chosen == nullptr || !chosen->unsupported.empty()) refuse(op, values, given);
  if (chosen->direct != nullptr) {
    size_t at[kMostArguments];
    for (size_t i = 0; i < chosen->arguments.size(); ++i) {
      const int32_t value = binding.given[i];
      const bool left_out = value == kDefault || values.tape.tag(given.at[value]) == Tag::kSkip;
      at[i] = left_out ? kDefaultPosition : given.at[value];
    }
    at::Tensor result = chosen->direct(*chosen, values, at);
    if (result.defined()) return call.from(call.data().tensors.put(std::move(result)));
    return write_results(call, *chosen, binding, {c10::IValue(std::move(result))});
  }
  torch::jit::Stack stack;
  fill_stack(*chosen, values, given, binding, stack);
  chosen->handle.callBoxed(stack);
  if (stack.size() == 1) {
    const int32_t argument = returned_argument(*chosen, binding, 0);
    if (argument >= 0) return call.from(kFirstArgument - argument);
    if (stack[0].isTensor() && stack[0].toTensor().defined()) {
      return call.from(call.data().tensors.put(std::move(stack[0]).toTensor()));
    }
  }
  return write_results(call, *chosen, binding, stack);
}

// The registry's lock is taken once an operator and environment.
const Operator& operator_of(Environment& data, int32_t index) {
  if (index < 0) throw BridgeError("internal", "no operator has this index");
  const auto i = static_cast<size_t>(index);
  if (i >= data.operators.size()) data.operators.resize(i + 1, nullptr);
  if (data.operators[i] == nullptr) data.operators[i] = &operator_at(index);
  return *data.operators[i];
}

// call(operator): the arguments stand on the tape.
napi_value call_operator(napi_env env, napi_callback_info info) noexcept {
  Environment* data = nullptr;
  const Operator* op = nullptr;
  Given given;
  try {
    Call call(env, info);
    data = &call.data();
    op = &operator_of(*data, call.int32(0));
    read_given(data->tape, given);
    return run(call, *op, given);
  } catch (const PendingException&) {
    return nullptr;
  } catch (...) {
    std::string operands;
    try {
      if (data != nullptr) operands = describe_given(data->values(), given);
    } catch (...) {
      operands.clear();  // the tape was written over: the message stands without them
    }
    throw_failure(env, data, op == nullptr ? "" : op->name, operands);
    return nullptr;
  }
}

napi_value find(Call& call) { return call.from(find_operator(call.string(0))); }

napi_value describe(Call& call) { return call.from(describe_operators(call.string(0))); }

napi_value set_tape(Call& call) {
  Environment& data = call.data();
  const auto [bytes, size] = call.bytes(0);
  napi_ref reference = nullptr;
  call.check(napi_create_reference(call.env(), call.value(0), 1, &reference));
  if (data.tape_buffer != nullptr) napi_delete_reference(call.env(), data.tape_buffer);
  data.tape_buffer = reference;
  data.tape = Tape(reinterpret_cast<double*>(bytes), size / sizeof(double));
  return call.undefined();
}

napi_value set_error_factory(Call& call) {
  Environment& data = call.data();
  if (data.error_factory != nullptr) napi_delete_reference(call.env(), data.error_factory);
  call.check(napi_create_reference(call.env(), call.value(0), 1, &data.error_factory));
  return call.undefined();
}

}  // namespace

std::vector<Function> dispatch_functions() {
  return {
      {"call", &call_operator},
      {"findOperator", &guarded<find>},
      {"describeOperators", &guarded<describe>},
      {"setTape", &guarded<set_tape>},
      {"setErrorFactory", &guarded<set_error_factory>},
  };
}

}  // namespace torchbridge
