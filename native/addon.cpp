// The addon's entry: one environment a thread of JavaScript, and the functions of the other files as exports.
#include <napi.h>

#include "accelerator.h"
#include "counting_allocator.h"
#include "dense_block.h"
#include "distributed.h"
#include "engine.h"
#include "environment.h"
#include "freed_pages.h"
#include "norm_pool.h"
#include "plain_file.h"
#include "version.h"

namespace torchbridge {
namespace {

// The release without what follows it ("2.13.0+cpu", "2.13.0a0").
std::string release_of(const std::string& version) {
  return version.substr(0, version.find_first_not_of("0123456789."));
}

void check_version() {
  const std::string compiled = compiled_version();
  const std::string linked = linked_version();
  if (release_of(compiled) == release_of(linked)) return;
  throw BridgeError("version", "this addon was built for libtorch " + compiled + " but libtorch " + linked +
                                   " was loaded; build it anew for that one with `npx torchbridge setup`, or `npm run "
                                   "setup` in a clone");
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  try {
    check_version();
    install_counting_allocator();
    keep_freed_pages();
    install_engine();
  } catch (...) {
    const Failure failure = current_failure();
    Napi::Error error = Napi::Error::New(env, failure.message);
    error.Set("code", failure.code);
    throw error;
  }
  auto* data = new Environment();
  data->pins.pins = std::make_shared<Pins>(static_cast<napi_env>(env));
  // Freed with the environment: a worker that ends gives back every tensor it held.
  env.SetInstanceData<Environment>(data);
  data->thread = JsThread::open(env, data);
  for (const auto& functions : {dispatch_functions(),
                                tensor_functions(),
                                data_functions(),
                                autograd_functions(),
                                custom_function_functions(),
                                hook_functions(),
                                engine_functions(),
                                saved_hook_functions(),
                                autocast_functions(),
                                checkpoint_functions(),
                                backward_async_functions(),
                                random_functions(),
                                runtime_functions(),
                                arithmetic_functions(),
                                library_functions(),
                                indexing_functions(),
                                sharing_functions(),
                                file_functions(),
                                deferred_functions(),
                                dense_block_functions(),
                                norm_pool_functions(),
                                bottleneck_functions(),
                                operator_log_functions(),
                                plain_file_functions(),
                                accelerator_functions(),
                                accelerator_memory_functions(),
                                accelerator_stream_functions(),
                                distributed_store_functions(),
                                distributed_group_functions(),
                                distributed_collective_functions(),
                                distributed_reducer_functions()}) {
    for (const auto& [name, callback] : functions) {
      napi_value function = nullptr;
      NAPI_THROW_IF_FAILED(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function), exports);
      exports.Set(name, Napi::Value(env, function));
    }
  }
  return exports;
}

}  // namespace
}  // namespace torchbridge

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return torchbridge::initialise(env, exports); }

NODE_API_MODULE(torchbridge, Init)
