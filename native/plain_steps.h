// What a plain pickle says, as JavaScript builds it (lib/io/plain-file.ts is the other side).
//
// Numbers, one after the other: the value of the whole, then the steps that make what it consists of, in their order.
// A value is two numbers: its kind, and what it is of that kind.
//
//   none 0 | false 0 | true 0 | number v | text i | tensor i | object i
//
// A step is its action, the object that it happens to (or of which type a new one is) and how many values follow. New
// objects are numbered as they come.
//
//   make type n value1..valuen | set object n key1 value1.. | append object n value1..valuen | metadata object 1 value
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "plain_pickle.h"

namespace torchbridge {

class PlainSteps {
 public:
  explicit PlainSteps(const PlainPickle& pickle);

  const std::vector<double>& cells() const { return cells_; }
  // The texts and tensors that the values are of: of the pickle's, those that are in its value.
  const std::vector<std::string_view>& texts() const { return texts_; }
  const std::vector<uint32_t>& tensors() const { return tensors_; }

 private:
  void add(const PlainValue& value);

  const PlainPickle& pickle_;
  std::vector<double> cells_;
  std::vector<std::string_view> texts_;
  std::vector<uint32_t> tensors_;
  // What has a number here, by its number in the pickle.
  std::vector<int64_t> text_numbers_;
  std::vector<uint32_t> tensor_numbers_;
  std::vector<uint32_t> object_numbers_;
};

}  // namespace torchbridge
