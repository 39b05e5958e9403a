// CRC-32 as zip files have it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace torchbridge {

// The checksum of what `crc` is the checksum of, followed by these bytes; of nothing it is 0.
uint32_t crc32(uint32_t crc, const void* bytes, size_t size);

// The checksum of two pieces, one after the other, from those of the pieces and the size of the second.
uint32_t crc32_joined(uint32_t first, uint32_t second, size_t second_size);

}  // namespace torchbridge
