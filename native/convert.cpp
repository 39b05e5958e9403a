#include "convert.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "dtypes.h"

namespace torchbridge {
namespace {

constexpr double kMaxSafe = 9007199254740991.0;

bool is_integral(double v) {
  return std::fabs(v) <= kMaxSafe && static_cast<double>(static_cast<int64_t>(v)) == v && !(v == 0 && std::signbit(v));
}

bool is_int(const Tape& tape, size_t p) {
  const Tag tag = tape.tag(p);
  return tag == Tag::kBigInt || (tag == Tag::kNumber && is_integral(tape.at(p + 1)));
}

bool is_float(const Tape& tape, size_t p) {
  const Tag tag = tape.tag(p);
  return tag == Tag::kNumber || tag == Tag::kFloat || tag == Tag::kBigInt;
}

bool is_bool(const Tape& tape, size_t p) { return tape.tag(p) == Tag::kBool; }

bool is_scalar(const Values& values, size_t p) {
  const Tag tag = values.tape.tag(p);
  if (tag == Tag::kTensor) {  // PyTorch takes a tensor without dimensions for a number
    const at::Tensor& tensor = values.tensors.get(values.tape.handle(p));
    return tensor.dim() == 0 && !tensor.requires_grad();
  }
  return tag == Tag::kNumber || tag == Tag::kFloat || tag == Tag::kBigInt || tag == Tag::kBool || tag == Tag::kComplex;
}

double read_float(const Tape& tape, size_t p) {
  return tape.tag(p) == Tag::kBigInt ? static_cast<double>(tape.bits(p)) : tape.at(p + 1);
}

at::Scalar read_scalar(const Values& values, size_t p) {
  const Tape& tape = values.tape;
  switch (tape.tag(p)) {
    case Tag::kTensor:
      return values.tensors.get(tape.handle(p)).item();
    case Tag::kBool:
      return at::Scalar(tape.at(p + 1) != 0);
    case Tag::kBigInt:
      return at::Scalar(tape.bits(p));
    case Tag::kFloat:
      return at::Scalar(tape.at(p + 1));
    case Tag::kComplex:
      return at::Scalar(c10::complex<double>(tape.at(p + 1), tape.at(p + 2)));
    default: {
      // The rule for JavaScript numbers: without a fraction they are ints, as the literal `2` is in Python.
      const double v = tape.at(p + 1);
      return is_integral(v) ? at::Scalar(static_cast<int64_t>(v)) : at::Scalar(v);
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

int64_t read_int(const Tape& tape, size_t p) {
  if (tape.tag(p) == Tag::kBigInt) return tape.bits(p);
  if (tape.tag(p) != Tag::kNumber || !is_integral(tape.at(p + 1))) {
    throw BridgeError("type", "Expected an integer but received another value");
  }
  return static_cast<int64_t>(tape.at(p + 1));
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
  if (tag == Tag::kNone) return spec.optional;
  const bool one_for_list = spec.broadcast > 0 && tag != Tag::kList;
  switch (spec.kind) {
    case Kind::kTensor:
      return tag == Tag::kTensor || (spec.number_as_tensor && is_scalar(values, p));
    case Kind::kInt:
      return is_int(tape, p);
    case Kind::kFloat:
      return is_float(tape, p);
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
      return one_for_list ? is_int(tape, p) : all_items(tape, p, [&](size_t i) { return is_int(tape, i); });
    case Kind::kFloatList:
      return one_for_list ? is_float(tape, p) : all_items(tape, p, [&](size_t i) { return is_float(tape, i); });
    case Kind::kBoolList:
      return one_for_list ? is_bool(tape, p) : all_items(tape, p, [&](size_t i) { return is_bool(tape, i); });
    case Kind::kScalarList:
      return all_items(tape, p, [&](size_t i) { return is_scalar(values, i); });
    case Kind::kStringList:
      return all_items(tape, p, [&](size_t i) { return tape.tag(i) == Tag::kString; });
    case Kind::kUnsupported:
      return false;
  }
  return false;
}

c10::IValue to_ivalue(const ArgumentSpec& spec, const Values& values, size_t p) {
  const Tape& tape = values.tape;
  const Tag tag = tape.tag(p);
  if (tag == Tag::kSkip) return spec.default_value;
  if (tag == Tag::kNone) return {};
  switch (spec.kind) {
    case Kind::kTensor:
      if (tag != Tag::kTensor) return at::native::wrapped_scalar_tensor(read_scalar(values, p));
      return values.tensors.get(tape.handle(p));
    case Kind::kInt:
      return read_int(tape, p);
    case Kind::kFloat:
      return read_float(tape, p);
    case Kind::kBool:
      return tape.at(p + 1) != 0;
    case Kind::kScalar:
      return read_scalar(values, p);
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
      return make_list<at::Tensor>(spec, tape, p, [&](size_t i) { return values.tensors.get(tape.handle(i)); });
    case Kind::kOptionalTensorList:
      return make_list<std::optional<at::Tensor>>(spec, tape, p, [&](size_t i) -> std::optional<at::Tensor> {
        if (tape.tag(i) == Tag::kNone) return std::nullopt;
        return values.tensors.get(tape.handle(i));
      });
    case Kind::kIntList:
      return make_list<int64_t>(spec, tape, p, [&](size_t i) { return read_int(tape, i); });
    case Kind::kFloatList:
      return make_list<double>(spec, tape, p, [&](size_t i) { return read_float(tape, i); });
    case Kind::kBoolList:
      return make_list<bool>(spec, tape, p, [&](size_t i) { return tape.at(i + 1) != 0; });
    case Kind::kScalarList:
      return make_list<at::Scalar>(spec, tape, p, [&](size_t i) { return read_scalar(values, i); });
    case Kind::kStringList:
      return make_list<std::string>(spec, tape, p, [&](size_t i) { return tape.string(i); });
    case Kind::kUnsupported:
      break;
  }
  throw BridgeError("type", "argument " + spec.name + " cannot be given from JavaScript");
}

std::string describe_tensor(const at::Tensor& tensor) {
  std::ostringstream out;
  out << "Tensor " << dtype_name(tensor.scalar_type());
  if (tensor.layout() != at::kStrided) out << " " << tensor.layout();
  if (tensor.is_nested()) {  // has no sizes to tell
    out << " nested";
  } else {
    const auto sizes = tensor.sym_sizes();
    out << "[";
    for (size_t i = 0; i < sizes.size(); ++i) out << (i == 0 ? "" : ", ") << sizes[i];
    out << "]";
  }
  if (!tensor.device().is_cpu()) out << " on " << tensor.device().str();
  return out.str();
}

std::string describe_value(const Values& values, size_t p) {
  const Tape& tape = values.tape;
  std::ostringstream out;
  switch (tape.tag(p)) {
    case Tag::kNone:
      return "null";
    case Tag::kSkip:
      return "undefined";
    case Tag::kTensor:
      try {
        return describe_tensor(values.tensors.get(tape.handle(p)));
      } catch (const BridgeError&) {
        return "a released Tensor";
      }
    case Tag::kBool:
      return tape.at(p + 1) != 0 ? "true" : "false";
    case Tag::kNumber:
    case Tag::kFloat:
      out << tape.at(p + 1);
      return out.str();
    case Tag::kBigInt:
      out << tape.bits(p) << "n";
      return out.str();
    case Tag::kString:
      return "\"" + tape.string(p) + "\"";
    case Tag::kComplex:
      return "a complex number";
    case Tag::kGenerator:
      return "a Generator";
    case Tag::kList: {
      out << "[";
      const size_t n = tape.length(p);
      size_t item = p + 2;
      for (size_t k = 0; k < n && k < 4; ++k) {
        out << (k == 0 ? "" : ", ") << describe_value(values, item);
        item = tape.next(item);
      }
      if (n > 4) out << ", … " << n << " in all";
      out << "]";
      return out.str();
    }
  }
  return "an unknown value";
}

namespace {

// Every writer returns the position after what it wrote.
size_t write_pair(Tape& tape, size_t at, Tag tag, double value) {
  tape.put(at, static_cast<double>(tag));
  tape.put(at + 1, value);
  return at + 2;
}

size_t write_int(Tape& tape, size_t at, int64_t value) {
  const auto number = static_cast<double>(value);
  if (std::fabs(number) <= kMaxSafe) return write_pair(tape, at, Tag::kNumber, number);
  double bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return write_pair(tape, at, Tag::kBigInt, bits);
}

size_t write_scalar(const at::Scalar& value, Tape& tape, size_t at) {
  if (value.isComplex()) {
    const auto v = value.toComplexDouble();
    const size_t next = write_pair(tape, at, Tag::kComplex, v.real());
    tape.put(next, v.imag());
    return next + 1;
  }
  if (value.isBoolean()) return write_pair(tape, at, Tag::kBool, value.toBool() ? 1 : 0);
  if (value.isFloatingPoint()) return write_pair(tape, at, Tag::kFloat, value.toDouble());
  return write_int(tape, at, value.toLong());
}

std::vector<c10::IValue> items_of(const c10::IValue& value) {
  if (value.isTuple()) return value.toTupleRef().elements().vec();
  return value.toListRef().vec();
}

}  // namespace

size_t result_cells(const c10::IValue& result) {
  if (result.isString()) return 2 + result.toStringRef().size();
  if (!result.isList() && !result.isTuple()) return 3;
  size_t cells = 2;
  for (const auto& item : items_of(result)) cells += result_cells(item);
  return cells;
}

size_t write_result(const c10::IValue& result, TensorSlots& tensors, Tape& tape, size_t at) {
  if (result.isTensor() && result.toTensor().defined()) {
    return write_pair(tape, at, Tag::kTensor, tensors.put(result.toTensor()));
  }
  if (result.isNone() || result.isTensor()) {
    tape.put(at, static_cast<double>(Tag::kNone));
    return at + 1;
  }
  if (result.isScalar()) return write_scalar(result.toScalar(), tape, at);
  if (result.isString()) {
    const std::string& text = result.toStringRef();
    size_t position = write_pair(tape, at, Tag::kString, static_cast<double>(text.size()));
    for (const char c : text) tape.put(position++, static_cast<unsigned char>(c));
    return position;
  }
  if (result.isList() || result.isTuple()) {
    const auto items = items_of(result);
    size_t position = write_pair(tape, at, Tag::kList, static_cast<double>(items.size()));
    for (const auto& item : items) position = write_result(item, tensors, tape, position);
    return position;
  }
  throw BridgeError("type", "the operator returned a " + result.tagKind() + ", which JavaScript cannot hold");
}

}  // namespace torchbridge
