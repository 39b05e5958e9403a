#include "deferred.h"

#include <ATen/Parallel.h>

namespace torchbridge {

// One job on the pool. It keeps what the thread needs, so that the environment may go.
struct Deferred::Work {
  std::shared_ptr<Lane> lane;
  std::shared_ptr<Job> job;
  Deferred* owner;
  napi_async_work work = nullptr;
};

Deferred::~Deferred() { stop(); }

void Deferred::update() { environment_.deferring = recording_ != nullptr || !submitted_.empty(); }

void Deferred::begin() {
  if (recording_ != nullptr) {
    throw BridgeError("runtime",
                      "Expected no asynchronous call inside the function of another one: use call() there, which "
                      "becomes part of it");
  }
  recording_ = std::make_shared<Job>();
  environment_.tensors.set_awaited(this);
  update();
}

void Deferred::submit(napi_value done) {
  if (recording_ == nullptr) throw BridgeError("internal", "nothing was recorded");
  const std::shared_ptr<Job> job = std::move(recording_);
  recording_.reset();
  update();
  napi_ref reference = nullptr;
  if (napi_create_reference(env_, done, 1, &reference) != napi_ok) {
    job->give_up("its end could not be waited for");
    throw BridgeError("type", "Expected a function to call at the end");
  }
  job->threads = at::get_num_threads();
  submitted_.push_back({job, reference});
  update();
  if (submitted_.size() > 1) return;  // finish() of the one before starts it
  try {
    start();
  } catch (...) {
    submitted_.front().job->give_up("libuv's pool took no work");
    submitted_.pop_front();
    napi_delete_reference(env_, reference);
    update();
    throw;
  }
}

void Deferred::abandon() {
  if (recording_ == nullptr) return;
  recording_->give_up("the function of the asynchronous call threw an error");
  recording_.reset();
  update();
}

void Deferred::start() {
  auto work = std::make_unique<Work>(Work{lane_, submitted_.front().job, this});
  napi_value name = nullptr;
  if (napi_create_string_utf8(env_, "torchbridge", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env_, nullptr, name, &execute, &complete, work.get(), &work->work) != napi_ok) {
    throw BridgeError("internal", "no work can be given to libuv's pool");
  }
  if (napi_queue_async_work(env_, work->work) != napi_ok) {
    napi_delete_async_work(env_, work->work);
    throw BridgeError("internal", "no work can be given to libuv's pool");
  }
  work.release();  // complete() frees it
}

// On the pool's thread.
void Deferred::execute(napi_env, void* data) {
  const auto* work = static_cast<Work*>(data);
  const std::lock_guard<std::mutex> lock(work->lane->mutex);
  if (work->job->done) return;  // JavaScript's thread could not wait for it
  try {
    if (at::get_num_threads() != work->job->threads) at::set_num_threads(work->job->threads);
    work->job->run(work->lane->stop);
  } catch (...) {
    const Failure failure = current_failure();
    work->job->give_up(failure.message);
  }
  work->job->done = true;
}

// On JavaScript's thread again; also while the environment ends, when no JavaScript can be called any more.
void Deferred::complete(napi_env env, napi_status, void* data) {
  const std::unique_ptr<Work> work(static_cast<Work*>(data));
  napi_delete_async_work(env, work->work);
  work->owner->finish();
}

void Deferred::finish() {
  const Submitted finished = submitted_.front();
  submitted_.pop_front();
  const std::shared_ptr<Job>& job = finished.job;
  if (!job->done) job->give_up("libuv's pool did not run it");
  install(job);
  update();
  napi_value callback = nullptr;
  napi_value self = nullptr;
  napi_value arguments[2] = {};
  size_t count = 0;
  bool alive = napi_get_reference_value(env_, finished.done, &callback) == napi_ok && callback != nullptr &&
               napi_get_undefined(env_, &self) == napi_ok;
  napi_delete_reference(env_, finished.done);
  if (alive && job->failure) {
    const JobFailure& failure = *job->failure;
    arguments[0] = new_error(env_, environment_, {failure.code, failure.message}, failure.operation, failure.operands);
    alive = arguments[0] != nullptr && napi_create_int32(env_, failure.call, &arguments[1]) == napi_ok;
    count = 2;
  }
  // It only settles a promise: what hangs on that runs after this function.
  alive = alive && napi_call_function(env_, self, callback, count, arguments, nullptr) == napi_ok;
  if (!alive) stop();
  if (!alive || submitted_.empty()) return;
  try {
    start();
  } catch (const BridgeError& error) {
    submitted_.front().job->give_up(error.what());
    finish();
  }
}

// Runs on this thread what has not run yet, so that there is nothing left to wait for.
void Deferred::catch_up(const char* reason) {
  bool waiting = recording_ != nullptr && !recording_->empty();
  for (const auto& each : submitted_) waiting = waiting || !each.job->done;
  if (waiting) tell(reason);
  {
    const std::lock_guard<std::mutex> lock(lane_->mutex);
    for (const auto& each : submitted_) {
      if (each.job->done) continue;
      each.job->run(lane_->stop);
      each.job->done = true;
    }
    if (recording_ != nullptr) recording_->run(lane_->stop);
  }
  for (const auto& each : submitted_) install(each.job);
  if (recording_ == nullptr) return;
  install(recording_);
  // What got no tensor must not wait for the numbers of steps to come.
  const auto past = std::make_shared<Job>();
  past->failure = recording_->failure;
  past->done = true;
  for (auto& [handle, pending] : pending_) {
    if (pending.job == recording_) pending = {past, -1};
  }
  recording_->reset();
  if (recording_->failure) {
    const JobFailure& failure = *recording_->failure;
    throw BridgeError(failure.code, failure.operation + ": " + failure.message + "\n  in " + failure.operation + "(" +
                                        failure.operands + ")");
  }
}

// Gives the slots that wait for the job their tensors. Slots for which there is none stay, and say why when asked.
void Deferred::install(const std::shared_ptr<Job>& job) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    at::Tensor value = it->second.job == job ? job->result(it->second.local) : at::Tensor();
    if (!value.defined()) {
      ++it;
      continue;
    }
    environment_.tensors.fill(it->first, std::move(value));
    it = pending_.erase(it);
  }
}

void Deferred::await(int32_t handle) {
  auto found = pending_.find(handle);
  if (found == pending_.end()) return;
  const std::shared_ptr<Job> job = found->second.job;
  if (!job->done) {
    catch_up("a tensor that was not computed yet was read");
  } else {
    install(job);
  }
  found = pending_.find(handle);
  if (found == pending_.end()) return;
  if (job->failure) {
    throw BridgeError("runtime", "this tensor was not computed: " + job->failure->message);
  }
  throw BridgeError("value", "the operator gave no tensor here, which only showed when it ran");
}

bool Deferred::forget(int32_t handle) {
  const auto found = pending_.find(handle);
  if (found == pending_.end()) return false;
  if (found->second.job == recording_) recording_->append_release(found->second.local);
  pending_.erase(found);
  return true;
}

at::Tensor Deferred::foresee(int32_t handle) {
  const auto found = pending_.find(handle);
  if (found == pending_.end() || found->second.job != recording_) return {};
  return recording_->foresee(found->second.local);
}

bool Deferred::is_on_cpu(int32_t handle) const {
  const auto found = pending_.find(handle);
  return found != pending_.end() && found->second.job->on_cpu;
}

void Deferred::wait_for_writers(const at::Tensor& tensor) {
  bool written = recording_ != nullptr && recording_->writes(tensor);
  for (const auto& each : submitted_) written = written || (!each.job->done && each.job->writes(tensor));
  if (written) catch_up("a tensor was read that an asynchronous call changes");
}

void Deferred::wait_for_writers() {
  bool written = false;
  for (const auto& each : submitted_) written = written || (!each.job->done && each.job->writes_any());
  if (written) catch_up("gradients were asked for while an asynchronous call changes tensors");
}

void Deferred::wait_for_random() {
  bool random = recording_ != nullptr && recording_->random;
  for (const auto& each : submitted_) random = random || (!each.job->done && each.job->random);
  if (random) catch_up("a generator of random numbers was used that an asynchronous call draws from");
}

void Deferred::tell(const char* reason) {
  napi_value text = nullptr;
  if (napi_create_string_utf8(env_, reason, NAPI_AUTO_LENGTH, &text) == napi_ok) call_hook(warn, text);
}

void Deferred::call_hook(napi_ref hook, napi_value argument) {
  napi_value function = nullptr;
  napi_value self = nullptr;
  if (hook == nullptr || napi_get_reference_value(env_, hook, &function) != napi_ok ||
      napi_get_undefined(env_, &self) != napi_ok) {
    return;
  }
  if (napi_call_function(env_, self, function, 1, &argument, nullptr) != napi_ok) throw PendingException{};
}

void before_gradients(Environment& data) {
  if (!data.deferring) return;
  if (data.deferred->recording()) {
    throw BridgeError("runtime",
                      "Expected no gradients to be asked for in an asynchronous call, which records none: use call()");
  }
  data.deferred->wait_for_writers();
}

at::Tensor metadata_of(Environment& data, int32_t handle) {
  if (data.deferring && !data.tensors.holds(handle)) {
    at::Tensor known = data.deferred->foresee(handle);
    if (known.defined()) return known;
  }
  return data.tensors.get(handle);
}

}  // namespace torchbridge
