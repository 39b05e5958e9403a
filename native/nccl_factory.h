// How the second addon, which is compiled with CUDA's headers, gives the first one NCCL: the address of a function in
// an external that carries a tag of its own.
#pragma once
#include <node_api.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

namespace torchbridge {

struct NcclRequest {
  c10::intrusive_ptr<c10d::Store> store;
  int rank;
  int size;
  std::chrono::milliseconds timeout;
  std::string group_name;
  std::vector<uint64_t> global_ranks;
};

using NewNccl = c10::intrusive_ptr<c10d::Backend> (*)(const NcclRequest& request);

inline constexpr napi_type_tag kNcclTag = {0x8f1d6a2b74c04e19, 0xb3a5c96e1f0d4872};

}  // namespace torchbridge
