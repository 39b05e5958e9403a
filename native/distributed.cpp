#include "distributed.h"

#include <c10/util/Logging.h>
#include <c10/util/StringUtil.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
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
  std::erase_if(issued, [](const auto& each) { return each.work->isCompleted(); });
  return !issued.empty() || exclusive;
}

void DistributedGroup::end_nccl(bool in_the_middle) {
  if (!nccl) return;
  if (in_the_middle) {
    group->abort();
  } else {
    group->shutdown();
  }
  std::erase_if(issued, [](const auto& each) { return each.ordered; });
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
  for (auto& [number, group] : groups.take_all()) {
    try {
      group->end_nccl(/*in_the_middle=*/true);  // peers may never come
    } catch (...) {
      // Nobody is left to be told.
    }
    free_group(std::move(group));
  }
  stores.take_all();
}

int32_t Distributed::put_work(DistributedGroup& group, c10::intrusive_ptr<c10d::Work> work, bool ordered) {
  if (work == nullptr) return 0;
  group.busy();  // forgets what is done
  group.issued.push_back({work, ordered});
  return works.put(std::make_shared<DistributedWork>(DistributedWork{std::move(work), ordered}));
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

namespace {

std::terminate_handler usual_end = nullptr;

// What to do when a thread of a backend ends the process; of the whole process, never freed.
std::atomic<const std::string*> way_on{nullptr};

// What there is to say of an exception of Gloo's or NCCL's own threads; empty for others.
std::string words_of_backend(const std::string& text) {
  const auto line_from = [&](size_t begin) { return text.substr(begin, text.find('\n', begin) - begin); };
  const size_t sizes = text.find("op.preamble.");
  if (text.find("gloo/transport") != std::string::npos && sizes != std::string::npos) {
    return "processes of a group gave a collective tensors of different sizes, which Gloo does not survive (" +
           line_from(sizes) + "); TORCH_DISTRIBUTED_DEBUG=DETAIL says which collective";
  }
  if (text.find("watchdog thread terminated with exception") == std::string::npos) return "";
  const size_t timeout = text.find("Watchdog caught collective operation timeout");
  if (timeout != std::string::npos) {
    return "another process has ended or did not come to a collective of NCCL in time (" + line_from(timeout) + ")";
  }
  const size_t reason = text.find("terminated with exception: ");
  return "NCCL failed, maybe as another process has ended (" + line_from(reason + 27) + ")";
}

[[noreturn]] void end_of_process() {
  if (const auto thrown = std::current_exception()) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      if (const std::string words = words_of_backend(e.what()); !words.empty()) {
        const std::string* way = way_on.load();
        std::fprintf(stderr, "torchbridge: %s%s%s\n", words.c_str(), way == nullptr ? "" : "; ",
                     way == nullptr ? "" : way->c_str());
        std::_Exit(1);
      }
    } catch (...) {
    }
  }
  if (usual_end != nullptr) usual_end();
  std::abort();
}

}  // namespace

napi_value set_way_on(Call& call) {
  way_on = new std::string(call.string(0));
  return call.undefined();
}

void tell_failures_of_backends() {
  static const bool told = [] {
    usual_end = std::set_terminate(&end_of_process);
    return true;
  }();
  (void)told;
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

int64_t whole(const Call& call, size_t argument, double least, double most, const char* what) {
  const double value = call.number(argument);
  if (value >= least && value <= most && value == std::floor(value)) return static_cast<int64_t>(value);
  throw BridgeError(
      "value", c10::str("Expected a whole number from ", least, " to ", most, " for ", what, " but received ", value));
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

std::vector<int64_t> whole_numbers(const Call& call, size_t argument, const char* what) {
  uint32_t length = 0;
  call.check(napi_get_array_length(call.env(), call.value(argument), &length));
  if (length > 1'000'000) throw BridgeError("value", c10::str("Expected at most a million ", what));
  std::vector<int64_t> all(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value item = nullptr;
    call.check(napi_get_element(call.env(), call.value(argument), i, &item));
    double number = 0;
    call.check(napi_get_value_double(call.env(), item, &number));
    if (!(number >= 0 && number <= 9e15 && number == std::floor(number))) {
      throw BridgeError("value", c10::str("Expected whole numbers from 0 for the ", what, " but received ", number));
    }
    all[i] = static_cast<int64_t>(number);
  }
  return all;
}

}  // namespace torchbridge
