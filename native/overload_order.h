// In which order a call tries the overloads of an operator: Python's.
#pragma once
#include <vector>

#include "operators.h"

namespace torchbridge {

// Sorts the overloads of an operator that was named without one as the argument parser of Python's bindings does,
// leaves out those that Python's bindings leave out, and adds the older spellings that they still take (`add(x, 2,
// y)`).
void order_as_python(std::vector<Overload>& overloads);

}  // namespace torchbridge
