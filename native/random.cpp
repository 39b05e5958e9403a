// Generators of random numbers: the default one of each device, and a user's own.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/Generator.h>

#include <mutex>

#include "deferred.h"
#include "environment.h"

namespace torchbridge {
namespace {

uint64_t seed_of(Call& call, size_t i) {
  napi_valuetype type = napi_undefined;
  call.check(napi_typeof(call.env(), call.value(i), &type));
  int64_t seed = 0;
  if (type == napi_bigint) {
    bool lossless = false;
    call.check(napi_get_value_bigint_int64(call.env(), call.value(i), &seed, &lossless));
    if (!lossless) {
      uint64_t wide = 0;
      call.check(napi_get_value_bigint_uint64(call.env(), call.value(i), &wide, &lossless));
      if (lossless) return wide;
      throw BridgeError("value", "Expected a seed of 64 bits but received a larger one");
    }
    return static_cast<uint64_t>(seed);
  }
  const double v = call.number(i);
  if (!(v >= -9007199254740991.0 && v <= 9007199254740991.0) || v != static_cast<double>(static_cast<int64_t>(v))) {
    throw BridgeError("value", "Expected an integer seed (a bigint beyond 2^53) but received " + std::to_string(v));
  }
  return static_cast<uint64_t>(static_cast<int64_t>(v));
}

napi_value from_seed(Call& call, uint64_t seed) {
  napi_value out = nullptr;
  call.check(napi_create_bigint_uint64(call.env(), seed, &out));
  return out;
}

// manualSeed(seed): every device's default generator.
napi_value manual_seed(Call& call) {
  wait_for_random(call.data());
  at::manual_seed(seed_of(call, 0));
  return call.undefined();
}

// newGenerator(device)
napi_value new_generator(Call& call) {
  const c10::Device device = parse_device(call.string(0));
  at::Generator made =
      device.is_cpu() ? at::make_generator<at::CPUGeneratorImpl>()
                      : at::globalContext().getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
  return call.from(call.data().generators.put(std::move(made)));
}

// defaultGenerator(device)
napi_value default_generator(Call& call) {
  return call.from(call.data().generators.put(at::globalContext().defaultGenerator(parse_device(call.string(0)))));
}

napi_value release_generator(Call& call) {
  call.data().generators.release(call.int32(0));
  return call.undefined();
}

at::Generator generator(Call& call) {
  wait_for_random(call.data());
  return call.data().generators.get(call.int32(0));
}

napi_value generator_manual_seed(Call& call) {
  at::Generator g = generator(call);
  const uint64_t seed = seed_of(call, 1);
  const std::lock_guard<std::mutex> lock(g.mutex());
  g.set_current_seed(seed);
  return call.undefined();
}

napi_value generator_seed(Call& call) {
  at::Generator g = generator(call);
  const std::lock_guard<std::mutex> lock(g.mutex());
  return from_seed(call, g.seed());
}

napi_value generator_initial_seed(Call& call) { return from_seed(call, generator(call).current_seed()); }

napi_value generator_get_state(Call& call) {
  at::Generator g = generator(call);
  const std::lock_guard<std::mutex> lock(g.mutex());
  return call.handle(g.get_state());
}

napi_value generator_set_state(Call& call) {
  at::Generator g = generator(call);
  const at::Tensor state = call.tensor(1);
  const std::lock_guard<std::mutex> lock(g.mutex());
  g.set_state(state);
  return call.undefined();
}

}  // namespace

std::vector<Function> random_functions() {
  return {
      {"manualSeed", &guarded<manual_seed>},
      {"newGenerator", &guarded<new_generator>},
      {"defaultGenerator", &guarded<default_generator>},
      {"releaseGenerator", &guarded<release_generator>},
      {"generatorManualSeed", &guarded<generator_manual_seed>},
      {"generatorSeed", &guarded<generator_seed>},
      {"generatorInitialSeed", &guarded<generator_initial_seed>},
      {"generatorGetState", &guarded<generator_get_state>},
      {"generatorSetState", &guarded<generator_set_state>},
  };
}

}  // namespace torchbridge
