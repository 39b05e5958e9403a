// The checks that several operators share; guard_rules.cpp has those of one, and the table.
#pragma once
#include <string>
#include <vector>

#include "guards.h"

namespace torchbridge::checks {

[[noreturn]] void refuse_call(const char* code, const std::string& message);
std::vector<std::string> words(const char* text);
std::string sizes_of(const at::Tensor& tensor);
bool strided(const at::Tensor& tensor);
// An internal kernel: what to call instead stands in the table.
void internal(const Arguments&, const char* instead);
// Strided tensors of one shape; those that are none are left out.
void same_shape(const Arguments& arguments, const char* names);
// "n min max": an integer in a range, or every one of a list.
void in_range(const Arguments& arguments, const char* parameters);
void finite(const Arguments& arguments, const char* names);
// A tensor with elements of its own: sparse ones have none.
void dense(const Arguments& arguments, const char* names);
void not_nested(const Arguments& arguments, const char*);
void not_empty(const Arguments& arguments, const char* name);
// Every element of a tensor of indices from 0 to below `limit`.
void check_indices(const at::Tensor& indices, int64_t limit, const char* name);
void floating(const Arguments& arguments, const char* names);
// Matrices with elements.
void matrix(const Arguments& arguments, const char* names);
// Takes the elements of an expanded tensor apart, and of any other that is not contiguous where `always` stands first.
void contiguous(const Arguments& arguments, const char* parameters);
// "name n": a list of n numbers.
void length(const Arguments& arguments, const char* parameters);
// "name n": a strided tensor of n dimensions.
void rank(const Arguments& arguments, const char* parameters);
// "name n": a strided tensor of n dimensions or more.
void least_rank(const Arguments& arguments, const char* parameters);
// Gives a kernel whose vectors reach behind the last element a copy with room for them.
void room_behind(const Arguments& arguments, const char* name);

// guard_kinds.cpp
// No oneDNN tensors beside weights that do not fit them.
void mkldnn_linear(const Arguments& arguments, const char*);
// No int32 with zero points that are floats.
void quantized_floats(const Arguments& arguments, const char*);
// The running minima and maxima of a quantization observer: one of each row, or one of each.
// "empty" lets an input without elements through.
void moving_average(const Arguments& arguments, const char* parameters);
void nested_select(const Arguments& arguments, const char*);
void nested_chunk(const Arguments& arguments, const char*);
// Only dimension 0 of nested tensors can be joined; "all" where the operator knows no other.
void nested_join(const Arguments& arguments, const char* parameters);
// At most three dimensions for the input and the states of a recurrent network, two for its weights.
void recurrent(const Arguments& arguments, const char*);
// The least integer divided by -1.
void truncated_division(const Arguments& arguments, const char*);
void least_common_multiple(const Arguments& arguments, const char*);

// guard_lists.cpp
// Lists that stand beside each other: as many in each, and where `shapes` is asked for of the same shapes.
void side_by_side(const Arguments& arguments, const char* parameters);
// The numbers of the fused optimizers: tensors of one element.
void fused_steps(const Arguments& arguments, const char*);
void chunk_cat(const Arguments& arguments, const char*);

}  // namespace torchbridge::checks
