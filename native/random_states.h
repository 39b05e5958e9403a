// States of generators of random numbers, and blocks under them.
#pragma once
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <mutex>
#include <vector>

namespace torchbridge {

// The generators' states when the function ran first, and a block under them.
struct RandomState {
  at::Generator generator;
  at::Tensor state;
};

inline RandomState random_state(at::Generator generator) {
  const std::lock_guard<std::mutex> lock(generator.mutex());
  at::Tensor state = generator.get_state();
  return {std::move(generator), std::move(state)};
}

inline void restore(const RandomState& random) {
  at::Generator generator = random.generator;
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(random.state);
}

class RandomGuard {
 public:
  explicit RandomGuard(const std::vector<RandomState>& states) {
    for (const RandomState& each : states) before_.push_back(random_state(each.generator));
    for (const RandomState& each : states) restore(each);
  }
  ~RandomGuard() {
    for (const RandomState& each : before_) restore(each);
  }
  RandomGuard(const RandomGuard&) = delete;
  RandomGuard& operator=(const RandomGuard&) = delete;

 private:
  std::vector<RandomState> before_;
};

}  // namespace torchbridge
