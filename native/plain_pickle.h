// The pickle of a file of torch.save that holds nothing but plain data: strided tensors and Parameters, dicts,
// OrderedDicts, lists, tuples, ASCII text, numbers, booleans and None, in the opcodes that Python writes for them.
//
// This is the short way through a pickle: whatever is unusual, damaged, large beyond need or beyond these few rules
// makes it give up, and lib/io/pickle-reader.ts, which reads every pickle and says what is wrong with it, has the word.
// So every rule of lib/io holds here too, and this may be stricter; what is accepted means here what it means there.
#pragma once
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace torchbridge {

enum class PlainKind : uint8_t {
  kNone,
  kFalse,
  kTrue,
  kInt,      // `number`, within 2^53
  kFloat,    // `number`
  kText,     // of `texts`
  kTensor,   // of `tensors`
  kObject,   // of `objects`
  kStorage,  // a mention of one: only a tensor may be made of it
  kGlobal,   // a class or function: may only be called, or name the class of a storage
};

struct PlainValue {
  PlainKind kind = PlainKind::kNone;
  uint32_t index = 0;
  double number = 0;
};

enum class PlainType : uint8_t { kDict, kOrderedDict, kList, kTuple };

constexpr uint32_t kNoStep = 0xffffffff;

struct PlainObject {
  PlainType type;
  bool special;  // a tuple that holds a storage or a class, and so may only be an argument
  bool has_metadata;
  uint32_t size;  // items, or keys
  uint32_t first_step;
  uint32_t last_step;
};

enum class PlainAction : uint8_t { kMake, kSet, kAppend, kMetadata };

// What happens to an object, in the order in which it does: a tuple is made of values, a dict gets keys and values, a
// list values, an OrderedDict its metadata.
struct PlainStep {
  PlainAction action;
  uint32_t object;
  uint32_t first;  // of `values`
  uint32_t count;
  uint32_t next = kNoStep;  // of the same object
};

struct PlainStorage {
  std::string_view key;
  at::ScalarType dtype;
  int64_t nbytes;
};

struct PlainTensor {
  uint32_t storage;
  uint32_t dimensions;
  size_t sizes;  // where in `numbers` the sizes begin; the strides follow
  int64_t offset;
  bool requires_grad;
  int64_t data = -1;     // of a Parameter: the tensor that it was made of
  bool is_data = false;  // whether a Parameter was made of it
  bool reached = false;  // whether it is in the value
};

class PlainPickle {
 public:
  // A longer one is no state dict.
  static constexpr size_t kLongest = size_t{16} << 20;

  // `bytes` must live as long as this.
  explicit PlainPickle(std::string_view bytes);

  // False where it gives up.
  bool read();

  const PlainValue& root() const { return root_; }
  const std::vector<std::string_view>& texts() const { return texts_; }
  const std::vector<PlainObject>& objects() const { return objects_; }
  const std::vector<PlainStep>& steps() const { return steps_; }
  const std::vector<PlainValue>& values() const { return values_; }
  const std::vector<PlainStorage>& storages() const { return storages_; }
  const std::vector<PlainTensor>& tensors() const { return tensors_; }
  // Sizes and strides.
  const int64_t* numbers(size_t at) const { return numbers_.data() + at; }
  // Whether the object is in the value.
  bool reached(uint32_t object) const { return reached_[object]; }

 private:
  struct Key {
    uint32_t object;
    bool is_text;
    std::string_view text;
    int64_t number;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };

  using Items = std::span<const PlainValue>;

  bool run();
  bool step(unsigned char opcode);
  bool has(size_t count) const { return bytes_.size() - at_ >= count; }
  uint64_t little(size_t count);
  bool push(PlainValue value);
  bool push_int(int64_t number);
  bool push_float();
  bool push_long();
  bool push_text();
  bool push_global();
  bool push_object(PlainType type);
  bool put(uint64_t index);
  bool get(uint64_t index);
  bool mark();
  bool unmark(size_t& first);
  bool tuple(size_t first);
  bool set_items(size_t first);
  bool append_items(size_t first);
  bool persistent();
  bool reduce();
  bool build();
  int64_t size_of(const PlainValue& value) const;
  bool make_tensor(Items given);
  bool make_parameter(Items given);
  bool fits(const PlainTensor& tensor, const PlainStorage& storage) const;
  bool add_step(PlainAction action, uint32_t object, size_t first, size_t count);
  bool take_values(size_t first);
  bool take_numbers(const PlainValue& value, uint32_t& count);
  std::optional<Items> items_of(const PlainValue& value) const;
  bool names_storage(uint32_t global) const;
  bool is_plain(const PlainValue& value) const;
  bool is_dict(const PlainValue& value) const;
  bool is_text(const PlainValue& value, std::string_view text) const;
  bool find_reached();

  std::string_view bytes_;
  size_t at_ = 0;
  int64_t work_left_;
  std::vector<PlainValue> stack_;
  size_t base_ = 0;  // where the values above the last mark begin
  std::vector<size_t> outer_;
  std::vector<PlainValue> memo_;
  PlainValue root_;
  std::vector<std::string_view> texts_;
  std::vector<PlainObject> objects_;
  std::vector<PlainStep> steps_;
  std::vector<PlainValue> values_;
  std::vector<PlainStorage> storages_;
  std::unordered_map<std::string_view, uint32_t> storage_keys_;
  std::vector<std::pair<uint32_t, bool>> mentions_;  // of storages, and whether a tensor was made of it
  std::vector<PlainTensor> tensors_;
  std::vector<int64_t> numbers_;
  std::unordered_set<Key, KeyHash> keys_;
  std::vector<bool> reached_;
};

}  // namespace torchbridge
