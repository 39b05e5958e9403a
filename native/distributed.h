// What the files of c10d share: the stores, groups, works and reducers of an environment, by number, and blocking calls
// that run beside JavaScript's thread and end as promises.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <unordered_map>
#include <vector>

#include "environment.h"

namespace torchbridge {

// The objects of one kind. Touched by JavaScript's thread only.
template <typename T>
class Numbered {
 public:
  explicit Numbered(const char* what) : what_(what) {}

  int32_t put(std::shared_ptr<T> object) {
    objects_[++last_] = std::move(object);
    return last_;
  }

  const std::shared_ptr<T>& get(int32_t number) const {
    const auto found = objects_.find(number);
    if (found == objects_.end()) {
      throw BridgeError("disposed", std::string("this ") + what_ + " was destroyed: it can be used no longer");
    }
    return found->second;
  }

  // Null where there is none.
  std::shared_ptr<T> take(int32_t number) {
    const auto found = objects_.find(number);
    if (found == objects_.end()) return nullptr;
    std::shared_ptr<T> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }

  std::unordered_map<int32_t, std::shared_ptr<T>> take_all() { return std::move(objects_); }
  size_t size() const { return objects_.size(); }

 private:
  const char* what_;
  std::unordered_map<int32_t, std::shared_ptr<T>> objects_;
  int32_t last_ = 0;
};

struct DistributedStore {
  c10::intrusive_ptr<c10d::Store> store;
};

struct DistributedWork {
  c10::intrusive_ptr<c10d::Work> work;
  bool ordered = false;  // whether its end is an order of streams
};

struct DistributedGroup {
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  bool nccl = false;                    // whether NCCL is one of its backends
  std::vector<DistributedWork> issued;  // those that may not be done yet
  std::atomic<bool> exclusive{false};   // while a monitored barrier counts the group's calls elsewhere

  // Whether something still runs; forgets what does not.
  bool busy();
  // Ends NCCL's threads, which must be gone before CUDA is: after its work, or in the middle of it.
  void end_nccl(bool in_the_middle);
};

struct DistributedReducer;

// Makes the value of a promise, on JavaScript's thread.
using Settle = std::function<napi_value(napi_env env)>;

class Distributed : public std::enable_shared_from_this<Distributed> {
 public:
  // That of the calling environment, made at its first use.
  static std::shared_ptr<Distributed> of(const Call& call);

  Numbered<DistributedStore> stores{"store"};
  Numbered<DistributedGroup> groups{"process group"};
  Numbered<DistributedWork> works{"work handle"};
  Numbered<DistributedReducer> reducers{"DistributedDataParallel"};

  // Keeps what a group has issued; 0 for nothing, which is what NCCL gives for a part of what is coalesced. `ordered`:
  // its end is an order of streams.
  int32_t put_work(DistributedGroup& group, c10::intrusive_ptr<c10d::Work> work, bool ordered);

  // Runs `work` on a thread of its own; returns a promise of what it gives. A thread for each: what waits for another
  // machine must not take the few threads of libuv's pool.
  napi_value start(const Call& call, std::function<Settle()> work);
  // Whether the environment has ended: what waits in turns gives up then. From any thread.
  bool closed() const { return closed_; }

 private:
  struct Job;

  explicit Distributed(napi_env env, Environment* data) : env_(env), data_(data) {}
  void attach();
  void close();
  void post(std::shared_ptr<Job> job);
  void settle();
  void settle_one(Job& job);
  static void on_event(napi_env env, napi_value callback, void* context, void* data);

  napi_env env_;
  Environment* data_;
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::vector<std::shared_ptr<Job>> done_;
  int running_ = 0;
  napi_threadsafe_function event_ = nullptr;
};

// While one lives, c10d writes no lines of its own to stderr: what they say, with backtraces of C++, is in the error
// too. TORCH_CPP_LOG_LEVEL lets them be.
class QuietConnecting {
 public:
  QuietConnecting();
  ~QuietConnecting();
  QuietConnecting(const QuietConnecting&) = delete;
  QuietConnecting& operator=(const QuietConnecting&) = delete;
};

// From now on, what Gloo and NCCL throw on threads of their own, where nobody can catch it, is told in one line before
// the process ends: processes gave a collective tensors of different sizes, or a peer did not come in time.
void tell_failures_of_backends();

// setWayOn(words): what to do then, behind that line.
napi_value set_way_on(Call& call);

// Whether one of a group's backends takes tensors on such a device.
bool serves(const c10d::ProcessGroup& group, c10::DeviceType device);

// Frees a group: here when nothing runs in it, else on a thread that may wait for what runs.
void free_group(std::shared_ptr<DistributedGroup> group);

// A whole number of an argument. Throws where it is not one, or not from `least` to `most`.
int64_t whole(const Call& call, size_t argument, double least, double most, const char* what);
constexpr double kSafeInteger = 9007199254740991;
std::chrono::milliseconds milliseconds(const Call& call, size_t argument);
std::vector<std::string> texts(const Call& call, size_t argument);
// An array of whole numbers from 0.
std::vector<int64_t> whole_numbers(const Call& call, size_t argument, const char* what);

std::vector<Function> distributed_store_functions();
std::vector<Function> distributed_group_functions();
std::vector<Function> distributed_collective_functions();
std::vector<Function> distributed_reducer_functions();

}  // namespace torchbridge
