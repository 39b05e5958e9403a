// c10d's Reducer, which averages gradients over the processes while backward still computes others.
#pragma once
#include <memory>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "distributed.h"

namespace torchbridge {

struct DistributedReducer {
  std::shared_ptr<DistributedGroup> group;  // outlives the reducer
  std::unique_ptr<c10d::Reducer> reducer;
};

}  // namespace torchbridge
