// c10d's Reducer, which averages gradients over the processes while backward still computes others.
#pragma once
#include <memory>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "distributed.h"

namespace torchbridge {

struct DistributedReducer {
  std::shared_ptr<DistributedGroup> group;  // outlives the reducer
  std::shared_ptr<c10d::Reducer> reducer;
  std::shared_ptr<c10d::Logger> logger;  // the reducer uses it without asking whether there is one
  bool find_unused = false;
  bool static_graph = false;
  std::atomic<bool> delayed{false};  // whether a static graph's first backward has begun
};

}  // namespace torchbridge
