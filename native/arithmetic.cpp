// The C library's sine, cosine, tangent, arc tangent, power and error function. Python's floats are computed with them;
// JavaScript's own may differ in the last bit.
#include <cmath>

#include "environment.h"

namespace torchbridge {
namespace {

napi_value cosine(Call& call) { return call.from(std::cos(call.number(0))); }

napi_value sine(Call& call) { return call.from(std::sin(call.number(0))); }

napi_value tangent(Call& call) { return call.from(std::tan(call.number(0))); }

napi_value arc_tangent(Call& call) { return call.from(std::atan(call.number(0))); }

napi_value power(Call& call) { return call.from(std::pow(call.number(0), call.number(1))); }

napi_value error_function(Call& call) { return call.from(std::erf(call.number(0))); }

}  // namespace

std::vector<Function> arithmetic_functions() {
  return {
      {"cos", &guarded<cosine>},       {"sin", &guarded<sine>},  {"tan", &guarded<tangent>},
      {"atan", &guarded<arc_tangent>}, {"pow", &guarded<power>}, {"erf", &guarded<error_function>},
  };
}

}  // namespace torchbridge
