#include "environment.h"

#include <algorithm>
#include <array>

#include "js_callback.h"

namespace torchbridge {

// Graphs first, while what they hold of JavaScript can still be given back.
Environment::~Environment() {
  tensors.clear();
  if (thread != nullptr) thread->close();
}

// Taken off the list first: freeing may run JavaScript, which adds to it.
void Environment::free_released() {
  std::array<int32_t, 64> handles;
  while (released[0] > 0) {
    const size_t listed = std::min(static_cast<size_t>(released[0]), released_size - 1);
    const size_t count = std::min(listed, handles.size());
    const int32_t* first = released + 1 + (listed - count);
    std::copy(first, first + count, handles.begin());
    released[0] = static_cast<int32_t>(listed - count);
    for (size_t i = 0; i < count; ++i) tensors.release(handles[i]);
  }
}

Call::Call(napi_env env, napi_callback_info info) : env_(env) {
  void* data = nullptr;
  check(napi_get_cb_info(env, info, &count_, args_, nullptr, &data));
  data_ = static_cast<Environment*>(data);
  if (data_->released != nullptr && data_->released[0] != 0) data_->free_released();
}

void Call::check(napi_status status) const {
  if (status == napi_ok) return;
  // Read first: any further call clears it.
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env_, &info);
  const std::string reason =
      info != nullptr && info->error_message != nullptr ? info->error_message : "an argument of another kind";
  bool pending = false;
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending) throw PendingException{};
  throw BridgeError("type", "Expected an argument of another kind (" + reason + ")");
}

int32_t Call::int32(size_t i) const {
  int32_t v = 0;
  check(napi_get_value_int32(env_, args_[i], &v));
  return v;
}

double Call::number(size_t i) const {
  double v = 0;
  check(napi_get_value_double(env_, args_[i], &v));
  return v;
}

bool Call::boolean(size_t i) const {
  bool v = false;
  check(napi_get_value_bool(env_, args_[i], &v));
  return v;
}

std::string Call::string(size_t i) const {
  size_t length = 0;
  check(napi_get_value_string_utf8(env_, args_[i], nullptr, 0, &length));
  std::string v(length, '\0');
  check(napi_get_value_string_utf8(env_, args_[i], v.data(), length + 1, &length));
  return v;
}

std::pair<char*, size_t> Call::bytes(size_t i) const {
  bool typed = false;
  check(napi_is_typedarray(env_, args_[i], &typed));
  void* data = nullptr;
  size_t length = 0;
  bool view = false;
  check(napi_is_dataview(env_, args_[i], &view));
  if (view) {
    check(napi_get_dataview_info(env_, args_[i], &length, &data, nullptr, nullptr));
    return {static_cast<char*>(data), length};
  }
  if (!typed) {
    check(napi_get_arraybuffer_info(env_, args_[i], &data, &length));
    return {static_cast<char*>(data), length};
  }
  napi_typedarray_type type = napi_uint8_array;
  check(napi_get_typedarray_info(env_, args_[i], &type, &length, &data, nullptr, nullptr));
  size_t width = 1;
  if (type == napi_int16_array || type == napi_uint16_array) width = 2;
  if (type == napi_int32_array || type == napi_uint32_array || type == napi_float32_array) width = 4;
  if (type == napi_float64_array || type == napi_bigint64_array || type == napi_biguint64_array) width = 8;
  return {static_cast<char*>(data), length * width};
}

napi_value Call::undefined() const {
  napi_value out = nullptr;
  check(napi_get_undefined(env_, &out));
  return out;
}

napi_value Call::from(int32_t v) const {
  napi_value out = nullptr;
  check(napi_create_int32(env_, v, &out));
  return out;
}

napi_value Call::from(int64_t v) const {
  napi_value out = nullptr;
  check(napi_create_int64(env_, v, &out));
  return out;
}

napi_value Call::from(double v) const {
  napi_value out = nullptr;
  check(napi_create_double(env_, v, &out));
  return out;
}

napi_value Call::from(bool v) const {
  napi_value out = nullptr;
  check(napi_get_boolean(env_, v, &out));
  return out;
}

napi_value Call::from(const std::string& v) const {
  napi_value out = nullptr;
  check(napi_create_string_utf8(env_, v.data(), v.size(), &out));
  return out;
}

napi_value Call::handle(at::Tensor tensor) const {
  if (!tensor.defined()) return from(int32_t{-1});
  return from(data_->tensors.put(std::move(tensor)));
}

namespace {

napi_value text(napi_env env, const std::string& v) {
  napi_value out = nullptr;
  if (napi_create_string_utf8(env, v.data(), v.size(), &out) != napi_ok) napi_get_undefined(env, &out);
  return out;
}

}  // namespace

napi_value new_error(napi_env env, const Environment& data, const Failure& failure, const std::string& operation,
                     const std::string& operands) {
  napi_value factory = nullptr;
  if (data.error_factory == nullptr || napi_get_reference_value(env, data.error_factory, &factory) != napi_ok ||
      factory == nullptr) {
    return nullptr;
  }
  napi_value self = nullptr;
  napi_get_undefined(env, &self);
  napi_value arguments[] = {text(env, failure.code), text(env, failure.message), text(env, operation),
                            text(env, operands)};
  napi_value error = nullptr;
  return napi_call_function(env, self, factory, 4, arguments, &error) == napi_ok ? error : nullptr;
}

void throw_failure(napi_env env, Environment* data, const std::string& operation, const std::string& operands) {
  if (rethrow_javascript(env)) return;
  const Failure failure = current_failure();
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) return;
  if (data != nullptr && data->error_factory != nullptr) {
    const napi_value error = new_error(env, *data, failure, operation, operands);
    if (error != nullptr) napi_throw(env, error);
    if (error != nullptr || (napi_is_exception_pending(env, &pending) == napi_ok && pending)) return;
  }
  napi_throw_error(env, failure.code, failure.message.c_str());
}

}  // namespace torchbridge
