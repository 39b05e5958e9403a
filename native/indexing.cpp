// x[…] and x[…] = v: Python's indexing, by libtorch's own at::indexing.
#define AT_PER_OPERATOR_HEADERS
#include <ATen/TensorIndexing.h>
#include <c10/core/DeviceGuard.h>

#include <cmath>

#include "deferred.h"
#include "environment.h"
#include "guard_contents.h"

namespace torchbridge {
namespace {

using at::indexing::TensorIndex;

[[noreturn]] void refuse_index(const std::string& got) {
  throw BridgeError("index",
                    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                    "(got " +
                        got + ")");
}

int64_t to_int(double v) {
  // Written so that NaN fails; 2^63 itself no longer fits.
  if (!(v >= -9223372036854775808.0 && v < 9223372036854775808.0)) {
    throw BridgeError("value", "Overflow when unpacking long long");
  }
  return static_cast<int64_t>(v);
}

// A bound or the step of a slice; none where it is left out.
std::optional<c10::SymInt> read_bound(const Values& values, size_t p) {
  const Tape& tape = values.tape;
  switch (tape.tag(p)) {
    case Tag::kNone:
    case Tag::kSkip:
      return std::nullopt;
    case Tag::kBigInt:
      return c10::SymInt(std::max(tape.bits(p), c10::SymInt::min_representable_int()));
    case Tag::kNumber:
    case Tag::kBool:
      if (std::trunc(tape.at(p + 1)) == tape.at(p + 1)) {
        return c10::SymInt(std::max(to_int(tape.at(p + 1)), c10::SymInt::min_representable_int()));
      }
      break;
    case Tag::kTensor: {
      const at::Tensor& tensor = values.tensors.get(tape.handle(p));
      if (tensor.dim() == 0 && at::isIntegralType(tensor.scalar_type(), /*includeBool=*/true)) {
        return c10::SymInt(std::max(tensor.item().toLong(), c10::SymInt::min_representable_int()));
      }
      break;
    }
    default:
      break;
  }
  throw BridgeError("type", "slice indices must be integers or None or have an __index__ method");
}

// A list on the tape is a slice: start, stop, step. Lists of indices were made tensors before.
TensorIndex read_tensor_slice(const Values& values, size_t p) {
  if (values.tape.length(p) != 3) throw BridgeError("internal", "a slice has three parts");
  size_t part = p + 2;
  std::optional<c10::SymInt> parts[3];
  for (auto& each : parts) {
    each = read_bound(values, part);
    part = values.tape.next(part);
  }
  return at::indexing::Slice(parts[0], parts[1], parts[2]);
}

TensorIndex read_tensor_index(const Values& values, size_t p) {
  const Tape& tape = values.tape;
  switch (tape.tag(p)) {
    case Tag::kNone:
      return at::indexing::None;
    case Tag::kBool:
      return tape.at(p + 1) != 0;
    case Tag::kBigInt:
      return tape.bits(p);
    case Tag::kNumber:
      if (std::trunc(tape.at(p + 1)) != tape.at(p + 1)) refuse_index("float");
      return to_int(tape.at(p + 1));
    case Tag::kTensor: {
      const at::Tensor& index = values.tensors.get(tape.handle(p));
      check_index(index);
      return index;
    }
    case Tag::kString:
      return at::indexing::Ellipsis;  // the only text that is left
    case Tag::kList:
      return read_tensor_slice(values, p);
    case Tag::kFloat:
      refuse_index("float");
    case Tag::kComplex:
      refuse_index("complex");
    case Tag::kSkip:
      refuse_index("undefined");
    case Tag::kGenerator:
      refuse_index("Generator");
    case Tag::kMap:  // a result, never an argument
      break;
  }
  throw BridgeError("internal", "an unknown tag stands on the argument tape");
}

// How many dimensions the indices take, the ellipsis apart.
int64_t specified_dims(const Values& values, size_t p) {
  const Tape& tape = values.tape;
  int64_t count = 0;
  size_t item = p + 2;
  for (size_t k = tape.length(p); k > 0; --k, item = tape.next(item)) {
    const Tag tag = tape.tag(item);
    if (tag == Tag::kTensor) {
      const at::Tensor& index = values.tensors.get(tape.handle(item));
      const bool mask = index.scalar_type() == at::kByte || index.scalar_type() == at::kBool;
      count += mask ? index.dim() : 1;
    } else if (tag != Tag::kNone && tag != Tag::kString && tag != Tag::kBool) {
      ++count;
    }
  }
  return count;
}

// Applies what gives views and collects the tensors. Each index is read when its turn comes, so that the first wrong
// one is the one that is reported, as in Python.
at::Tensor apply_indices(const at::Tensor& self, const Values& values, size_t p, std::vector<at::Tensor>& tensors) {
  int64_t specified = specified_dims(values, p);
  if (!self.is_nested() && specified > self.dim()) {
    throw BridgeError("index", "too many indices for tensor of dimension " + std::to_string(self.dim()));
  }
  at::Tensor result = self;
  int64_t dim = 0;
  size_t item = p + 2;
  const auto count = static_cast<int64_t>(values.tape.length(p));
  for (int64_t k = 0; k < count; ++k) {
    const auto sizes = result.is_nested() ? std::nullopt : std::optional<c10::SymIntArrayRef>(result.sym_sizes());
    result = at::indexing::handleDimInMultiDimIndexing(result, self, read_tensor_index(values, item), &dim, &specified,
                                                       k, tensors,
                                                       /*disable_slice_optimization=*/false, self.device(), sizes);
    item = values.tape.next(item);
  }
  return result;
}

at::Scalar read_number(const Tape& tape, size_t p) {
  switch (tape.tag(p)) {
    case Tag::kBool:
      return at::Scalar(tape.at(p + 1) != 0 ? int64_t{1} : int64_t{0});
    case Tag::kBigInt:
      return at::Scalar(tape.bits(p));
    case Tag::kComplex:
      return at::Scalar(c10::complex<double>(tape.at(p + 1), tape.at(p + 2)));
    case Tag::kNumber: {
      const double v = tape.at(p + 1);
      constexpr double kMaxSafe = 9007199254740991.0;
      const bool integral = std::fabs(v) <= kMaxSafe && std::trunc(v) == v && !(v == 0 && std::signbit(v));
      return integral ? at::Scalar(static_cast<int64_t>(v)) : at::Scalar(v);
    }
    case Tag::kFloat:
      return at::Scalar(tape.at(p + 1));
    default:
      throw BridgeError("internal", "no number stands on the argument tape");
  }
}

// The value of an assignment as a tensor: a number becomes one of the target's dtype.
at::Tensor read_value(const at::Tensor& self, const Values& values, size_t p) {
  if (values.tape.tag(p) == Tag::kTensor) return values.tensors.get(values.tape.handle(p));
  if (at::isQIntType(self.scalar_type())) {
    return at::indexing::scalarToTensor(read_number(values.tape, p), at::TensorOptions().dtype(at::kFloat), at::kCPU);
  }
  return at::indexing::scalarToTensor(read_number(values.tape, p), self.options(), self.device());
}

// getItem(handle): the list of indices stands on the tape.
napi_value get_item(Call& call) {
  finish_deferred(call.data());
  const at::Tensor self = call.tensor(0);
  check_contents(self);
  const Values values = call.data().values();
  const c10::OptionalDeviceGuard guard(at::device_of(self));
  if (values.tape.length(0) == 1) return call.handle(at::indexing::get_item(self, {read_tensor_index(values, 2)}));
  std::vector<at::Tensor> tensors;
  at::Tensor result = apply_indices(self, values, 0, tensors);
  if (!tensors.empty()) return call.handle(at::indexing::dispatch_index(result, std::move(tensors)));
  // A tensor of its own even where nothing was picked, as x[:, :] is in Python.
  return call.handle(result.is_same(self) ? at::alias(result) : result);
}

// setItem(handle): the list of indices and the value, a tensor or a number, stand on the tape.
napi_value set_item(Call& call) {
  finish_deferred(call.data());
  const at::Tensor self = call.tensor(0);
  const Values values = call.data().values();
  if (self.is_sparse()) throw BridgeError("type", "Cannot assign to a sparse tensor");
  const c10::OptionalDeviceGuard guard(at::device_of(self));
  check_index(self);
  const at::Tensor value = read_value(self, values, values.tape.next(0));
  check_index(value);
  if (values.tape.length(0) == 1) {
    at::indexing::set_item(self, {read_tensor_index(values, 2)}, value);
    return call.undefined();
  }
  std::vector<at::Tensor> tensors;
  at::Tensor target = apply_indices(self, values, 0, tensors);
  if (tensors.empty()) {
    at::indexing::copy_to(target, value);
    return call.undefined();
  }
  const auto sizes = at::indexing::slicePrefix1sSize(value.sym_sizes());
  const bool same = value.sym_sizes().equals(sizes);
  at::indexing::dispatch_index_put_(target, std::move(tensors), same ? value : value.view_symint(sizes));
  return call.undefined();
}

}  // namespace

std::vector<Function> indexing_functions() {
  return {
      {"getItem", &guarded<get_item>},
      {"setItem", &guarded<set_item>},
  };
}

}  // namespace torchbridge
