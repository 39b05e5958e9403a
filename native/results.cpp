// What stands on the tape in words, and the results of a call written to it.
#include <ATen/core/Dict.h>

#include <cmath>
#include <sstream>

#include "convert.h"
#include "dtypes.h"

namespace torchbridge {
namespace {

constexpr double kMaxSafe = 9007199254740991.0;

}  // namespace

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
    case Tag::kMap:
      break;  // only results are maps
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

size_t write_text(const std::string& text, Tape& tape, size_t at) {
  size_t position = write_pair(tape, at, Tag::kString, static_cast<double>(text.size()));
  for (const char c : text) tape.put(position++, static_cast<unsigned char>(c));
  return position;
}

}  // namespace

size_t result_cells(const c10::IValue& result) {
  if (result.isString()) return 2 + result.toStringRef().size();
  if (result.isTensor() || result.isNone() || result.isScalar() || result.isDevice()) return 16;
  size_t cells = 2;
  if (result.isGenericDict()) {
    for (const auto& entry : result.toGenericDict()) cells += result_cells(entry.key()) + result_cells(entry.value());
    return cells;
  }
  if (!result.isList() && !result.isTuple()) {
    throw BridgeError("type", "the operator returned a " + result.tagKind() + ", which JavaScript cannot hold");
  }
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
  if (result.isString()) return write_text(result.toStringRef(), tape, at);
  if (result.isDevice()) return write_text(result.toDevice().str(), tape, at);
  if (result.isGenericDict()) {
    const auto entries = result.toGenericDict();
    size_t position = write_pair(tape, at, Tag::kMap, static_cast<double>(entries.size()));
    for (const auto& entry : entries) {
      position = write_result(entry.key(), tensors, tape, position);
      position = write_result(entry.value(), tensors, tape, position);
    }
    return position;
  }
  const auto items = items_of(result);
  size_t position = write_pair(tape, at, Tag::kList, static_cast<double>(items.size()));
  for (const auto& item : items) position = write_result(item, tensors, tape, position);
  return position;
}

}  // namespace torchbridge
