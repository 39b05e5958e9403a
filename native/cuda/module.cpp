// The optional second addon: what needs CUDA's headers, graphs, the allocator's limit and NCCL. Tensors never come
// here: a graph records what the other addon gives to the stream that is captured, and NCCL's backend is handed to that
// addon.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <napi.h>
#include <torch/version.h>

#include <map>
#include <memory>
#include <string>

#include "nccl.h"

namespace {

using at::cuda::CUDAGraph;

// The graphs of one environment.
struct Graphs {
  std::map<int32_t, std::unique_ptr<CUDAGraph>> all;
  int32_t last = 0;
};

CUDAGraph& graph_of(const Napi::CallbackInfo& info) {
  Graphs& graphs = *info.Env().GetInstanceData<Graphs>();
  const auto found = graphs.all.find(info[0].As<Napi::Number>().Int32Value());
  if (found == graphs.all.end()) throw Napi::Error::New(info.Env(), "this CUDA graph was released");
  return *found->second;
}

// Failures of libtorch without their C++ backtrace.
template <Napi::Value (*body)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return body(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const c10::Error& e) {
    throw Napi::Error::New(info.Env(), e.what_without_backtrace());
  } catch (const std::exception& e) {
    throw Napi::Error::New(info.Env(), e.what());
  }
}

Napi::Value new_graph(const Napi::CallbackInfo& info) {
  Graphs& graphs = *info.Env().GetInstanceData<Graphs>();
  graphs.all.emplace(++graphs.last, std::make_unique<CUDAGraph>());
  return Napi::Number::New(info.Env(), graphs.last);
}

Napi::Value release_graph(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<Graphs>()->all.erase(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

// captureBegin(graph, pool, mode): the pool of another graph as "a:b", or an empty text
Napi::Value capture_begin(const Napi::CallbackInfo& info) {
  c10::MempoolId_t pool{0, 0};
  const std::string given = info[1].As<Napi::String>();
  if (const size_t colon = given.find(':'); colon != std::string::npos) {
    pool = {std::stoull(given.substr(0, colon)), std::stoull(given.substr(colon + 1))};
  }
  const std::string mode = info[2].As<Napi::String>();
  const auto capture_mode = mode == "thread_local" ? cudaStreamCaptureModeThreadLocal
                            : mode == "relaxed"    ? cudaStreamCaptureModeRelaxed
                                                   : cudaStreamCaptureModeGlobal;
  graph_of(info).capture_begin(pool, capture_mode);
  return info.Env().Undefined();
}

Napi::Value capture_end(const Napi::CallbackInfo& info) {
  graph_of(info).capture_end();
  return info.Env().Undefined();
}

Napi::Value replay(const Napi::CallbackInfo& info) {
  graph_of(info).replay();
  return info.Env().Undefined();
}

Napi::Value reset(const Napi::CallbackInfo& info) {
  graph_of(info).reset();
  return info.Env().Undefined();
}

Napi::Value pool(const Napi::CallbackInfo& info) {
  const c10::MempoolId_t id = graph_of(info).pool();
  return Napi::String::New(info.Env(), std::to_string(id.first) + ":" + std::to_string(id.second));
}

// setMemoryFraction(fraction, device)
Napi::Value set_memory_fraction(const Napi::CallbackInfo& info) {
  c10::cuda::CUDACachingAllocator::setMemoryFraction(
      info[0].As<Napi::Number>().DoubleValue(), static_cast<c10::DeviceIndex>(info[1].As<Napi::Number>().Int32Value()));
  return info.Env().Undefined();
}

// nccl(): what the other addon makes NCCL's process groups with, or a text that says why there is none
Napi::Value nccl(const Napi::CallbackInfo& info) {
  if (const std::string reason = torchbridge::why_no_nccl(); !reason.empty()) {
    return Napi::String::New(info.Env(), reason);
  }
  auto factory = Napi::External<void>::New(info.Env(), torchbridge::nccl_factory());
  factory.TypeTag(&torchbridge::kNcclTag);
  return factory;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData<Graphs>(new Graphs());
  exports.Set("compiledFor", Napi::String::New(env, TORCH_VERSION));
  exports.Set("newGraph", Napi::Function::New<guarded<new_graph>>(env));
  exports.Set("releaseGraph", Napi::Function::New<guarded<release_graph>>(env));
  exports.Set("captureBegin", Napi::Function::New<guarded<capture_begin>>(env));
  exports.Set("captureEnd", Napi::Function::New<guarded<capture_end>>(env));
  exports.Set("replay", Napi::Function::New<guarded<replay>>(env));
  exports.Set("reset", Napi::Function::New<guarded<reset>>(env));
  exports.Set("pool", Napi::Function::New<guarded<pool>>(env));
  exports.Set("nccl", Napi::Function::New<guarded<nccl>>(env));
  exports.Set("setMemoryFraction", Napi::Function::New<guarded<set_memory_fraction>>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(torchbridge_cuda, initialise)
