// Streams and events. A stream is its device and a number of 64 bits; an event has a number of ours.
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <mutex>
#include <unordered_map>

#include "accelerator.h"
#include "environment.h"

namespace torchbridge {
namespace {

c10::Device device_of(Call& call, size_t i) { return parse_device(call.string(i)); }

int64_t stream_id(Call& call, size_t i) {
  int64_t id = 0;
  bool lossless = false;
  call.check(napi_get_value_bigint_int64(call.env(), call.value(i), &id, &lossless));
  return id;
}

// (device, id) at i and i + 1
c10::Stream stream_of(Call& call, size_t i) {
  return c10::Stream(c10::Stream::UNSAFE, device_of(call, i), stream_id(call, i + 1));
}

napi_value from_stream(Call& call, const c10::Stream& stream) {
  napi_value out = nullptr;
  call.check(napi_create_bigint_int64(call.env(), stream.id(), &out));
  return out;
}

// newStream(device, highPriority)
napi_value new_stream(Call& call) {
  const c10::Device device = device_of(call, 0);
  return from_stream(call, c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device, call.boolean(1)));
}

napi_value current_stream(Call& call) {
  const c10::Device device = device_of(call, 0);
  return from_stream(call, c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

napi_value default_stream(Call& call) {
  const c10::Device device = device_of(call, 0);
  return from_stream(call, c10::impl::VirtualGuardImpl(device.type()).getDefaultStream(device));
}

// setStream(device, id): the one that was current.
napi_value set_stream(Call& call) {
  const c10::Stream stream = stream_of(call, 0);
  return from_stream(call, c10::impl::VirtualGuardImpl(stream.device_type()).exchangeStream(stream));
}

napi_value query_stream(Call& call) { return call.from(stream_of(call, 0).query()); }

napi_value synchronize_stream(Call& call) {
  stream_of(call, 0).synchronize();
  return call.undefined();
}

// recordStream(tensor, device, id): the memory is not given away before the stream has done what it was given.
napi_value record_stream(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  const c10::Stream stream = stream_of(call, 1);
  c10::getDeviceAllocator(stream.device_type())->recordStream(tensor.storage().data_ptr(), stream);
  return call.undefined();
}

// The events of the process: a worker may wait for another's.
class Events {
 public:
  int32_t put(c10::Event event) {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.emplace(++last_, std::make_shared<c10::Event>(std::move(event)));
    return last_;
  }
  std::shared_ptr<c10::Event> get(int32_t id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = events_.find(id);
    if (found == events_.end()) throw BridgeError("disposed", "this event was released");
    return found->second;
  }
  void release(int32_t id) {
    std::shared_ptr<c10::Event> gone;  // ends outside of the lock
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = events_.find(id);
    if (found == events_.end()) return;
    gone = std::move(found->second);
    events_.erase(found);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int32_t, std::shared_ptr<c10::Event>> events_;
  int32_t last_ = 0;
};

// Never destroyed: the driver may be gone before the process's static objects are.
Events& events() {
  static auto* all = new Events();
  return *all;
}

// newEvent(type, timed)
napi_value new_event(Call& call) {
  const auto flag = call.boolean(1) ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT;
  return call.from(events().put(c10::Event(device_of(call, 0).type(), flag)));
}

napi_value record_event(Call& call) {
  events().get(call.int32(0))->record(stream_of(call, 1));
  return call.undefined();
}

// blockStream(event, device, id): what the stream is given from now on waits for the event.
napi_value block_stream(Call& call) {
  events().get(call.int32(0))->block(stream_of(call, 1));
  return call.undefined();
}

napi_value query_event(Call& call) { return call.from(events().get(call.int32(0))->query()); }

napi_value synchronize_event(Call& call) {
  events().get(call.int32(0))->synchronize();
  return call.undefined();
}

napi_value elapsed_time(Call& call) {
  return call.from(static_cast<double>(events().get(call.int32(0))->elapsedTime(*events().get(call.int32(1)))));
}

napi_value release_event(Call& call) {
  events().release(call.int32(0));
  return call.undefined();
}

}  // namespace

std::vector<Function> accelerator_stream_functions() {
  return {
      {"newStream", &guarded<new_stream>},         {"currentStream", &guarded<current_stream>},
      {"defaultStream", &guarded<default_stream>}, {"setStream", &guarded<set_stream>},
      {"queryStream", &guarded<query_stream>},     {"synchronizeStream", &guarded<synchronize_stream>},
      {"recordStream", &guarded<record_stream>},   {"newEvent", &guarded<new_event>},
      {"recordEvent", &guarded<record_event>},     {"blockStream", &guarded<block_stream>},
      {"queryEvent", &guarded<query_event>},       {"synchronizeEvent", &guarded<synchronize_event>},
      {"elapsedTime", &guarded<elapsed_time>},     {"releaseEvent", &guarded<release_event>},
  };
}

}  // namespace torchbridge
