// Devices: how many, which is current, what the driver says of them, and the switches of CUDA's libraries.
#include "accelerator.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <cstdio>
#include <sstream>

#include "environment.h"

namespace torchbridge {
namespace {

c10::DeviceType type_of(Call& call, size_t i) { return parse_device(call.string(i)).type(); }

int32_t count_of(c10::DeviceType type) {
  if (!c10::impl::hasDeviceGuardImpl(type)) return 0;
  return c10::impl::VirtualGuardImpl(type).deviceCount();
}

// deviceCount(type): 0 where this build has no such device.
napi_value device_count(Call& call) { return call.from(count_of(type_of(call, 0))); }

// A guard of a type that has devices; PyTorch's words where it has none.
c10::impl::VirtualGuardImpl guard_of(c10::DeviceType type) {
  if (count_of(type) == 0) {
    const std::string name = c10::DeviceTypeName(type, /*lower_case=*/true);
    throw BridgeError("device",
                      "Expected a device of the type " + name + " but found none" +
                          (c10::impl::hasDeviceGuardImpl(type) ? ": the driver shows no device to this process"
                                                               : ": this libtorch was built without " + name));
  }
  return c10::impl::VirtualGuardImpl(type);
}

// currentDevice(type)
napi_value current_device(Call& call) {
  return call.from(static_cast<int32_t>(guard_of(type_of(call, 0)).getDevice().index()));
}

// setDevice('cuda:1')
napi_value set_device(Call& call) {
  const c10::Device device = parse_device(call.string(0));
  const auto guard = guard_of(device.type());
  if (!device.has_index() || device.index() >= guard.deviceCount()) {
    throw BridgeError("device", "Expected a device from 0 to " + std::to_string(guard.deviceCount() - 1) +
                                    " but received " + device.str());
  }
  guard.setDevice(device);
  return call.undefined();
}

// synchronize('cuda:1'), 'cuda' for the current one
napi_value synchronize(Call& call) {
  const c10::Device device = parse_device(call.string(0));
  const auto guard = guard_of(device.type());
  at::accelerator::synchronizeDevice(device.has_index() ? device.index() : guard.getDevice().index());
  return call.undefined();
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

// The few functions of CUDA's driver that tell of devices: it is there or not, whatever libtorch is linked.
class Driver {
 public:
  Driver() : library_(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) {
      const char* reason = dlerror();
      failure_ = reason == nullptr ? "libcuda.so.1 cannot be opened" : reason;
      return;
    }
    const auto init = symbol<int (*)(unsigned)>("cuInit");
    const int status = init == nullptr ? 1 : init(0);
    if (status != 0) failure_ = "cuInit returned " + std::to_string(status) + reason(status);
  }

  std::string json() const {
    std::ostringstream out;
    out << "{\"failure\":" << (failure_.empty() ? "null" : quoted(failure_)) << ",\"version\":";
    int version = 0;
    const auto get_version = symbol<int (*)(int*)>("cuDriverGetVersion");
    if (get_version != nullptr && get_version(&version) == 0 && version > 0) {
      out << quoted(std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10));
    } else {
      out << "null";
    }
    out << ",\"devices\":[";
    int count = 0;
    const auto get_count = symbol<int (*)(int*)>("cuDeviceGetCount");
    if (failure_.empty() && get_count != nullptr && get_count(&count) == 0) {
      for (int i = 0; i < count; ++i) out << (i == 0 ? "" : ",") << device(i);
    }
    out << "]}";
    return out.str();
  }

 private:
  template <typename F>
  F symbol(const char* name) const {
    return library_ == nullptr ? nullptr : reinterpret_cast<F>(dlsym(library_, name));
  }

  std::string reason(int status) const {
    const char* text = nullptr;
    const auto get_text = symbol<int (*)(int, const char**)>("cuGetErrorString");
    if (get_text == nullptr || get_text(status, &text) != 0 || text == nullptr) return "";
    return std::string(" (") + text + ")";
  }

  std::string device(int index) const {
    int handle = 0;
    char name[256] = {};
    size_t bytes = 0;
    const auto get = symbol<int (*)(int*, int)>("cuDeviceGet");
    const auto get_name = symbol<int (*)(char*, int, int)>("cuDeviceGetName");
    const auto get_total = symbol<int (*)(size_t*, int)>("cuDeviceTotalMem_v2");
    const auto get_attribute = symbol<int (*)(int*, int, int)>("cuDeviceGetAttribute");
    if (get == nullptr || get(&handle, index) != 0) return "{}";
    if (get_name != nullptr) get_name(name, sizeof(name) - 1, handle);
    if (get_total != nullptr) get_total(&bytes, handle);
    const auto attribute = [&](int which) {
      int value = 0;
      if (get_attribute != nullptr) get_attribute(&value, which, handle);
      return std::to_string(value);
    };
    // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR and _MULTIPROCESSOR_COUNT
    return "{\"name\":" + quoted(name) + ",\"totalMemory\":" + std::to_string(bytes) + ",\"major\":" + attribute(75) +
           ",\"minor\":" + attribute(76) + ",\"multiProcessorCount\":" + attribute(16) + ",\"uuid\":" + uuid(handle) +
           "}";
  }

  // As nvidia-smi writes it.
  std::string uuid(int handle) const {
    unsigned char bytes[16] = {};
    const auto get = symbol<int (*)(unsigned char*, int)>("cuDeviceGetUuid_v2");
    if (get == nullptr || get(bytes, handle) != 0) return "null";
    std::string text = "GPU";
    for (int i = 0; i < 16; ++i) {
      if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
      char digits[3] = {};
      std::snprintf(digits, sizeof(digits), "%02x", bytes[i]);
      text += digits;
    }
    return torchbridge::quoted(text);  // not std::quoted
  }

  void* library_;
  std::string failure_;
};

// cudaDriver(): JSON of { failure, version, devices }; the driver is opened when it is first asked for.
napi_value cuda_driver(Call& call) {
  static const Driver driver;
  return call.from(driver.json());
}

// The switches of at::globalContext that have a name in torch.backends.
struct Switch {
  const char* name;
  bool (*get)(at::Context&);
  void (*set)(at::Context&, bool);
};

const Switch kSwitches[] = {
    {"cudnn.enabled", [](at::Context& c) { return c.userEnabledCuDNN(); },
     [](at::Context& c, bool on) { c.setUserEnabledCuDNN(on); }},
    {"cudnn.benchmark", [](at::Context& c) { return c.benchmarkCuDNN(); },
     [](at::Context& c, bool on) { c.setBenchmarkCuDNN(on); }},
    {"cudnn.deterministic", [](at::Context& c) { return c.deterministicCuDNN(); },
     [](at::Context& c, bool on) { c.setDeterministicCuDNN(on); }},
    {"cudnn.allowTf32", [](at::Context& c) { return c.allowTF32CuDNN(); },
     [](at::Context& c, bool on) { c.setAllowTF32CuDNN(on); }},
    {"matmul.allowTf32", [](at::Context& c) { return c.allowTF32CuBLAS(); },
     [](at::Context& c, bool on) { c.setAllowTF32CuBLAS(on); }},
};

const Switch& switch_of(Call& call) {
  const std::string name = call.string(0);
  for (const Switch& each : kSwitches) {
    if (name == each.name) return each;
  }
  throw BridgeError("value", "no switch " + name);
}

napi_value get_switch(Call& call) { return call.from(switch_of(call).get(at::globalContext())); }
napi_value set_switch(Call& call) {
  switch_of(call).set(at::globalContext(), call.boolean(1));
  return call.undefined();
}

napi_value cudnn_version(Call& call) {
  return call.from(at::Context::hasCuDNN() ? static_cast<double>(at::Context::versionCuDNN()) : -1.0);
}

// The names that at::Context's own setter reads.
napi_value get_matmul_precision(Call& call) {
  switch (at::globalContext().float32MatmulPrecision()) {
    case at::Float32MatmulPrecision::HIGHEST:
      return call.from(std::string("highest"));
    case at::Float32MatmulPrecision::HIGH:
      return call.from(std::string("high"));
    default:
      return call.from(std::string("medium"));
  }
}

napi_value set_matmul_precision(Call& call) {
  at::globalContext().setFloat32MatmulPrecision(call.string(0));
  return call.undefined();
}

}  // namespace

std::vector<Function> accelerator_functions() {
  return {
      {"deviceCount", &guarded<device_count>},
      {"currentDevice", &guarded<current_device>},
      {"setDevice", &guarded<set_device>},
      {"synchronizeDevice", &guarded<synchronize>},
      {"cudaDriver", &guarded<cuda_driver>},
      {"getSwitch", &guarded<get_switch>},
      {"setSwitch", &guarded<set_switch>},
      {"cudnnVersion", &guarded<cudnn_version>},
      {"getMatmulPrecision", &guarded<get_matmul_precision>},
      {"setMatmulPrecision", &guarded<set_matmul_precision>},
  };
}

}  // namespace torchbridge
