// Direct calls for the commonest C++ signatures of operators.
#pragma once
#include "operators.h"

namespace torchbridge {

// The direct call for an overload's signature, null when it goes through callBoxed.
UnboxedCall find_unboxed(const c10::OperatorHandle& handle);

}  // namespace torchbridge
