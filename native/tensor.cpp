// What a tensor says of itself, and its release.
#include <ATen/core/Tensor.h>

#include "deferred.h"
#include "environment.h"

namespace torchbridge {
namespace {

napi_value release(Call& call) {
  call.data().tensors.release(call.int32(0));
  return call.undefined();
}

// releaseMany(handles: Int32Array, count)
napi_value release_many(Call& call) {
  const auto [bytes, size] = call.bytes(0);
  const auto count = static_cast<size_t>(call.number(1));
  if (count > size / sizeof(int32_t)) throw BridgeError("internal", "more handles to release than were given");
  const auto* handles = reinterpret_cast<const int32_t*>(bytes);
  for (size_t i = 0; i < count; ++i) call.data().tensors.release(handles[i]);
  return call.undefined();
}

// setReleased(list: Int32Array)
napi_value set_released(Call& call) {
  Environment& data = call.data();
  const auto [bytes, size] = call.bytes(0);
  napi_ref reference = nullptr;
  call.check(napi_create_reference(call.env(), call.value(0), 1, &reference));
  if (data.released_buffer != nullptr) napi_delete_reference(call.env(), data.released_buffer);
  data.released_buffer = reference;
  data.released_size = size / sizeof(int32_t);
  data.released = data.released_size > 1 ? reinterpret_cast<int32_t*>(bytes) : nullptr;
  return call.undefined();
}

// The slots are freed by every call, so by this one too.
napi_value sweep(Call& call) { return call.undefined(); }

// A second handle to the same tensor.
napi_value share(Call& call) {
  at::Tensor tensor = call.tensor(0);
  return call.handle(std::move(tensor));
}

// The tensor, or for one that is still to come what is known of it.
at::Tensor metadata(Call& call) { return metadata_of(call.data(), call.int32(0)); }

napi_value write_sizes(Call& call, c10::IntArrayRef sizes) {
  Tape& tape = call.data().tape;
  for (size_t i = 0; i < sizes.size(); ++i) tape.put(i, static_cast<double>(sizes[i]));
  return call.from(static_cast<int32_t>(sizes.size()));
}

// shape(handle): the number of dimensions; their sizes stand on the tape.
napi_value shape(Call& call) { return write_sizes(call, metadata(call).sizes()); }
napi_value stride(Call& call) { return write_sizes(call, call.tensor(0).strides()); }
napi_value dtype(Call& call) { return call.from(std::string(dtype_name(metadata(call).scalar_type()))); }
napi_value device(Call& call) {
  Environment& data = call.data();
  if (data.deferring && data.deferred->is_on_cpu(call.int32(0))) return call.from(std::string("cpu"));
  return call.from(call.tensor(0).device().str());
}
napi_value ndim(Call& call) { return call.from(static_cast<int32_t>(metadata(call).dim())); }
napi_value numel(Call& call) { return call.from(metadata(call).numel()); }
napi_value element_size(Call& call) { return call.from(static_cast<int64_t>(metadata(call).element_size())); }
napi_value storage_offset(Call& call) { return call.from(call.tensor(0).storage_offset()); }
napi_value version(Call& call) { return call.from(static_cast<int64_t>(call.tensor(0)._version())); }
napi_value is_same(Call& call) { return call.from(call.tensor(0).is_same(call.tensor(1))); }
napi_value is_nested(Call& call) { return call.from(call.tensor(0).is_nested()); }
napi_value is_inference(Call& call) { return call.from(call.tensor(0).is_inference()); }

napi_value layout(Call& call) {
  std::ostringstream name;
  name << call.tensor(0).layout();
  std::string text = name.str();
  for (char& c : text) c = static_cast<char>(std::tolower(c));
  if (text.rfind("sparse", 0) == 0 && text.find('_') == std::string::npos) {
    text = text == "sparse" ? "sparse_coo" : "sparse_" + text.substr(6);
  }
  return call.from(text);
}

napi_value is_contiguous(Call& call) {
  const std::string format = call.string(1);
  if (format == "channels_last") return call.from(call.tensor(0).is_contiguous(at::MemoryFormat::ChannelsLast));
  if (format == "channels_last_3d") return call.from(call.tensor(0).is_contiguous(at::MemoryFormat::ChannelsLast3d));
  if (format != "contiguous_format") {
    throw BridgeError("value", "Expected a memory format but received \"" + format + "\"");
  }
  return call.from(call.tensor(0).is_contiguous());
}

}  // namespace

std::vector<Function> tensor_functions() {
  return {
      {"release", &guarded<release>},
      {"releaseMany", &guarded<release_many>},
      {"setReleased", &guarded<set_released>},
      {"sweep", &guarded<sweep>},
      {"share", &guarded<share>},
      {"shape", &guarded<shape>},
      {"stride", &guarded<stride>},
      {"dtype", &guarded<dtype>},
      {"device", &guarded<device>},
      {"layout", &guarded<layout>},
      {"ndim", &guarded<ndim>},
      {"numel", &guarded<numel>},
      {"elementSize", &guarded<element_size>},
      {"storageOffset", &guarded<storage_offset>},
      {"version", &guarded<version>},
      {"isSame", &guarded<is_same>},
      {"isNested", &guarded<is_nested>},
      {"isInference", &guarded<is_inference>},
      {"isContiguous", &guarded<is_contiguous>},
  };
}

}  // namespace torchbridge
