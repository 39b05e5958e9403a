// The tape: one buffer that JavaScript and C++ share, so that a call of an operator is one Node-API call however
// many arguments it has. JavaScript writes tagged values as doubles, C++ reads them before the operator runs,
// writes the results from the start of the same buffer, and JavaScript reads them back. lib/tensor/tape.ts is the
// other side; the tags must match.
//
//   none | skip | tensor h | bool b | number v | bigint <int64 bits> | string n c1..cn | list n item1..itemn |
//   float v | complex re im | generator h | map n key1 value1..keyn valuen (results only)
#pragma once
#include <cstdint>
#include <cstring>
#include <string>

#include "errors.h"

namespace torchbridge {

enum class Tag : int {
  kNone = 0,
  kSkip = 1,
  kTensor = 2,
  kBool = 3,
  kNumber = 4,
  kBigInt = 5,
  kString = 6,
  kList = 7,
  kFloat = 8,
  kComplex = 9,
  kGenerator = 10,
  kMap = 11,
};

class Tape {
 public:
  Tape() = default;
  Tape(double* cells, size_t size) : cells_(cells), size_(size) {}

  size_t size() const { return size_; }
  double at(size_t i) const {
    if (i >= size_) throw BridgeError("internal", "the argument tape ends too early");
    return cells_[i];
  }
  Tag tag(size_t i) const { return static_cast<Tag>(static_cast<int>(at(i))); }
  int32_t handle(size_t i) const { return static_cast<int32_t>(at(i + 1)); }
  size_t length(size_t i) const { return static_cast<size_t>(at(i + 1)); }
  int64_t bits(size_t i) const {
    const double cell = at(i + 1);
    int64_t value = 0;
    std::memcpy(&value, &cell, sizeof value);
    return value;
  }
  std::string string(size_t i) const;  // UTF-8
  // Where the value after the one at `i` begins.
  size_t next(size_t i) const {
    const Tag kind = tag(i);
    return kind == Tag::kNumber || kind == Tag::kTensor ? i + 2 : next_of_any(i);
  }

  void put(size_t i, double value) {
    if (i >= size_) throw BridgeError("internal", "the tape is too short for the result");
    cells_[i] = value;
  }

 private:
  size_t next_of_any(size_t i) const;

  double* cells_ = nullptr;
  size_t size_ = 0;
};

}  // namespace torchbridge
