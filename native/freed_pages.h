// What the C library does with memory that was freed.
#pragma once

namespace torchbridge {

// Keeps freed memory in the process, ready to be used again: fresh pages must be cleared by the kernel, and a training
// step frees and takes the same gigabyte over and over. Leaves the settings alone when the user has made their own
// (MALLOC_TRIM_THRESHOLD_ or MALLOC_MMAP_THRESHOLD_ in the environment).
void keep_freed_pages();

// Gives freed memory back to the operating system; whether there was any.
bool release_freed_pages();

}  // namespace torchbridge
