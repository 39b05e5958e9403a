// Calls of operators: an index and a tape of arguments go in, a handle or a tape of results comes out.
#include "dispatch.h"

#include "deferred.h"
#include "direct.h"
#include "environment.h"
#include "operators.h"
#include "resized.h"

namespace torchbridge {
namespace {

void write_results(Call& call, const Overload& overload, const Binding& binding, const torch::jit::Stack& stack,
                   Tape tape) {
  size_t p = 0;
  tape.put(p++, static_cast<double>(stack.size()));
  for (size_t r = 0; r < stack.size(); ++r) {
    const int32_t argument = returned_argument(overload, binding, r);
    if (argument >= 0) {
      tape.put(p++, static_cast<double>(Tag::kSkip));  // as a result: "the argument that follows"
      tape.put(p++, argument);
    } else {
      p = write_result(as_result(overload, r, stack[r]), call.data().tensors, tape, p);
    }
  }
}

napi_value write_results(Call& call, const Overload& overload, const Binding& binding, const torch::jit::Stack& stack) {
  size_t cells = 1;
  for (const auto& value : stack) cells += result_cells(value);
  if (cells <= call.data().tape.size()) {
    write_results(call, overload, binding, stack, call.data().tape);
    return call.from(kOnTape);
  }
  // Made before the first handle is given out: a failure leaves nothing behind.
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  void* data = nullptr;
  call.check(napi_create_arraybuffer(call.env(), cells * sizeof(double), &data, &buffer));
  call.check(napi_create_typedarray(call.env(), napi_float64_array, cells, buffer, 0, &array));
  write_results(call, overload, binding, stack, Tape(static_cast<double*>(data), cells));
  return array;
}

// Throws when no overload takes what was given.
const Overload& choose(const Operator& op, const Values& values, const Given& given, Binding& binding) {
  for (const auto& overload : op.overloads) {
    if (bind(overload, values, given, binding) != nullptr) continue;
    if (!overload.unsupported.empty()) break;
    return overload;
  }
  refuse(op, values, given);
}

// Null when the call is to run now.
napi_value defer(Call& call, const Operator& op, const Overload& overload, const Given& given, const Binding& binding) {
  Deferred& deferred = *call.data().deferred;
  if (deferred.recording()) return deferred.record(call, op, overload, given, binding);
  deferred.keep_order(overload, given, binding);
  return nullptr;
}

// A tensor, or two, and nothing else: the commonest calls of small operators. The first overload takes them, so there
// is nothing to choose and to bind. Null when the call is another one.
const Overload* find_plain(const Operator& op, const Tape& tape, size_t* at) {
  const Overload& first = op.overloads.front();
  const size_t tensors = plain_tensors(first);
  if (tensors == 0 || !first.order.empty() || tape.at(0) != static_cast<double>(tensors)) return nullptr;
  for (size_t i = 0; i < tensors; ++i) {
    at[i] = 1 + 2 * i;
    if (tape.tag(at[i]) != Tag::kTensor) return nullptr;
  }
  if (tape.at(1 + 2 * tensors) != 0) return nullptr;
  at[2] = kDefaultPosition;
  return &first;
}

// What a direct call returned; such overloads write to no argument, so it is none of them.
napi_value direct_result(Call& call, const Overload& overload, at::Tensor result) {
  if (result.defined()) return call.from(call.data().tensors.put(std::move(result)));
  const torch::jit::Stack undefined{c10::IValue(std::move(result))};
  return write_results(call, overload, Binding{}, undefined);
}

napi_value run(Call& call, const Operator& op, Given& given) {
  const Values values = call.data().values();
  Binding binding;
  const Overload* chosen = &choose(op, values, given, binding);
  if (call.data().deferring) {
    const napi_value later = defer(call, op, *chosen, given, binding);
    if (later != nullptr) return later;
  }
  if (chosen->direct != nullptr && binding.numbers_in_a_row < 0) {
    size_t at[kMostArguments];
    for (size_t i = 0; i < chosen->arguments.size(); ++i) {
      const int32_t value = binding.given[i];
      const bool left_out = value == kDefault || values.tape.tag(given.at[value]) == Tag::kSkip;
      at[i] = left_out ? kDefaultPosition : given.at[value];
    }
    return direct_result(call, *chosen, chosen->direct(*chosen, values, at));
  }
  torch::jit::Stack stack;
  fill_stack(*chosen, values, given, binding, stack);
  check_call(*chosen, stack);
  call_boxed(*chosen, stack);
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
    size_t at[3];
    const Overload* plain = data->deferring ? nullptr : find_plain(*op, data->tape, at);
    if (plain != nullptr) return direct_result(call, *plain, plain->direct(*plain, data->values(), at));
    read_given(data->tape, given);
    return run(call, *op, given);
  } catch (const PendingException&) {
    return nullptr;
  } catch (...) {
    std::string operands;
    try {
      if (data != nullptr) {
        if (given.positional == 0) read_given(data->tape, given);  // a plain call has not read them
        operands = describe_given(data->values(), given);
      }
    } catch (...) {
      operands.clear();  // the tape was written over: the message stands without them
    }
    throw_failure(env, data, op == nullptr ? "" : op->name, operands);
    return nullptr;
  }
}

// resolve(operator): the name of the overload that the arguments on the tape mean, when all of them can be converted;
// it is not run.
napi_value resolve(Call& call) {
  const Values values = call.data().values();
  Given given;
  read_given(values.tape, given);
  Binding binding;
  const Overload& chosen = choose(operator_of(call.data(), call.int32(0)), values, given, binding);
  torch::jit::Stack stack;
  fill_stack(chosen, values, given, binding, stack);
  return call.from(chosen.name);
}

napi_value find(Call& call) { return call.from(find_operator(call.string(0))); }

napi_value describe(Call& call) { return call.from(describe_operators(call.string(0))); }

napi_value describe_guards(Call& call) { return call.from(describe_rules()); }

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
      {"resolve", &guarded<resolve>},
      {"findOperator", &guarded<find>},
      {"describeOperators", &guarded<describe>},
      {"describeGuards", &guarded<describe_guards>},
      {"setTape", &guarded<set_tape>},
      {"setErrorFactory", &guarded<set_error_factory>},
  };
}

}  // namespace torchbridge
