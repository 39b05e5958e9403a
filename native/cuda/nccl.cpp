// NCCL's part of c10d, for the first addon. Compiled without it where NCCL's header, or what libtorch's own includes
// beside it, is not found.
#if __has_include(<nccl.h>) && __has_include(<nv/target>)
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif
#include <torch/csrc/cuda/nccl.h>

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#define TORCHBRIDGE_NCCL
#endif

#include "nccl.h"

namespace torchbridge {

#ifdef TORCHBRIDGE_NCCL

namespace {

c10::intrusive_ptr<c10d::Backend> new_nccl(const NcclRequest& request) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = request.timeout;
  options->group_name = request.group_name;
  options->global_ranks_in_group = request.global_ranks;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(request.store, request.rank, request.size, options);
}

}  // namespace

std::string why_no_nccl() {
  // Its options hold a structure of NCCL's, which grows from release to release.
  const uint64_t version = torch::cuda::nccl::version();
  const uint64_t major = version >> 32;
  const uint64_t minor = version >> 16 & 0xffff;
  const uint64_t patch = version & 0xffff;
  if (NCCL_VERSION(major, minor, patch) == NCCL_VERSION_CODE) return "";
  const auto name = [](uint64_t a, uint64_t b, uint64_t c) {
    return std::to_string(a) + "." + std::to_string(b) + "." + std::to_string(c);
  };
  return "it was compiled with the header of NCCL " + name(NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH) +
         ", and libtorch comes with " + name(major, minor, patch);
}

void* nccl_factory() { return reinterpret_cast<void*>(static_cast<NewNccl>(&new_nccl)); }

#else

std::string why_no_nccl() { return "nccl.h or nv/target was not found when it was compiled"; }

void* nccl_factory() { return nullptr; }

#endif

}  // namespace torchbridge
