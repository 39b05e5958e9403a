// The stores of c10d: where processes meet, and small values that they tell each other.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <thread>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "distributed.h"

namespace torchbridge {
namespace {

using Bytes = std::vector<uint8_t>;
using StorePtr = c10::intrusive_ptr<c10d::Store>;

Settle nothing() {
  return [](napi_env env) {
    napi_value value = nullptr;
    napi_get_undefined(env, &value);
    return value;
  };
}

Settle number(double v) {
  return [v](napi_env env) {
    napi_value value = nullptr;
    napi_create_double(env, v, &value);
    return value;
  };
}

Settle boolean(bool v) {
  return [v](napi_env env) {
    napi_value value = nullptr;
    napi_get_boolean(env, v, &value);
    return value;
  };
}

Settle bytes(Bytes v) {
  return [v = std::move(v)](napi_env env) {
    napi_value value = nullptr;
    void* copy = nullptr;
    if (napi_create_buffer_copy(env, v.size(), v.data(), &copy, &value) != napi_ok) {
      throw BridgeError("memory", "no memory for a value of a store");
    }
    return value;
  };
}

Settle store_number(const std::shared_ptr<Distributed>& state, StorePtr store) {
  return [state, store = std::move(store)](napi_env env) {
    napi_value value = nullptr;
    const auto object = std::make_shared<DistributedStore>(DistributedStore{store});
    napi_create_int32(env, state->stores.put(object), &value);
    return value;
  };
}

// Runs a question to a store beside JavaScript's thread; that its server is gone is in the error alone.
template <typename Work>
napi_value ask(const std::shared_ptr<Distributed>& state, const Call& call, Work work) {
  return state->start(call, [work = std::move(work)]() -> Settle {
    const QuietConnecting quiet;
    return work();
  });
}

// Asks in turns instead of waiting inside of the store: a TCP store has one connection, which a wait would keep from
// everybody else, and nothing could end it.
void wait_for(const Distributed& state, c10d::Store& store, const std::vector<std::string>& keys,
              std::chrono::milliseconds timeout) {
  const auto start = std::chrono::steady_clock::now();
  auto pause = std::chrono::milliseconds(1);
  const auto there = [&] {
    const QuietConnecting quiet;
    return store.check(keys);
  };
  while (!there()) {
    if (state.closed()) throw BridgeError("runtime", "the thread of JavaScript that waited has ended");
    if (std::chrono::steady_clock::now() - start >= timeout) {
      std::string names;
      for (const auto& key : keys) names += (names.empty() ? "" : ", ") + key;
      throw BridgeError("distributed", "wait timeout after " + std::to_string(timeout.count()) + "ms, keys: " + names);
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
}

// What another program behind the port never answers, c10d waits for without end: the thread that connects is left
// behind then.
c10::intrusive_ptr<c10d::TCPStore> connect(const std::string& host, const c10d::TCPStoreOptions& options) {
  auto task = std::make_shared<std::packaged_task<c10::intrusive_ptr<c10d::TCPStore>()>>([host, options] {
    const QuietConnecting quiet;  // here too: it may go on when nobody waits for it
    return c10::make_intrusive<c10d::TCPStore>(host, options);
  });
  auto result = task->get_future();
  std::thread([task] { (*task)(); }).detach();
  if (result.wait_for(options.timeout + std::chrono::seconds(1)) != std::future_status::ready) {
    throw BridgeError("distributed", "The client socket has timed out after " +
                                         std::to_string(options.timeout.count()) + "ms while trying to connect to (" +
                                         host + ", " + std::to_string(options.port) + ").");
  }
  return result.get();
}

// tcpStore(host, port, worldSize (0: unknown), server, timeout, waitForWorkers, multiTenant): a promise of a store
napi_value tcp_store(Call& call) {
  const auto state = Distributed::of(call);
  const std::string host = call.string(0);
  const int64_t port = whole(call, 1, 0, 65535, "port");
  const int64_t workers = whole(call, 2, 0, 1e6, "worldSize");
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = call.boolean(3);
  if (workers > 0) options.numWorkers = static_cast<size_t>(workers);
  options.timeout = milliseconds(call, 4);
  options.waitWorkers = call.boolean(5);
  options.multiTenant = call.boolean(6);
  return state->start(call, [state, host, options] {
    const QuietConnecting quiet;
    // A server waits for its workers as long as it was told.
    if (!options.isServer) return store_number(state, connect(host, options));
    return store_number(state, c10::make_intrusive<c10d::TCPStore>(host, options));
  });
}

// storePort(store): the port that a TCP store listens at or is connected to; -1 for other stores
napi_value store_port(Call& call) {
  const auto& store = Distributed::of(call)->stores.get(call.int32(0))->store;
  const auto* tcp = dynamic_cast<const c10d::TCPStore*>(store.get());
  return call.from(tcp == nullptr ? int32_t{-1} : static_cast<int32_t>(tcp->getPort()));
}

// fileStore(path, worldSize, timeout)
napi_value file_store(Call& call) {
  const auto state = Distributed::of(call);
  const std::string path = call.string(0);
  const auto processes = static_cast<int>(whole(call, 1, -1, 1e6, "worldSize"));
  // A file that cannot be made is asked for again and again there, for five minutes.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) throw BridgeError("value", "the store's file " + path + " cannot be opened: " + std::strerror(errno));
  ::close(file);
  const auto store = c10::make_intrusive<c10d::FileStore>(path, processes);
  store->setTimeout(milliseconds(call, 2));
  return call.from(state->stores.put(std::make_shared<DistributedStore>(DistributedStore{store})));
}

// hashStore(timeout)
napi_value hash_store(Call& call) {
  const auto state = Distributed::of(call);
  const auto store = c10::make_intrusive<c10d::HashStore>();
  store->setTimeout(milliseconds(call, 0));
  return call.from(state->stores.put(std::make_shared<DistributedStore>(DistributedStore{store})));
}

// prefixStore(prefix, store)
napi_value prefix_store(Call& call) {
  const auto state = Distributed::of(call);
  const auto store = c10::make_intrusive<c10d::PrefixStore>(call.string(0), state->stores.get(call.int32(1))->store);
  return call.from(state->stores.put(std::make_shared<DistributedStore>(DistributedStore{store})));
}

Bytes read_bytes(const Call& call, size_t argument) {
  const auto [data, size] = call.bytes(argument);
  return size == 0 ? Bytes() : Bytes(data, data + size);
}

// storeSet(store, key, bytes)
napi_value store_set(Call& call) {
  const auto state = Distributed::of(call);
  return ask(state, call,
             [store = state->stores.get(call.int32(0))->store, key = call.string(1), value = read_bytes(call, 2)] {
               store->set(key, value);
               return nothing();
             });
}

// storeGet(store, key, timeout)
napi_value store_get(Call& call) {
  const auto state = Distributed::of(call);
  return state->start(call, [state, store = state->stores.get(call.int32(0))->store, key = call.string(1),
                             timeout = milliseconds(call, 2)] {
    wait_for(*state, *store, {key}, timeout);
    return bytes(store->get(key));
  });
}

// storeWait(store, keys, timeout)
napi_value store_wait(Call& call) {
  const auto state = Distributed::of(call);
  return state->start(call, [state, store = state->stores.get(call.int32(0))->store, keys = texts(call, 1),
                             timeout = milliseconds(call, 2)] {
    wait_for(*state, *store, keys, timeout);
    return nothing();
  });
}

// Whether std::stoll reads all that the store would add to. A TCP store reads it on its server's thread, where the
// failure would end the process.
bool is_count(const Bytes& value) {
  const size_t sign = !value.empty() && value[0] == '-' ? 1 : 0;
  return value.size() > sign && value.size() <= sign + 18 &&
         std::all_of(value.begin() + static_cast<std::ptrdiff_t>(sign), value.end(),
                     [](uint8_t c) { return c >= '0' && c <= '9'; });
}

// storeAdd(store, key, amount)
napi_value store_add(Call& call) {
  const auto state = Distributed::of(call);
  const int64_t amount = whole(call, 2, -kSafeInteger, kSafeInteger, "add");
  return ask(state, call, [store = state->stores.get(call.int32(0))->store, key = call.string(1), amount] {
    if (store->check({key}) && !is_count(store->get(key))) {
      throw BridgeError("value", "Expected a key that holds an integer for add but " + key + " holds something else");
    }
    return number(static_cast<double>(store->add(key, amount)));
  });
}

// storeCheck(store, keys)
napi_value store_check(Call& call) {
  const auto state = Distributed::of(call);
  return ask(state, call, [store = state->stores.get(call.int32(0))->store, keys = texts(call, 1)] {
    return boolean(store->check(keys));
  });
}

// storeCompareSet(store, key, expected, desired)
napi_value store_compare_set(Call& call) {
  const auto state = Distributed::of(call);
  return ask(state, call,
             [store = state->stores.get(call.int32(0))->store, key = call.string(1), expected = read_bytes(call, 2),
              desired = read_bytes(call, 3)] { return bytes(store->compareSet(key, expected, desired)); });
}

// storeDelete(store, key)
napi_value store_delete(Call& call) {
  const auto state = Distributed::of(call);
  return ask(state, call, [store = state->stores.get(call.int32(0))->store, key = call.string(1)] {
    return boolean(store->deleteKey(key));
  });
}

// storeCount(store): how many keys it holds
napi_value store_count(Call& call) {
  const auto state = Distributed::of(call);
  return ask(state, call, [store = state->stores.get(call.int32(0))->store] {
    return number(static_cast<double>(store->getNumKeys()));
  });
}

// releaseStore(store)
napi_value release_store(Call& call) {
  Distributed::of(call)->stores.take(call.int32(0));
  return call.undefined();
}

}  // namespace

std::vector<Function> distributed_store_functions() {
  return {
      {"tcpStore", &guarded<tcp_store>},
      {"storePort", &guarded<store_port>},
      {"fileStore", &guarded<file_store>},
      {"hashStore", &guarded<hash_store>},
      {"prefixStore", &guarded<prefix_store>},
      {"storeSet", &guarded<store_set>},
      {"storeGet", &guarded<store_get>},
      {"storeWait", &guarded<store_wait>},
      {"storeAdd", &guarded<store_add>},
      {"storeCheck", &guarded<store_check>},
      {"storeCompareSet", &guarded<store_compare_set>},
      {"storeDelete", &guarded<store_delete>},
      {"storeCount", &guarded<store_count>},
      {"releaseStore", &guarded<release_store>},
  };
}

}  // namespace torchbridge
