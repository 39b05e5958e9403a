// libtorch's engine of gradients, with what JavaScript needs: see engine.cpp.
#pragma once

namespace torchbridge {

// Makes our engine the one of the process (once), and keeps the graph's functions on the calling thread.
void install_engine();

// After a backward that failed on this thread: frees what the engine still had to do for it, and would keep.
void drop_failed_work();

}  // namespace torchbridge
