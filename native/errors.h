// The one form in which C++ failures reach JavaScript.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace torchbridge {

// A failure found by the bridge itself; `code` becomes TorchError.code.
class BridgeError : public std::runtime_error {
 public:
  BridgeError(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const { return code_; }

 private:
  const char* code_;
};

// Thrown after a Node-API call failed with a JavaScript exception pending: that exception is the error.
struct PendingException {};

// What the guard makes of the exception in flight; call inside a catch block only.
struct Failure {
  const char* code;
  std::string message;
};
Failure current_failure();

}  // namespace torchbridge
