// Libraries of operators that the user brings: a shared library whose static initialisers register them
// (TORCH_LIBRARY).
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <iterator>
#include <set>

#include "environment.h"
#include "operators.h"

namespace torchbridge {
namespace {

std::set<std::string> registered() {
  std::set<std::string> names;
  for (const auto& each : c10::Dispatcher::singleton().getAllOpNames()) {
    names.insert(each.overload_name.empty() ? each.name : each.name + "." + each.overload_name);
  }
  return names;
}

// The child's end of the pipe, for its handler of terminate.
int report_to = -1;

void report(const char* text) {
  if (write(report_to, text, std::strlen(text)) < 0) _exit(2);
}

// What an initialiser throws: whether it can leave dlopen depends on how the loader was built.
[[noreturn]] void report_exception() {
  std::set_terminate(&std::abort);
  report(current_failure().message.c_str());
  _exit(1);
}

[[noreturn]] void load_in_child(const char* path) {
  for (const int signal : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGALRM}) std::signal(signal, SIG_DFL);
  alarm(60);
  std::set_terminate(&report_exception);
  try {
    if (dlopen(path, RTLD_NOW | RTLD_LOCAL) != nullptr) _exit(0);
    const char* reason = dlerror();
    report(reason == nullptr ? "the loader gives no reason" : reason);
    _exit(1);
  } catch (...) {
    report_exception();
  }
}

std::string end_of(int status) {
  if (!WIFSIGNALED(status)) return "it ended the process while it was loaded";
  if (WTERMSIG(status) == SIGBUS) return "it is damaged: a part of the file is missing";
  if (WTERMSIG(status) == SIGALRM) return "it was not loaded after a minute";
  return "it brought the process down while it was loaded (signal " + std::to_string(WTERMSIG(status)) + ")";
}

// A damaged file, and an initialiser that throws, end the process that loads them: another one tries first.
void try_in_child(const std::string& path) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw BridgeError("runtime", "no pipe can be made to try the library in another process");
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    throw BridgeError("runtime", "no process can be made to try the library in");
  }
  if (child == 0) {
    close(ends[0]);
    report_to = ends[1];
    load_in_child(path.c_str());
  }
  close(ends[1]);
  std::string text;
  std::array<char, 512> part{};
  for (;;) {
    const ssize_t count = read(ends[0], part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(part.data(), static_cast<size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw BridgeError("value", text.empty() ? end_of(status) : text);
}

// loadLibrary(path): the names of the operators that came with it. It stays loaded as long as the process runs, since
// kernels may be in use anywhere.
napi_value load_library(Call& call) {
  const std::string path = call.string(0);
  // Loaded already: nothing is tried, nothing is new.
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD) == nullptr) try_in_child(path);
  const std::set<std::string> before = registered();
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    const char* reason = dlerror();
    throw BridgeError("value", reason == nullptr ? "the library cannot be loaded" : reason);
  }
  forget_operator_names();
  const std::set<std::string> after = registered();
  std::vector<std::string> added;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(added));
  napi_value names = nullptr;
  call.check(napi_create_array_with_length(call.env(), added.size(), &names));
  for (size_t i = 0; i < added.size(); ++i) {
    call.check(napi_set_element(call.env(), names, static_cast<uint32_t>(i), call.from(added[i])));
  }
  return names;
}

}  // namespace

std::vector<Function> library_functions() { return {{"loadLibrary", &guarded<load_library>}}; }

}  // namespace torchbridge
