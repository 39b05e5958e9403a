// Files of torch.save that hold plain data, read in one call.
#pragma once
#include <vector>

#include "environment.h"

namespace torchbridge {

std::vector<Function> plain_file_functions();

}  // namespace torchbridge
