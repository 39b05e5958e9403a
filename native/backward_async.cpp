#include "backward_async.h"

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#include <torch/csrc/autograd/autograd.h>

#include <atomic>

#include "deferred.h"
#include "engine.h"
#include "js_callback.h"

namespace torchbridge {

struct BackwardJob {
  Tensors outputs;
  Tensors gradients;
  Tensors inputs;
  std::optional<bool> retain_graph;
  bool create_graph = false;
  std::shared_ptr<JsThread> thread;
  at::ThreadLocalState modes;  // of the caller
  int threads = at::get_num_threads();
  std::exception_ptr failure;
  std::atomic<bool> claimed{false};
  std::atomic<bool> done{false};

  // Whoever comes first runs it.
  void run() {
    if (claimed.exchange(true)) return;
    try {
      const at::ThreadLocalStateGuard guard(modes);
      torch::autograd::backward(outputs, gradients, retain_graph, create_graph, inputs);
    } catch (...) {
      failure = std::current_exception();
      drop_failed_work();
    }
    done = true;
    thread->wake();
  }
};

struct Backwards::Work {
  std::shared_ptr<Backwards> owner;
  std::shared_ptr<BackwardJob> job;
  napi_async_work work = nullptr;
};

void Backwards::execute(napi_env, void* data) {
  const auto& job = static_cast<Work*>(data)->job;
  if (at::get_num_threads() != job->threads) at::set_num_threads(job->threads);
  job->run();
}

// On JavaScript's thread again; also while the environment ends, when no JavaScript can be called any more.
void Backwards::complete(napi_env env, napi_status, void* data) {
  const std::unique_ptr<Work> work(static_cast<Work*>(data));
  napi_delete_async_work(env, work->work);
  work->owner->settle();
}

void Backwards::submit(std::shared_ptr<BackwardJob> job, napi_value done) {
  napi_ref reference = nullptr;
  if (napi_create_reference(env_, done, 1, &reference) != napi_ok) {
    throw BridgeError("type", "Expected a function to call when a backward is done");
  }
  submitted_.push_back({std::move(job), reference});
  thread_->data()->backwards_running = true;
  if (submitted_.size() > 1) return;
  try {
    start();
  } catch (...) {
    napi_delete_reference(env_, reference);
    submitted_.clear();
    thread_->data()->backwards_running = false;
    throw;
  }
}

void Backwards::start() {
  auto work = std::make_unique<Work>(Work{shared_from_this(), submitted_.front().job});
  napi_value name = nullptr;
  if (napi_create_string_utf8(env_, "torchbridge backward", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env_, nullptr, name, &execute, &complete, work.get(), &work->work) != napi_ok) {
    throw BridgeError("internal", "no work can be given to libuv's pool");
  }
  if (napi_queue_async_work(env_, work->work) != napi_ok) {
    napi_delete_async_work(env_, work->work);
    throw BridgeError("internal", "no work can be given to libuv's pool");
  }
  work.release();  // complete() frees it
}

void Backwards::settle() {
  Submitted finished = std::move(submitted_.front());
  submitted_.pop_front();
  Environment* data = thread_->data();
  if (data != nullptr) data->backwards_running = !submitted_.empty();
  if (data != nullptr) {
    std::shared_ptr<BackwardJob> job = std::move(finished.job);
    napi_value callback = nullptr;
    napi_value self = nullptr;
    napi_value arguments[2] = {};
    size_t count = 0;
    bool alive = napi_get_reference_value(env_, finished.done, &callback) == napi_ok && callback != nullptr &&
                 napi_get_undefined(env_, &self) == napi_ok;
    if (!job->done) {
      job->failure = std::make_exception_ptr(BridgeError("internal", "libuv's pool did not run a backward"));
    }
    if (alive && job->failure != nullptr) {
      bool thrown = false;
      try {
        std::rethrow_exception(job->failure);
      } catch (const JsError&) {
        thrown = true;
        throw_failure(env_, data, "", "");
      } catch (...) {
        throw_failure(env_, data, "", "");
      }
      alive = napi_get_and_clear_last_exception(env_, &arguments[0]) == napi_ok &&
              napi_get_boolean(env_, thrown, &arguments[1]) == napi_ok;
      count = 2;
    }
    job.reset();  // the graph goes before anybody is told
    // It only settles a promise: what hangs on that runs after this function.
    if (alive) napi_call_function(env_, self, callback, count, arguments, nullptr);
  }
  napi_delete_reference(env_, finished.done);
  if (submitted_.empty()) return;
  try {
    start();
  } catch (const BridgeError&) {
    submitted_.front().job->failure = std::current_exception();
    submitted_.front().job->done = true;
    settle();
  }
}

void Backwards::finish() {
  // What it runs on this thread may ask for a backward itself (a checkpoint with reentrance does), which must not wait
  // for what is around it.
  static thread_local bool finishing = false;
  if (thread_->serving() || finishing) return;
  finishing = true;
  const std::shared_ptr<void> finished(nullptr, [](void*) { finishing = false; });
  for (size_t i = 0; i < submitted_.size(); ++i) {
    const auto job = submitted_[i].job;
    job->run();
    thread_->serve_until([&] { return job->done.load(); });
  }
}

namespace {

// backwardAsync(retainGraph?, createGraph, done); on the tape: outputs, gradients, inputs.
napi_value backward_async(Call& call) {
  Environment& data = call.data();
  before_gradients(data);
  const Values values = data.values();
  auto job = std::make_shared<BackwardJob>();
  job->outputs = read_tensors(values, 0, false);
  size_t p = values.tape.next(0);
  job->gradients = read_tensors(values, p, true);
  p = values.tape.next(p);
  job->inputs = read_tensors(values, p, false);
  napi_valuetype type = napi_undefined;
  call.check(napi_typeof(call.env(), call.value(0), &type));
  if (type == napi_boolean) job->retain_graph = call.boolean(0);
  job->create_graph = call.boolean(1);
  job->thread = data.thread;
  if (data.backwards == nullptr) data.backwards = std::make_shared<Backwards>(call.env(), data.thread);
  data.backwards->submit(std::move(job), call.value(2));
  return call.undefined();
}

// finishBackwards()
napi_value finish(Call& call) {
  finish_backwards(call.data());
  return call.undefined();
}

}  // namespace

std::vector<Function> backward_async_functions() {
  return {
      {"backwardAsync", &guarded<backward_async>},
      {"finishBackwards", &guarded<finish>},
  };
}

}  // namespace torchbridge
