// The table of guards. docs/safety.md shows it to people; test/native/guards.test.ts compares the two and calls every
// line.
#include <ATen/WrapDimUtils.h>
#include <ATen/ops/all.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/any.h>
#include <ATen/ops/diff.h>
#include <ATen/ops/isfinite.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "guard_checks.h"

namespace torchbridge {
namespace {

using namespace checks;

// The order of a polynomial, a number or a tensor: kernels count up to it for every element.
void polynomial_order(const Arguments& arguments, const char* name) {
  constexpr double kMost = 1e6;
  const c10::IValue& value = arguments.value(name);
  double most = 0;
  if (value.isScalar()) most = value.toScalar().isComplex() ? 0 : value.toScalar().toDouble();
  if (value.isTensor() && value.toTensor().numel() > 0 && strided(value.toTensor()) && value.toTensor().is_cpu() &&
      !value.toTensor().is_complex()) {
    most = std::get<1>(at::aminmax(value.toTensor().detach().to(at::kDouble).nan_to_num())).item<double>();
  }
  if (most > kMost)
    refuse_call("value", std::string("Expected ") + name + " of at most 10^6 but received a larger one");
}

// Statistics and affine parameters of batch norm: one element a channel.
void batch_norm(const Arguments& arguments, const char* parameters) {
  at::Tensor input = arguments.tensor("input");
  if (!input.defined()) input = arguments.tensor("self");
  if (!input.defined() || input.dim() < 2) refuse_call("shape", "Expected an input of at least two dimensions");
  if (input.numel() == 0) refuse_call("shape", "Expected an input with elements but received " + sizes_of(input));
  for (const auto* name : {"weight", "bias", "running_mean", "running_var", "mean", "var", "invstd", "save_mean",
                           "save_invstd", "save_var", "save_var_transform"}) {
    const at::Tensor each = arguments.tensor(name);
    if (!each.defined()) continue;
    if (!strided(each) || each.dim() != 1 || each.size(0) != input.size(1)) {
      if (each.numel() == 0 && std::string(name).rfind("save", 0) == 0) continue;
      refuse_call("shape", std::string("Expected [") + std::to_string(input.size(1)) + "] for " + name +
                               " but received " + sizes_of(each));
    }
  }
  for (const auto* name : {"grad_out", "grad_output"}) {
    const at::Tensor grad = arguments.tensor(name);
    if (grad.defined() && !grad.sizes().equals(input.sizes())) {
      refuse_call("shape",
                  std::string("Expected ") + name + " of shape " + sizes_of(input) + " but received " + sizes_of(grad));
    }
  }
  const c10::IValue* training = &arguments.value("training");
  if (training->isNone()) training = &arguments.value("train");
  const bool uses = training->isBool() ? !training->toBool() : std::string(parameters) == "running";
  if (uses && !(arguments.tensor("running_mean").defined() && arguments.tensor("running_var").defined())) {
    refuse_call("type", "Expected running_mean and running_var, which batch norm outside of training uses");
  }
}

// "rank": the backward of a max pool over the last `rank` dimensions.
void pool_backward(const Arguments& arguments, const char* parameters) {
  const int64_t rank = std::stoll(parameters);
  const at::Tensor grad = arguments.tensor("grad_output");
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor indices = arguments.tensor("indices");
  const int64_t dims = self.dim();
  if (!strided(grad) || !strided(self) || !strided(indices) || (dims != rank + 1 && dims != rank + 2)) {
    refuse_call("shape", "Expected an input of " + std::to_string(rank + 1) + " or " + std::to_string(rank + 2) +
                             " dimensions but received " + sizes_of(self));
  }
  if (indices.scalar_type() != at::kLong) refuse_call("dtype", "Expected int64 for indices");
  if (!grad.sizes().equals(indices.sizes()) || grad.dim() != dims ||
      !grad.sizes().slice(0, dims - rank).equals(self.sizes().slice(0, dims - rank))) {
    refuse_call("shape", "Expected grad_output and indices of one shape, of the batch and channels of the input");
  }
  int64_t limit = 1;
  for (int64_t i = dims - rank; i < dims; ++i) limit *= self.size(i);
  check_indices(indices, limit, "indices");
  const c10::IValue& output = arguments.value("output_size");
  if (output.isIntList()) {
    const auto sizes = output.toIntVector();
    if (!grad.sizes().slice(dims - rank).equals(sizes)) refuse_call("shape", "Expected grad_output of output_size");
  }
}

void least_of_int64(const Arguments& arguments, const char* name) {
  if (arguments.integer(name) == std::numeric_limits<int64_t>::min()) {
    refuse_call("value", std::string("Expected ") + name + " above -2^63");
  }
}

void sobol(const Arguments& arguments, const char*) {
  const int64_t dimension = arguments.integer("dimension").value_or(0);
  if (dimension < 1 || dimension > 21201) refuse_call("value", "Expected a dimension from 1 to 21201");
  for (const at::Tensor& each : arguments.tensors()) {
    const bool state = each.dim() == 2 && each.size(0) == dimension && each.size(1) == 30;
    const bool point = each.dim() == 1 && each.size(0) == dimension;
    if (each.scalar_type() != at::kLong || !strided(each) || !(state || point)) {
      refuse_call("shape", "Expected int64 tensors of [dimension, 30] and [dimension]");
    }
  }
}

// Antialiased resizing walks as far as the scale says: it must lead from the input's size to the output's.
void resize_scales(const Arguments& arguments, const char*) {
  // The overloads that take output_size or scale_factors, but never both, compute the one from the other.
  if (arguments.tensor("input").defined()) return;
  const at::Tensor self = arguments.tensor("self");
  const c10::IValue& wanted = arguments.value("output_size");
  std::vector<int64_t> from = self.defined() ? self.sizes().vec() : std::vector<int64_t>();
  if (arguments.value("input_size").isIntList()) from = arguments.value("input_size").toIntVector();
  if (!wanted.isIntList() || wanted.toIntVector().size() != 2 || from.size() != 4) {
    refuse_call("shape", "Expected an input of 4 dimensions and an output_size of 2");
  }
  for (size_t i = 0; i < 2; ++i) {
    const c10::IValue& scale = arguments.value(i == 0 ? "scales_h" : "scales_w");
    if (!scale.isDouble()) continue;
    const double leads = static_cast<double>(from[2 + i]) * scale.toDouble();
    if (!(std::fabs(leads - static_cast<double>(wanted.toIntVector()[i])) <= 1)) {
      refuse_call("value", "Expected scales that lead from the input's size to output_size");
    }
  }
}

void embedding_bag(const Arguments& arguments, const char*) {
  const at::Tensor weight = arguments.tensor("weight");
  const at::Tensor indices = arguments.tensor("indices");
  const at::Tensor offsets = arguments.tensor("offsets");
  const at::Tensor scales = arguments.tensor("per_sample_weights");
  for (const at::Tensor& each : {weight, indices, offsets}) each.size(0);  // PyTorch's message for no dimensions
  if (weight.dim() != 2 || indices.dim() != 1 || offsets.dim() != 1 || !strided(weight) || !strided(indices)) {
    refuse_call("shape", "Expected a weight of two dimensions, and indices and offsets of one");
  }
  if (scales.defined() && !scales.sizes().equals(indices.sizes())) {
    refuse_call("shape", "Expected per_sample_weights of the shape of indices");
  }
  check_indices(indices, weight.size(0), "indices");
  check_indices(offsets, indices.size(0) + 1, "offsets");
}

// Whether so many elements can be read one after another, whatever the strides are.
bool has_room(const at::Tensor& tensor, int64_t elements) {
  if (!strided(tensor) || !tensor.has_storage() || tensor.is_meta()) return false;
  const auto all = static_cast<int64_t>(tensor.storage().nbytes() / tensor.dtype().itemsize());
  return elements <= all - tensor.storage_offset();
}

// Sizes and strides that lead out of the storage.
void inside_storage(const Arguments& arguments, const char*) {
  const at::Tensor self = arguments.tensor("self");
  if (!strided(self) || !self.has_storage()) refuse_call("type", "Expected a strided tensor");
  const auto sizes = arguments.value("size").toIntVector();
  const auto strides = arguments.value("stride").toIntVector();
  if (sizes.size() != strides.size()) refuse_call("shape", "Expected as many strides as sizes");
  int64_t last = self.storage_offset();
  bool fits = true;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return;
    int64_t reach = 0;
    fits = fits && sizes[i] >= 0 && strides[i] >= 0 && !__builtin_mul_overflow(sizes[i] - 1, strides[i], &reach) &&
           !__builtin_add_overflow(last, reach, &last);
  }
  if (!fits || last >= static_cast<int64_t>(self.storage().nbytes() / self.dtype().itemsize())) {
    refuse_call("shape", "Expected sizes and strides that stay inside of the storage");
  }
}

// libtorch itself refuses other dtypes, and more elements than there are.
void quantization_bins(const Arguments& arguments, const char*) {
  const at::Tensor input = arguments.tensor("input");
  const int64_t numel = arguments.integer("numel").value_or(0);
  if (numel < 1 || (input.scalar_type() == at::kFloat && numel <= input.numel() && !has_room(input, numel))) {
    refuse_call("value", "Expected a float32 tensor with memory for numel elements");
  }
}

// libtorch itself compares the shapes of the noise and the input.
void rrelu(const Arguments& arguments, const char*) {
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor noise = arguments.tensor("noise");
  const at::Tensor out = arguments.tensor("out");
  if (strided(self) && !self.is_meta() && noise.sizes().equals(self.sizes()) && !has_room(noise, self.numel())) {
    refuse_call("value", "Expected a noise with memory for each of its elements");
  }
  if (out.defined() && (!strided(out) || !out.sizes().equals(self.sizes()))) {
    refuse_call("shape", "Expected out of shape " + sizes_of(self) + " but received " + sizes_of(out));
  }
}

// A count that is NaN or infinite is only looked at where the probability decides nothing.
void binomial_count(const Arguments& arguments, const char*) {
  const at::Tensor count = arguments.tensor("count").detach();
  const at::Tensor prob = arguments.tensor("prob").detach();
  for (const at::Tensor& each : {count, prob}) {
    if (!strided(each) || each.is_meta() || !each.is_floating_point()) return;
  }
  const at::Tensor open = prob.gt(0).logical_and(prob.lt(1));
  if (count.lt(std::numeric_limits<double>::infinity()).logical_not().logical_and(open).any().item<bool>()) {
    refuse_call("value", "Expected counts that are finite");
  }
}

void all_strided(const Arguments& arguments, const char*) {
  for (const at::Tensor& each : arguments.tensors()) {
    if (!strided(each) || each.is_quantized()) refuse_call("type", "Expected strided tensors that are not quantized");
  }
}

void quantized_view(const Arguments& arguments, const char* name) {
  const at::Tensor self = arguments.tensor("self");
  const auto dtype = static_cast<at::ScalarType>(arguments.integer(name).value_or(0));
  if (self.defined() && self.is_quantized() && !at::isQIntType(dtype)) {
    refuse_call("dtype", "Expected a quantized dtype for a quantized tensor; take intRepr() or dequantize() of it");
  }
}

void fraction(const Arguments& arguments, const char* name) {
  const c10::IValue& value = arguments.value(name);
  if (value.isDouble() && !(value.toDouble() >= 0 && value.toDouble() <= 1)) {
    refuse_call("value", std::string("Expected ") + name + " from 0 to 1");
  }
}

// Rows of bytes with their scale and bias behind them.
void packed_rows(const Arguments& arguments, const char* bytes) {
  const at::Tensor weight = arguments.tensor("weight");
  if (!strided(weight) || weight.dim() < 2 || weight.size(-1) <= std::stoll(bytes)) {
    refuse_call("shape", "Expected packed rows but received " + sizes_of(weight));
  }
}

// One row of pivots for each matrix.
void unpacked_pivots(const Arguments& arguments, const char*) {
  const at::Tensor matrices = arguments.tensor("LU_data");
  const at::Tensor pivots = arguments.tensor("LU_pivots");
  if (!matrices.defined() || !pivots.defined() || matrices.dim() < 2) return;
  auto wanted = matrices.sizes().slice(0, matrices.dim() - 2).vec();
  wanted.push_back(std::min(matrices.size(-2), matrices.size(-1)));
  if (!pivots.sizes().equals(wanted)) {
    refuse_call(
        "runtime",
        "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result "
        "of lu_factor?");
  }
}

void with_elements(const Arguments& arguments, const char* names) {
  for (const auto& name : words(names)) {
    const at::Tensor each = arguments.tensor(name);
    if (each.defined() && each.numel() == 0)
      refuse_call("shape", "Expected elements in " + name + " but received none");
  }
}

void no_zero_tensors(const Arguments& arguments, const char*) {
  for (const at::Tensor& each : arguments.tensors()) {
    if (each._is_zerotensor())
      refuse_call("type", "Expected tensors with memory of their own but received a ZeroTensor");
  }
}

void grouped_heads(const Arguments& arguments, const char*) {
  if (!arguments.value("enable_gqa").isBool() || !arguments.value("enable_gqa").toBool()) return;
  for (const auto* name : {"key", "value"}) {
    const at::Tensor each = arguments.tensor(name);
    if (each.defined() && !each.is_nested() && each.dim() >= 3 && each.size(-3) == 0) {
      refuse_call("shape", std::string("Expected at least one head in ") + name);
    }
  }
}

// output_size, which spares a look at the repeats, has to be their sum.
void repeats_sum(const Arguments& arguments, const char*) {
  const auto promised = arguments.integer("output_size");
  if (!promised) return;
  const at::Tensor self = arguments.tensor("self");
  const at::Tensor repeats = arguments.tensor("repeats");
  const auto dim = arguments.integer("dim");
  int64_t slices = 1;
  if (self.defined()) slices = dim && self.dim() > 0 ? self.size(at::maybe_wrap_dim(*dim, self.dim())) : self.numel();
  int64_t sum = arguments.integer("repeats").value_or(0) * slices;
  if (repeats.defined()) {
    if (!strided(repeats) || repeats.is_meta() || repeats.is_complex()) return;
    // libtorch finds a negative one after it has written what the others repeat.
    if (repeats.lt(0).any().item<bool>()) refuse_call("value", "repeats can not be negative");
    sum = repeats.sum().item().toLong() * (self.defined() && repeats.numel() == 1 ? slices : 1);
  }
  if (sum != *promised) {
    refuse_call("value",
                "Expected an output_size of " + std::to_string(sum) + " but received " + std::to_string(*promised));
  }
}

// Packed sequences: how many of them still run at each step.
void packed_sequence(const Arguments& arguments, const char*) {
  const at::Tensor sizes = arguments.tensor("batch_sizes");
  if (!sizes.defined()) return;
  const at::Tensor data = arguments.tensor("data");
  const bool listed = sizes.dim() == 1 && sizes.numel() > 0 && strided(sizes) && sizes.is_cpu() &&
                      sizes.scalar_type() == at::kLong && sizes.is_contiguous();
  if (!listed || data.dim() != 2 || !strided(data)) {
    refuse_call("shape", "Expected data of two dimensions, and batch_sizes as int64 of one");
  }
  const auto* steps = sizes.const_data_ptr<int64_t>();
  int64_t sum = 0;
  for (int64_t i = 0; i < sizes.numel(); ++i) {
    if (steps[i] < 1 || steps[i] > data.size(0) || (i > 0 && steps[i] > steps[i - 1])) sum = data.size(0) + 1;
    sum += steps[i];
  }
  if (sum != data.size(0)) refuse_call("value", "Expected batch_sizes that fall and add up to the rows of data");
}

void segments(const Arguments& arguments, const char*) {
  const at::Tensor offsets = arguments.tensor("offsets");
  const at::Tensor lengths = arguments.tensor("lengths");
  const at::Tensor data = arguments.tensor("data");
  if (arguments.value("unsafe").isBool() && arguments.value("unsafe").toBool() && lengths.defined()) {
    const int64_t last = lengths.dim() - 1;
    const bool fitting = last >= 0 && data.dim() > last && strided(lengths) && strided(data) && !lengths.is_meta() &&
                         lengths.sizes().slice(0, last).equals(data.sizes().slice(0, last));
    if (!fitting || lengths.lt(0).any().item<bool>() || lengths.sum(-1).ne(data.size(last)).any().item<bool>()) {
      refuse_call("value", "Expected lengths that add up to the size of data along axis");
    }
  }
  if (!offsets.defined() || data.dim() == 0) return;
  const int64_t axis = at::maybe_wrap_dim(arguments.integer("axis").value_or(0), data.dim());
  check_indices(offsets, data.size(axis) + 1, "offsets");
  if (offsets.numel() > 1 && offsets.diff().lt(0).any().item<bool>()) {
    refuse_call("value", "Expected offsets that do not fall");
  }
}

// An integer range whose step is less than one would divide by zero.
void range_step(const Arguments& arguments, const char*) {
  const at::Tensor out = arguments.tensor("out");
  const bool whole = out.defined() ? !out.is_floating_point() && !out.is_complex()
                                   : arguments.value("dtype").isInt() &&
                                         at::isIntegralType(arguments.value("dtype").toScalarType(), true);
  const c10::IValue& step = arguments.value("step");
  if (out.defined() && (!strided(out) || out.is_quantized())) refuse_call("type", "Expected a plain tensor for out");
  if (whole && step.isScalar() && !step.toScalar().isComplex() && std::trunc(step.toScalar().toDouble()) == 0) {
    refuse_call("value", "Expected a step of at least 1 for a range of integers");
  }
}

void random_from(const Arguments& arguments, const char*) {
  const at::Tensor self = arguments.tensor("self");
  const auto from = arguments.integer("from");
  if (!from || !self.defined() || !self.is_floating_point()) return;
  constexpr int64_t kExact = int64_t{1} << 53;
  if (*from > kExact || *from < -kExact) refuse_call("value", "from is out of bounds for a floating point dtype");
}

void pdist_rows(const Arguments& arguments, const char*) {
  const at::Tensor self = arguments.tensor("self");
  if (self.defined() && self.requires_grad() && self.dim() == 2 && self.size(0) == 0) {
    refuse_call("shape", "Expected rows for a pdist with gradients but received " + sizes_of(self));
  }
}

// g has one element for each slice of v along `dim`.
void weight_norm(const Arguments& arguments, const char*) {
  const at::Tensor v = arguments.tensor("v");
  const at::Tensor g = arguments.tensor("g");
  const int64_t dim = arguments.integer("dim").value_or(0);
  if (!strided(v) || !strided(g) || v.numel() == 0 || dim < -1 || dim >= v.dim()) {
    refuse_call("shape", "Expected a v with elements and one of its dimensions");
  }
  if (g.numel() != (dim == -1 ? 1 : v.size(dim)) || v.scalar_type() != g.scalar_type()) {
    refuse_call("shape", "Expected a g of one element for each slice of v along dim, of the dtype of v");
  }
}

}  // namespace

const std::vector<Rule>& guard_rules() {
  static const auto* rules = new std::vector<Rule>{
#include "guard_table.inc"
  };
  return *rules;
}

}  // namespace torchbridge
