// A log of operators as libtorch dispatches them, those of backward too: what is counted in operations comes from here.
#include <ATen/SequenceNumber.h>
#include <ATen/record_function.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <charconv>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>

#include "environment.h"

namespace torchbridge {
namespace {

using c10::ThreadLocalDebugInfo;

// One list of JSON, written as the operators run. The engine's threads for other devices write to it too.
class Log {
 public:
  explicit Log(const std::string& names) {
    for (size_t at = 0; at < names.size();) {
      const size_t end = std::min(names.find('\n', at), names.size());
      wanted_.insert(names.substr(at, end - at));
      at = end + 1;
    }
  }

  bool wants(const char* name) const { return wanted_.contains(name); }

  // Whether the operator is to be written: not when it runs within another one of those.
  bool enter() {
    const std::lock_guard lock(mutex_);
    return depth_[std::this_thread::get_id()]++ == 0;
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    --depth_[std::this_thread::get_id()];
  }

  void write(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    if (size_++ > 0) text_ += ',';
    text_ += entry;
  }

  int64_t size() const {
    const std::lock_guard lock(mutex_);
    return size_;
  }

  std::string text() const {
    const std::lock_guard lock(mutex_);
    return '[' + text_ + ']';
  }

 private:
  std::unordered_set<std::string> wanted_;
  mutable std::mutex mutex_;
  std::map<std::thread::id, int> depth_;
  std::string text_;
  int64_t size_ = 0;
};

// Travels to the engine's threads with the rest of a thread's state.
struct Logs : c10::DebugInfoBase {
  std::vector<std::shared_ptr<Log>> logs;
};

const auto kKind = c10::DebugInfoKind::TEST_INFO_2;  // used by libtorch's own tests only

const Logs* current() { return static_cast<const Logs*>(ThreadLocalDebugInfo::get(kKind)); }

// Sequence numbers of the nodes of autograd that run on this thread, the innermost last.
thread_local std::vector<int64_t> running_nodes;
// The callback of this thread while there is a log.
thread_local at::CallbackHandle callback = 0;

void append(std::string& text, int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  text.append(digits, end);
}

template <typename List, typename Each>
void append_list(std::string& text, const List& list, const Each& each) {
  text += '[';
  bool first = true;
  for (const auto& item : list) {
    if (!first) text += ',';
    first = false;
    each(item);
  }
  text += ']';
}

// A tensor as its sizes; what is neither number, truth, tensor nor a list of them as null.
void append(std::string& text, const c10::IValue& value) {
  if (value.isTensor() && value.toTensor().defined()) {
    append_list(text, value.toTensor().sizes(), [&](int64_t size) { append(text, size); });
  } else if (value.isIntList()) {
    append_list(text, value.toIntVector(), [&](int64_t each) { append(text, each); });
  } else if (value.isList()) {
    append_list(text, value.toListRef(), [&](const c10::IValue& each) { append(text, each); });
  } else if (value.isInt()) {
    append(text, value.toInt());
  } else if (value.isBool()) {
    text += value.toBool() ? "true" : "false";
  } else {
    text += "null";
  }
}

struct Observed : at::ObserverContext {
  std::vector<std::shared_ptr<Log>> entered;
  std::vector<std::shared_ptr<Log>> told;  // those of them that get the entry
  std::string entry;
  int exceptions = std::uncaught_exceptions();
  bool node = false;

  ~Observed() override {
    for (const auto& log : entered) log->leave();
    if (node && !running_nodes.empty()) running_nodes.pop_back();
  }
};

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
  const Logs* logs = current();
  if (logs == nullptr) return nullptr;
  if (function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
    auto observed = std::make_unique<Observed>();
    running_nodes.push_back(function.seqNr());
    observed->node = true;
    return observed;
  }
  std::unique_ptr<Observed> observed;
  for (const auto& log : logs->logs) {
    if (!log->wants(function.name())) continue;
    if (!observed) observed = std::make_unique<Observed>();
    observed->entered.push_back(log);
    if (log->enter()) observed->told.push_back(log);
  }
  if (!observed || observed->told.empty()) return observed;
  std::string& entry = observed->entry;
  entry = "[\"";
  entry += function.name();
  entry += "\",";
  append(entry, running_nodes.empty() ? -1 : running_nodes.back());
  entry += ',';
  append_list(entry, function.inputs(), [&](const c10::IValue& value) { append(entry, value); });
  entry += ']';
  return observed;
}

// What threw has not been computed: a checkpoint that has all it wants stops within an operator.
void on_end(const at::RecordFunction&, at::ObserverContext* context) {
  const auto* observed = static_cast<const Observed*>(context);
  if (observed == nullptr || std::uncaught_exceptions() > observed->exceptions) return;
  for (const auto& log : observed->told) log->write(observed->entry);
}

const std::vector<std::shared_ptr<Log>>& all_logs() {
  const Logs* logs = current();
  if (logs == nullptr) throw BridgeError("internal", "there is no log of operators");
  return logs->logs;
}

// beginOperatorLog(names, one a line): its number
napi_value begin(Call& call) {
  auto log = std::make_shared<Log>(call.string(0));
  auto logs = std::make_shared<Logs>();
  if (const Logs* before = current()) logs->logs = before->logs;
  logs->logs.push_back(std::move(log));
  if (current() == nullptr) {
    callback = at::addThreadLocalCallback(at::RecordFunctionCallback(&on_start, &on_end)
                                              .needsInputs(true)
                                              .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  }
  const auto number = static_cast<int32_t>(logs->logs.size() - 1);
  ThreadLocalDebugInfo::_push(kKind, std::move(logs));
  return call.from(number);
}

// endOperatorLog(): the entries of the innermost log, [name, sequence number of the node that ran it or -1, arguments]
// each
napi_value end(Call& call) {
  const std::string text = all_logs().back()->text();
  ThreadLocalDebugInfo::_pop(kKind);
  if (current() == nullptr) at::removeCallback(callback);
  return call.from(text);
}

// operatorLogSize(number)
napi_value size(Call& call) { return call.from(all_logs().at(static_cast<size_t>(call.int32(0)))->size()); }

napi_value sequence_number(Call& call) { return call.from(static_cast<int64_t>(at::sequence_number::peek())); }

}  // namespace

std::vector<Function> operator_log_functions() {
  return {
      {"beginOperatorLog", &guarded<begin>},
      {"endOperatorLog", &guarded<end>},
      {"operatorLogSize", &guarded<size>},
      {"sequenceNumber", &guarded<sequence_number>},
  };
}

}  // namespace torchbridge
