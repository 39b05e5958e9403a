// Direct calls for the commonest C++ signatures of operators: no IValue is made, no stack is filled.
#pragma once
#include "operators.h"

namespace torchbridge {

// Gives the overload its direct call when its signature has one; otherwise it goes through callBoxed.
void find_direct(Overload& overload);

// How many tensors, and nothing else, make a whole call of a direct overload; 0 where that is not so simple.
size_t plain_tensors(const Overload& overload);

}  // namespace torchbridge
