#include "shared_memory.h"

namespace torchbridge {

SharedMemory* SharedMemory::find(const at::DataPtr& data) {
  return data.get_deleter() == &SharedMemory::drop ? static_cast<SharedMemory*>(data.get_context()) : nullptr;
}

SharedMemory* SharedMemory::of(c10::StorageImpl& storage) {
  SharedMemory* memory = find(storage.data_ptr());
  if (memory != nullptr) return memory;
  void* data = storage.mutable_data();  // makes a copy-on-write storage one of its own
  auto fresh = std::make_unique<SharedMemory>();
  at::DataPtr through(data, fresh.get(), &SharedMemory::drop, storage.device());
  memory = fresh.release();
  memory->data_ = storage.set_data_ptr(std::move(through));
  return memory;
}

void SharedMemory::release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void SharedMemory::drop(void* context) { static_cast<SharedMemory*>(context)->release(); }

at::DataPtr SharedMemory::pointer(void* data) {
  retain();
  return {data, this, &SharedMemory::drop, data_.device()};
}

struct Pins::Pin {
  std::shared_ptr<Pins> pins;
  napi_ref buffer;
};

at::DataPtr Pins::pin(const std::shared_ptr<Pins>& pins, napi_ref buffer, void* data) {
  return {data, new Pin{pins, buffer}, &Pins::drop, c10::Device(c10::DeviceType::CPU)};
}

napi_ref Pins::find(const at::DataPtr& data) {
  const SharedMemory* memory = SharedMemory::find(data);
  const at::DataPtr& own = memory == nullptr ? data : memory->data();
  return own.get_deleter() == &Pins::drop ? static_cast<Pin*>(own.get_context())->buffer : nullptr;
}

// May run on any thread, and after the environment is gone.
void Pins::drop(void* context) {
  const std::unique_ptr<Pin> pin(static_cast<Pin*>(context));
  Pins& pins = *pin->pins;
  const std::lock_guard<std::mutex> lock(pins.mutex_);
  if (!pins.open_) return;
  if (std::this_thread::get_id() == pins.thread_) {
    napi_delete_reference(pins.env_, pin->buffer);
  } else {
    pins.released_.push_back(pin->buffer);
  }
}

void Pins::collect() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (napi_ref each : released_) napi_delete_reference(env_, each);
  released_.clear();
}

void Pins::close() {
  collect();
  const std::lock_guard<std::mutex> lock(mutex_);
  open_ = false;
}

}  // namespace torchbridge
