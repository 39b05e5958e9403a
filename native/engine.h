// libtorch's engine of gradients, with what JavaScript needs: see engine.cpp.
#pragma once

namespace torchbridge {

// Makes our engine the one of the process (once), and keeps the graph's functions on the calling thread.
void install_engine();

}  // namespace torchbridge
