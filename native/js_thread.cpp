#include "js_thread.h"

#include "environment.h"
#include "js_callback.h"

namespace torchbridge {
namespace {

thread_local std::weak_ptr<JsThread> thread_of_javascript;

void cleanup(void* data) { static_cast<JsThread*>(data)->refuse_work(); }

}  // namespace

std::shared_ptr<JsThread> JsThread::open(napi_env env, Environment* data) {
  std::shared_ptr<JsThread> thread(new JsThread(env, data));
  thread->attach();
  thread_of_javascript = thread;
  return thread;
}

std::shared_ptr<JsThread> JsThread::current() { return thread_of_javascript.lock(); }

void JsThread::attach() {
  napi_value name = nullptr;
  napi_create_string_utf8(env_, "torchbridge", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, &on_event, &event_) !=
      napi_ok) {
    throw BridgeError("internal", "the event loop takes no callbacks of other threads");
  }
  napi_unref_threadsafe_function(env_, event_);  // it alone keeps no process alive
  // Added last, so it runs before Node closes the function above.
  napi_add_env_cleanup_hook(env_, &cleanup, this);
}

void JsThread::on_event(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the loop is closing
  static_cast<JsThread*>(context)->drain();
}

void JsThread::drain() {
  collect();
  std::unique_lock<std::mutex> lock(mutex_);
  while (!tasks_.empty()) {
    Task* task = tasks_.front();
    tasks_.pop_front();
    lock.unlock();
    ++serving_;
    try {
      (*task->work)();
    } catch (...) {
      task->failure = std::current_exception();
    }
    --serving_;
    lock.lock();
    task->done = true;
    changed_.notify_all();
  }
}

void JsThread::run(const std::function<void()>& work) {
  if (here()) {
    collect();
    work();
    return;
  }
  Task task{&work, nullptr};
  std::unique_lock<std::mutex> lock(mutex_);
  if (!accepting_) {
    throw BridgeError("runtime", "the thread of JavaScript that this function belongs to has ended");
  }
  tasks_.push_back(&task);
  changed_.notify_all();
  napi_call_threadsafe_function(event_, nullptr, napi_tsfn_nonblocking);
  changed_.wait(lock, [&] { return task.done; });
  if (task.failure != nullptr) std::rethrow_exception(task.failure);
}

void JsThread::run_later(std::function<void()> work) {
  if (here()) {
    work();
    return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!accepting_) return;
  later_.push_back(std::move(work));
  napi_call_threadsafe_function(event_, nullptr, napi_tsfn_nonblocking);
}

void JsThread::collect() {
  std::vector<std::function<void()>> later;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    later.swap(later_);
  }
  for (const auto& work : later) work();
}

void JsThread::serve_until(const std::function<bool()>& done) {
  for (;;) {
    drain();
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !tasks_.empty() || done(); });
    if (tasks_.empty()) return;
  }
}

void JsThread::wake() {
  const std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_all();
}

void JsThread::refuse_work() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!accepting_) return;
  accepting_ = false;
  for (Task* task : tasks_) {
    task->failure = std::make_exception_ptr(
        BridgeError("runtime", "the thread of JavaScript that this function belongs to has ended"));
    task->done = true;
  }
  tasks_.clear();
  changed_.notify_all();
  napi_release_threadsafe_function(event_, napi_tsfn_abort);
  event_ = nullptr;
}

void JsThread::close() {
  refuse_work();
  pending.clear();
  ended.clear();
  open_checkpoints.clear();
  data_ = nullptr;
  entry = nullptr;
  stop_signal = nullptr;
  thread_of_javascript.reset();
}

}  // namespace torchbridge
