// Backwards off JavaScript's thread: a thread of libuv's pool runs the engine, JavaScript's thread serves the hooks and
// functions that it meets. Those of an environment run one after the other.
#pragma once
#include <deque>
#include <memory>

#include "environment.h"

namespace torchbridge {

struct BackwardJob;

// Touched by the environment's JavaScript thread only.
class Backwards : public std::enable_shared_from_this<Backwards> {
 public:
  Backwards(napi_env env, std::shared_ptr<JsThread> thread) : env_(env), thread_(std::move(thread)) {}

  void submit(std::shared_ptr<BackwardJob> job, napi_value done);  // done(error?, thrown by JavaScript?)
  // Waits until none is left, save in what a backward itself calls.
  void finish();

 private:
  struct Submitted {
    std::shared_ptr<BackwardJob> job;
    napi_ref done;
  };
  struct Work;

  static void execute(napi_env env, void* data);
  static void complete(napi_env env, napi_status status, void* data);
  void start();
  void settle();

  napi_env env_;
  std::shared_ptr<JsThread> thread_;
  std::deque<Submitted> submitted_;  // the first one is at work
};

// For what reads or changes gradients, the graph or a tensor's memory.
inline void finish_backwards(Environment& data) {
  if (data.backwards_running) data.backwards->finish();
}

}  // namespace torchbridge
