#pragma once
#include <string>

#include "../nccl_factory.h"

namespace torchbridge {

// Why this addon has no NCCL to give; empty where it has.
std::string why_no_nccl();

// A NewNccl.
void* nccl_factory();

}  // namespace torchbridge
