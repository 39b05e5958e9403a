// The C library's cosine, power and error function. Python's floats are computed with them; JavaScript's own may differ
// in the last bit.
#include <cmath>

#include "environment.h"

namespace torchbridge {
namespace {

napi_value cosine(Call& call) { return call.from(std::cos(call.number(0))); }

napi_value power(Call& call) { return call.from(std::pow(call.number(0), call.number(1))); }

napi_value error_function(Call& call) { return call.from(std::erf(call.number(0))); }

}  // namespace

std::vector<Function> arithmetic_functions() {
  return {
      {"cos", &guarded<cosine>},
      {"pow", &guarded<power>},
      {"erf", &guarded<error_function>},
  };
}

}  // namespace torchbridge
