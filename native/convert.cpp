#include "convert.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>

#include <cmath>

#include "dtypes.h"

namespace torchbridge {
namespace {

constexpr double kMaxSafe = 9007199254740991.0;

bool is_integral(double v) {
  return std::fabs(v) <= kMaxSafe && static_cast<double>(static_cast<int64_t>(v)) == v && !(v == 0 && std::signbit(v));
}

bool is_plain_int(const Tape& tape, size_t p) {
  const Tag tag = tape.tag(p);
  // A zero below zero is a float among scalars, but computed sizes and dimensions may well be one.
  return tag == Tag::kBigInt || (tag == Tag::kNumber && (is_integral(tape.at(p + 1)) || tape.at(p + 1) == 0));
}

const at::Tensor& tensor_of(const Values& values, size_t p) { return values.tensors.get(values.tape.handle(p)); }

// A tensor without dimensions stands for a number, unless a gradient would be lost.
bool is_number_tensor(const Values& values, size_t p) {
  if (values.tape.tag(p) != Tag::kTensor) return false;
  const at::Tensor& tensor = tensor_of(values, p);
  return tensor.dim() == 0 && !tensor.requires_grad();
}

bool is_int(const ArgumentSpec& spec, const Values& values, size_t p) {
  if (values.tape.tag(p) != Tag::kTensor) return is_plain_int(values.tape, p);
  if (spec.symbolic) return is_index(values, p, false);
  return is_number_tensor(values, p) && at::isIntegralType(tensor_of(values, p).scalar_type(), false);
}

// Python's bool is an int and so a float too, where a float is asked for; where an int is, its bindings refuse it.
bool is_float(const Values& values, size_t p) {
  const Tag tag = values.tape.tag(p);
  return tag == Tag::kNumber || tag == Tag::kFloat || tag == Tag::kBigInt || tag == Tag::kBool ||
         is_number_tensor(values, p);
}

// Python shows the default of a list that is empty as None, and takes it.
bool none_is_empty(const ArgumentSpec& spec) {
  return spec.kind == Kind::kIntList && !spec.optional && spec.has_default && spec.default_value.isIntList() &&
         spec.default_value.toIntVector().empty();
}

bool is_bool(const Tape& tape, size_t p) { return tape.tag(p) == Tag::kBool; }

bool is_number(const Tape& tape, size_t p) {
  const Tag tag = tape.tag(p);
  return tag == Tag::kNumber || tag == Tag::kFloat || tag == Tag::kBigInt || tag == Tag::kBool || tag == Tag::kComplex;
}

bool is_scalar(const Values& values, size_t p) { return is_number(values.tape, p) || is_number_tensor(values, p); }

double read_float(const Values& values, size_t p) {
  const Tape& tape = values.tape;
  if (tape.tag(p) == Tag::kTensor) return tensor_of(values, p).item().toDouble();
  return tape.tag(p) == Tag::kBigInt ? static_cast<double>(tape.bits(p)) : tape.at(p + 1);
}

at::Scalar read_scalar(const ArgumentSpec& spec, const Values& values, size_t p) {
  const Tape& tape = values.tape;
  switch (tape.tag(p)) {
    case Tag::kTensor:
      return tensor_of(values, p).item();
    case Tag::kBool:
      return at::Scalar(tape.at(p + 1) != 0);
    case Tag::kBigInt:
      return at::Scalar(tape.bits(p));
    case Tag::kFloat:
      return at::Scalar(tape.at(p + 1));
    case Tag::kComplex:
      return at::Scalar(c10::complex<double>(tape.at(p + 1), tape.at(p + 2)));
    default: {
      // The rule for JavaScript numbers (docs/operators.md): without a fraction they are ints, as the literal `2` is in
      // Python, except where nothing but numbers decides what is made.
      const double v = tape.at(p + 1);
      return is_integral(v) && !spec.number_is_float ? at::Scalar(static_cast<int64_t>(v)) : at::Scalar(v);
    }
  }
}

template <typename Test>
bool all_items(const Tape& tape, size_t p, Test test) {
  if (tape.tag(p) != Tag::kList) return false;
  size_t item = p + 2;
  for (size_t k = tape.length(p); k > 0; --k) {
    if (!test(item)) return false;
    item = tape.next(item);
  }
  return true;
}

template <typename Take>
void each_item(const Tape& tape, size_t p, Take take) {
  size_t item = p + 2;
  for (size_t k = tape.length(p); k > 0; --k) {
    take(item);
    item = tape.next(item);
  }
}

template <typename T, typename Read>
c10::IValue make_list(const ArgumentSpec& spec, const Tape& tape, size_t p, Read read) {
  c10::List<T> list;
  if (tape.tag(p) != Tag::kList) {  // one number for int[N]
    list.reserve(static_cast<size_t>(spec.broadcast));
    for (int32_t k = 0; k < spec.broadcast; ++k) list.push_back(read(p));
    return list;
  }
  list.reserve(tape.length(p));
  each_item(tape, p, [&](size_t item) { list.push_back(read(item)); });
  return list;
}

bool accepts_string(const ArgumentSpec& spec, const Tape& tape, size_t p) {
  if (tape.tag(p) != Tag::kString) return false;
  switch (spec.kind) {
    case Kind::kString:
      return true;
    case Kind::kScalarType:
      return find_dtype(tape.string(p)).has_value();
    case Kind::kLayout:
      return find_layout(tape.string(p)).has_value();
    case Kind::kMemoryFormat:
      return find_memory_format(tape.string(p)).has_value();
    case Kind::kDevice:
      return find_device(tape.string(p)).has_value();
    default:
      return false;
  }
}

}  // namespace

bool is_index(const Values& values, size_t p, bool booleans) {
  if (values.tape.tag(p) != Tag::kTensor) return is_plain_int(values.tape, p);
  const at::Tensor& tensor = tensor_of(values, p);
  return at::isIntegralType(tensor.scalar_type(), booleans) && tensor.numel() == 1;
}

int64_t read_int(const Tape& tape, size_t p) {
  if (tape.tag(p) == Tag::kBigInt) return tape.bits(p);
  if (!is_plain_int(tape, p)) {
    throw BridgeError("type", "Expected an integer but received another value");
  }
  return static_cast<int64_t>(tape.at(p + 1));
}

int64_t read_index(const Values& values, size_t p) {
  if (values.tape.tag(p) != Tag::kTensor) return read_int(values.tape, p);
  const at::Tensor& tensor = tensor_of(values, p);
  if (!is_index(values, p, true))
    throw BridgeError("type", "Expected an integer but received " + describe_tensor(tensor));
  return tensor.item().toLong();
}

std::vector<int64_t> read_ints(const Tape& tape, size_t p) {
  if (tape.tag(p) != Tag::kList) throw BridgeError("type", "Expected a list of integers but received another value");
  std::vector<int64_t> out;
  out.reserve(tape.length(p));
  each_item(tape, p, [&](size_t item) { out.push_back(read_int(tape, item)); });
  return out;
}

bool accepts(const ArgumentSpec& spec, const Values& values, size_t p) {
  const Tape& tape = values.tape;
  const Tag tag = tape.tag(p);
  if (tag == Tag::kSkip) return spec.has_default;
  if (tag == Tag::kNone) return spec.optional || none_is_empty(spec);
  const bool one_for_list = spec.broadcast > 0 && tag != Tag::kList;
  switch (spec.kind) {
    case Kind::kTensor:
      return tag == Tag::kTensor || (spec.number_as_tensor && is_scalar(values, p));
    case Kind::kInt:
      return is_int(spec, values, p);
    case Kind::kFloat:
      return is_float(values, p);
    case Kind::kBool:
      return is_bool(tape, p);
    case Kind::kScalar:
      return is_scalar(values, p);
    case Kind::kGenerator:
      return tag == Tag::kGenerator;
    case Kind::kString:
    case Kind::kScalarType:
    case Kind::kLayout:
    case Kind::kMemoryFormat:
    case Kind::kDevice:
      return accepts_string(spec, tape, p);
    case Kind::kTensorList:
      return all_items(tape, p, [&](size_t i) { return tape.tag(i) == Tag::kTensor; });
    case Kind::kOptionalTensorList:
      return all_items(tape, p, [&](size_t i) { return tape.tag(i) == Tag::kTensor || tape.tag(i) == Tag::kNone; });
    case Kind::kIntList:
      if (one_for_list) return is_index(values, p, true);
      return all_items(tape, p, [&](size_t i) { return is_index(values, i, !spec.symbolic); });
    case Kind::kFloatList:
      return one_for_list ? is_float(values, p) : all_items(tape, p, [&](size_t i) { return is_float(values, i); });
    case Kind::kBoolList:
      return one_for_list ? is_bool(tape, p) : all_items(tape, p, [&](size_t i) { return is_bool(tape, i); });
    case Kind::kScalarList:
      return all_items(tape, p, [&](size_t i) { return is_number(tape, i); });
    case Kind::kStringList:
      return all_items(tape, p, [&](size_t i) { return tape.tag(i) == Tag::kString; });
    case Kind::kStorage:  // JavaScript knows storages by the tensors that lie on them
      return tag == Tag::kTensor && tensor_of(values, p).has_storage();
    case Kind::kUnsupported:
      return false;
  }
  return false;
}

c10::IValue to_ivalue(const ArgumentSpec& spec, const Values& values, size_t p) {
  const Tape& tape = values.tape;
  const Tag tag = tape.tag(p);
  if (tag == Tag::kSkip) return spec.default_value;
  if (tag == Tag::kNone) return none_is_empty(spec) ? spec.default_value : c10::IValue();
  switch (spec.kind) {
    case Kind::kTensor:
      if (tag != Tag::kTensor) return at::native::wrapped_scalar_tensor(read_scalar(spec, values, p));
      return tensor_of(values, p);
    case Kind::kInt:
      return read_index(values, p);
    case Kind::kFloat:
      return read_float(values, p);
    case Kind::kBool:
      return tape.at(p + 1) != 0;
    case Kind::kScalar:
      return read_scalar(spec, values, p);
    case Kind::kString:
      return tape.string(p);
    case Kind::kScalarType:
      return static_cast<int64_t>(*find_dtype(tape.string(p)));
    case Kind::kLayout:
      return static_cast<int64_t>(*find_layout(tape.string(p)));
    case Kind::kMemoryFormat:
      return static_cast<int64_t>(*find_memory_format(tape.string(p)));
    case Kind::kDevice:
      return *find_device(tape.string(p));
    case Kind::kGenerator:
      return values.generators.get(tape.handle(p));
    case Kind::kTensorList:
      return make_list<at::Tensor>(spec, tape, p, [&](size_t i) { return tensor_of(values, i); });
    case Kind::kOptionalTensorList:
      return make_list<std::optional<at::Tensor>>(spec, tape, p, [&](size_t i) -> std::optional<at::Tensor> {
        if (tape.tag(i) == Tag::kNone) return std::nullopt;
        return tensor_of(values, i);
      });
    case Kind::kIntList:
      return make_list<int64_t>(spec, tape, p, [&](size_t i) { return read_index(values, i); });
    case Kind::kFloatList:
      return make_list<double>(spec, tape, p, [&](size_t i) { return read_float(values, i); });
    case Kind::kBoolList:
      return make_list<bool>(spec, tape, p, [&](size_t i) { return tape.at(i + 1) != 0; });
    case Kind::kScalarList:
      return make_list<at::Scalar>(spec, tape, p, [&](size_t i) { return read_scalar(spec, values, i); });
    case Kind::kStringList:
      return make_list<std::string>(spec, tape, p, [&](size_t i) { return tape.string(i); });
    case Kind::kStorage:
      return tensor_of(values, p).storage();
    case Kind::kUnsupported:
      break;
  }
  throw BridgeError("type", "argument " + spec.name + " cannot be given from JavaScript");
}

}  // namespace torchbridge
