#include "errors.h"

#include <c10/util/Exception.h>

#include <new>

namespace torchbridge {

Failure current_failure() {
  try {
    throw;
  } catch (const BridgeError& e) {
    return {e.code(), e.what()};
  } catch (const c10::OutOfMemoryError& e) {
    return {"memory", e.what_without_backtrace()};
  } catch (const c10::IndexError& e) {
    return {"index", e.what_without_backtrace()};
  } catch (const c10::ValueError& e) {
    return {"value", e.what_without_backtrace()};
  } catch (const c10::TypeError& e) {
    return {"type", e.what_without_backtrace()};
  } catch (const c10::NotImplementedError& e) {
    // What follows the first empty line is a list of every registered kernel.
    const std::string message = e.what_without_backtrace();
    return {"notImplemented", message.substr(0, message.find("\n\n"))};
  } catch (const c10::LinAlgError& e) {
    return {"linalg", e.what_without_backtrace()};
  } catch (const c10::Error& e) {
    return {"runtime", e.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {"memory", "not enough memory"};
  } catch (const std::exception& e) {
    return {"runtime", e.what()};
  } catch (...) {
    return {"runtime", "an exception of unknown kind was thrown by native code"};
  }
}

}  // namespace torchbridge
