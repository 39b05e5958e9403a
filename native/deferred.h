// Deferred calls: while a job is recorded, operators are written down instead of run, and what they return are slots
// whose tensors come later. A thread of libuv's pool runs the jobs of an environment one after the other, in order.
#pragma once
#include <node_api.h>

#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "deferred_job.h"
#include "environment.h"

namespace torchbridge {

// What JavaScript's thread and the pool's share. Jobs run under the mutex.
struct Lane {
  std::mutex mutex;
  std::atomic<bool> stop{false};
};

// Touched by the environment's JavaScript thread only.
class Deferred final : public Awaited {
 public:
  Deferred(napi_env env, Environment& environment) : env_(env), environment_(environment) {}
  ~Deferred() override;

  void begin();
  void submit(napi_value done);  // done(error?, number of the call?)
  void abandon();
  void stop() { lane_->stop = true; }
  bool recording() const { return recording_ != nullptr; }

  // Writes the call down and returns what JavaScript gets, or null when the call is to run now: everything before it
  // has run then.
  napi_value record(Call& call, const Operator& op, const Overload& overload, const Given& given,
                    const Binding& binding);
  // Waits when a call that runs now would meet tensors that jobs read or write.
  void keep_order(const Overload& overload, const Given& given, const Binding& binding);
  // Waits for the jobs that write to the tensor's memory.
  void wait_for_writers(const at::Tensor& tensor);
  void wait_for_writers();
  void wait_for_random();
  // For functions that run several operators at once, and are not written down.
  void finish_all() { catch_up("elements were picked or set by an index"); }

  void await(int32_t handle) override;
  bool forget(int32_t handle) override;
  // Sizes and dtype of a tensor still to come; undefined when only waiting tells.
  at::Tensor foresee(int32_t handle);
  bool is_on_cpu(int32_t handle) const;
  bool is_pending(int32_t handle) const { return pending_.count(handle) > 0; }

  napi_ref trace = nullptr;  // (number) => void, called for calls that may fail
  napi_ref warn = nullptr;   // (reason) => void

 private:
  struct Pending {
    std::shared_ptr<Job> job;
    int32_t local;
  };
  struct Submitted {
    std::shared_ptr<Job> job;
    napi_ref done;
  };
  struct Work;

  static void execute(napi_env env, void* data);
  static void complete(napi_env env, napi_status status, void* data);
  void finish();
  void start();
  void catch_up(const char* reason);
  void install(const std::shared_ptr<Job>& job);
  void update();
  void call_hook(napi_ref hook, napi_value argument);
  void tell(const char* reason);
  int32_t local_of(int32_t handle, bool written, const Overload& overload);
  Step write_down(const Operator& op, const Overload& overload, const Given& given, const Binding& binding);
  int32_t new_result();

  napi_env env_;
  Environment& environment_;
  std::shared_ptr<Lane> lane_ = std::make_shared<Lane>();
  std::shared_ptr<Job> recording_;
  std::deque<Submitted> submitted_;  // the first one is at work
  std::unordered_map<int32_t, Pending> pending_;
};

// These cost one look at a flag while nothing is deferred.
inline void wait_for_writers(Environment& data, const at::Tensor& tensor) {
  if (data.deferring) data.deferred->wait_for_writers(tensor);
}
inline void wait_for_random(Environment& data) {
  if (data.deferring) data.deferred->wait_for_random();
}
inline void finish_deferred(Environment& data) {
  if (data.deferring) data.deferred->finish_all();
}
// Throws inside a deferred call, where there are no gradients.
void before_gradients(Environment& data);
// The tensor of a handle, or what is known of its sizes and dtype.
at::Tensor metadata_of(Environment& data, int32_t handle);

}  // namespace torchbridge
