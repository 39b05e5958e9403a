// The libtorch this addon was compiled for and the one the process has loaded: they must be the same release,
// since structures and virtual tables differ between releases and some differences corrupt silently.
#pragma once
#include <string>

namespace torchbridge {

std::string compiled_version();  // "2.13.0"
std::string linked_version();    // "2.13.0", from libtorch itself

}  // namespace torchbridge
