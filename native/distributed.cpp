#include "distributed.h"

#include <c10/util/Logging.h>

#include <cstdlib>
#include <thread>

#include "distributed_reducer.h"

namespace torchbridge {
namespace {

std::mutex& environments_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::unordered_map<napi_env, std::shared_ptr<Distributed>>& environments() {
  static auto* all = new std::unordered_map<napi_env, std::shared_ptr<Distributed>>();  // threads may outlive statics
  return *all;
}

}  // namespace

struct Distributed::Job {
  napi_deferred deferred = nullptr;
  Settle settle;
  std::exception_ptr failure;
};

bool DistributedGroup::busy() {
  std::erase_if(issued, [](const auto& work) { return work->isCompleted(); });
  return !issued.empty() || exclusive;
}

std::shared_ptr<Distributed> Distributed::of(const Call& call) {
  const std::lock_guard<std::mutex> lock(environments_mutex());
  auto& found = environments()[call.env()];
  if (found == nullptr) {
    std::shared_ptr<Distributed> fresh(new Distributed(call.env(), &call.data()));
    fresh->attach();
    found = std::move(fresh);
  }
  return found;
}

void Distributed::attach() {
  napi_value name = nullptr;
  napi_create_string_utf8(env_, "torchbridge distributed", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, &on_event, &event_) !=
      napi_ok) {
    throw BridgeError("internal", "the event loop takes no callbacks of other threads");
  }
  napi_unref_threadsafe_function(env_, event_);  // only while something runs it keeps the process alive
  napi_add_env_cleanup_hook(
      env_,
      [](void* env) {
        std::shared_ptr<Distributed> mine;
        {
          const std::lock_guard<std::mutex> lock(environments_mutex());
          const auto found = environments().find(static_cast<napi_env>(env));
          if (found == environments().end()) return;
          mine = std::move(found->second);
          environments().erase(found);
        }
        mine->close();
      },
      env_);
}

void Distributed::close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    napi_release_threadsafe_function(event_, napi_tsfn_abort);
    event_ = nullptr;
    done_.clear();
  }
  reducers.take_all();
  works.take_all();
  for (auto& [number, group] : groups.take_all()) free_group(std::move(group));
  stores.take_all();
}

napi_value Distributed::start(const Call& call, std::function<Settle()> work) {
  auto job = std::make_shared<Job>();
  napi_value promise = nullptr;
  call.check(napi_create_promise(env_, &job->deferred, &promise));
  if (++running_ == 1) napi_ref_threadsafe_function(env_, event_);
  try {
    std::thread([self = shared_from_this(), job, work = std::move(work)]() mutable {
      try {
        job->settle = work();
      } catch (...) {
        job->failure = std::current_exception();
      }
      work = nullptr;  // what it holds goes before anybody is told
      self->post(std::move(job));
    }).detach();
  } catch (...) {
    job->failure = std::make_exception_ptr(BridgeError("runtime", "no thread can be started to wait in"));
    settle_one(*job);
  }
  return promise;
}

void Distributed::post(std::shared_ptr<Job> job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return;
  done_.push_back(std::move(job));
  napi_call_threadsafe_function(event_, nullptr, napi_tsfn_nonblocking);
}

void Distributed::on_event(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the loop is closing
  static_cast<Distributed*>(context)->settle();
}

void Distributed::settle() {
  std::vector<std::shared_ptr<Job>> done;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done.swap(done_);
  }
  for (const auto& job : done) settle_one(*job);
}

void Distributed::settle_one(Job& job) {
  napi_value value = nullptr;
  try {
    if (job.failure != nullptr) std::rethrow_exception(job.failure);
    value = job.settle(env_);
    napi_resolve_deferred(env_, job.deferred, value);
  } catch (...) {
    throw_failure(env_, data_, "", "");
    if (napi_get_and_clear_last_exception(env_, &value) == napi_ok) napi_reject_deferred(env_, job.deferred, value);
  }
  if (--running_ == 0) napi_unref_threadsafe_function(env_, event_);
}

namespace {
std::mutex quiet_mutex;
int quiet_count = 0;
int usual_level = 0;
}  // namespace

QuietConnecting::QuietConnecting() {
  const std::lock_guard<std::mutex> lock(quiet_mutex);
  if (quiet_count++ > 0 || std::getenv("TORCH_CPP_LOG_LEVEL") != nullptr) return;
  usual_level = FLAGS_caffe2_log_level;
  FLAGS_caffe2_log_level = c10::GLOG_FATAL;
}

QuietConnecting::~QuietConnecting() {
  const std::lock_guard<std::mutex> lock(quiet_mutex);
  if (--quiet_count == 0 && FLAGS_caffe2_log_level == c10::GLOG_FATAL) FLAGS_caffe2_log_level = usual_level;
}

void free_group(std::shared_ptr<DistributedGroup> group) {
  if (group == nullptr || !group->busy()) return;
  auto* held = new std::shared_ptr<DistributedGroup>(std::move(group));
  try {
    std::thread([held] { delete held; }).detach();
  } catch (...) {
    // It stays: its end would wait for peers that may never come.
  }
}

std::chrono::milliseconds milliseconds(const Call& call, size_t argument) {
  const double value = call.number(argument);
  if (!(value >= 1 && value <= 1e12)) {
    throw BridgeError("value", "Expected a timeout of at least one millisecond for timeout but received " +
                                   std::to_string(value) + " ms");
  }
  return std::chrono::milliseconds(static_cast<int64_t>(value));
}

std::vector<std::string> texts(const Call& call, size_t argument) {
  uint32_t length = 0;
  call.check(napi_get_array_length(call.env(), call.value(argument), &length));
  std::vector<std::string> all(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value item = nullptr;
    size_t size = 0;
    call.check(napi_get_element(call.env(), call.value(argument), i, &item));
    call.check(napi_get_value_string_utf8(call.env(), item, nullptr, 0, &size));
    all[i].resize(size);
    call.check(napi_get_value_string_utf8(call.env(), item, all[i].data(), size + 1, &size));
  }
  return all;
}

}  // namespace torchbridge
