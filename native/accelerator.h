// The accelerator of the process through libtorch's device-neutral interfaces, so that one source serves every build.
#pragma once
#include <vector>

namespace torchbridge {

struct Function;

std::vector<Function> accelerator_functions();
std::vector<Function> accelerator_memory_functions();
std::vector<Function> accelerator_stream_functions();

}  // namespace torchbridge
