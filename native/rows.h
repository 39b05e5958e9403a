// Loops over rows on libtorch's own threads. at::parallel_for is an inline template that needs an OpenMP of its own
// here; an iterator of libtorch brings the threads that libtorch's operators use, and as many.
#pragma once
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/ops/empty.h>

namespace torchbridge {

// Calls body(begin, end) for ranges that cover 0…rows; a range has at least `grain` rows, save the last.
template <typename Body>
void over_rows(int64_t rows, int64_t grain, const Body& body) {
  if (rows <= 0) return;
  if (rows <= grain || at::get_num_threads() == 1) return body(int64_t{0}, rows);
  // A byte a row: where a loop begins says which row it is. Nothing is read or written.
  const at::Tensor places = at::empty({rows}, at::TensorOptions(at::kByte));
  const char* start = static_cast<const char*>(places.const_data_ptr());
  auto iterator =
      at::TensorIteratorConfig().add_output(places).resize_outputs(false).check_all_same_dtype(false).build();
  iterator.for_each(
      [&](char** data, const int64_t*, int64_t size, int64_t) {
        const int64_t begin = data[0] - start;
        body(begin, begin + size);
      },
      std::max<int64_t>(grain, 1));
}

}  // namespace torchbridge
