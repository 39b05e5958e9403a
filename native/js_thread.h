// JavaScript runs on one thread an environment. Other threads (the engine's) hand their work to it and wait; the
// JavaScript thread does it at once where it waits for them itself, else in the next turn of its event loop.
#pragma once
#include <node_api.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "slots.h"

namespace torchbridge {

struct Environment;
struct FunctionState;
struct PendingFunction;
class JsObject;

class JsThread : public std::enable_shared_from_this<JsThread> {
 public:
  // Called on the JavaScript thread, once an environment.
  static std::shared_ptr<JsThread> open(napi_env env, Environment* data);
  // That of the calling thread; null on a thread that is none of JavaScript's.
  static std::shared_ptr<JsThread> current();

  bool here() const { return std::this_thread::get_id() == id_; }
  napi_env env() const { return env_; }
  // On the JavaScript thread only; null once the environment is being taken down.
  Environment* data() const { return data_; }

  // Runs `work` on the JavaScript thread and returns when it is done; throws what it throws, and BridgeError when the
  // environment has ended.
  void run(const std::function<void()>& work);
  // As run, without waiting and without a promise: for what only gives something back. `work` must not throw.
  void run_later(std::function<void()> work);
  // On the JavaScript thread: does the work of others until `done`, which wake() asks anew.
  void serve_until(const std::function<bool()>& done);
  void wake();
  // Whether this thread runs what another one waits for.
  bool serving() const { return serving_ > 0; }
  // On the JavaScript thread: what run_later left.
  void collect();

  // The environment takes no more work (its cleanup has begun), and is gone.
  void refuse_work();
  void close();

  // What a callback from C++ has given back; see js_callback.h.
  std::optional<std::vector<at::Tensor>> given;
  // Slots that the running callback has given to what it returns, and the number that owns them.
  std::vector<int32_t> owned_slots;
  int32_t owner_of_slots = 0;
  std::vector<std::shared_ptr<void>> open_checkpoints;  // whose functions run for the first time, innermost last
  // Whether the backward that called into JavaScript, from another thread, allows reentrant checkpoints.
  bool checkpoint_valid = true;
  int graph_task = -1;  // the number of that backward
  // Custom functions whose graph is alive, by the number that JavaScript knows them by.
  std::unordered_map<int32_t, std::weak_ptr<FunctionState>> functions;
  std::unordered_map<int32_t, std::shared_ptr<PendingFunction>> pending;  // forwards that are running
  std::vector<std::shared_ptr<JsObject>> ended;  // contexts that own tensors and whose nodes have ended
  int32_t next_function = 0;
  // The stack of the forward call behind the latest failure in anomaly mode, until JavaScript takes it.
  std::string anomaly;
  napi_ref entry = nullptr;        // JavaScript's function behind every callback
  napi_ref stop_signal = nullptr;  // what is thrown in JavaScript to end a recomputation

 private:
  struct Task {
    const std::function<void()>* work;
    std::exception_ptr failure;
    bool done = false;
  };

  JsThread(napi_env env, Environment* data) : env_(env), data_(data), id_(std::this_thread::get_id()) {}
  void attach();
  void drain();
  static void on_event(napi_env env, napi_value callback, void* context, void* data);

  napi_env env_;
  Environment* data_;
  std::thread::id id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task*> tasks_;
  std::vector<std::function<void()>> later_;
  int serving_ = 0;
  bool accepting_ = true;
  napi_threadsafe_function event_ = nullptr;
};

}  // namespace torchbridge
