// The opcodes of a pickle of plain data; what is called and made of them is in plain_pickle_calls.cpp.
#include "plain_pickle.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace torchbridge {
namespace {

// More of anything is no state dict: it is read by the reader whose memory follows what it makes more closely.
constexpr size_t kMost = size_t{1} << 20;
constexpr size_t kMostMarks = 1000;
constexpr int64_t kMostExact = (int64_t{1} << 53) - 1;

// As lib/io/pickle-work.ts counts it.
constexpr int64_t kFreeWork = int64_t{4} << 20;
constexpr int64_t kWorkPerByte = 8;

constexpr unsigned char kStop = '.';
constexpr unsigned char kNewestProtocol = 5;

}  // namespace

PlainPickle::PlainPickle(std::string_view bytes)
    : bytes_(bytes), work_left_(kFreeWork + kWorkPerByte * static_cast<int64_t>(bytes.size())) {}

bool PlainPickle::read() { return bytes_.size() <= kLongest && run() && find_reached(); }

bool PlainPickle::run() {
  while (has(1)) {
    const auto opcode = static_cast<unsigned char>(bytes_[at_++]);
    if (opcode == kStop) {
      if (!outer_.empty() || stack_.empty() || !is_plain(stack_.back())) return false;
      root_ = stack_.back();
      return true;
    }
    if (!step(opcode)) return false;
  }
  return false;
}

bool PlainPickle::step(unsigned char opcode) {
  size_t first = 0;
  switch (opcode) {
    case 'K':  // BININT1
      return has(1) && push_int(static_cast<int64_t>(little(1)));
    case 'M':  // BININT2
      return has(2) && push_int(static_cast<int64_t>(little(2)));
    case 'J':  // BININT
      return has(4) && push_int(static_cast<int32_t>(little(4)));
    case 0x8a:  // LONG1
      return push_long();
    case 'G':  // BINFLOAT
      return push_float();
    case 'X':  // BINUNICODE
      return push_text();
    case 'N':  // NONE
      return push({PlainKind::kNone});
    case 0x88:  // NEWTRUE
      return push({PlainKind::kTrue});
    case 0x89:  // NEWFALSE
      return push({PlainKind::kFalse});
    case 'q':  // BINPUT
      return has(1) && put(little(1));
    case 'r':  // LONG_BINPUT
      return has(4) && put(little(4));
    case 'h':  // BINGET
      return has(1) && get(little(1));
    case 'j':  // LONG_BINGET
      return has(4) && get(little(4));
    case '(':  // MARK
      return mark();
    case 't':  // TUPLE
      return unmark(first) && tuple(first);
    case ')':  // EMPTY_TUPLE
      return tuple(stack_.size());
    case 0x85:  // TUPLE1
    case 0x86:  // TUPLE2
    case 0x87:  // TUPLE3
      first = static_cast<size_t>(opcode - 0x84);
      return stack_.size() - base_ >= first && tuple(stack_.size() - first);
    case 'c':  // GLOBAL
      return push_global();
    case 'Q':  // BINPERSID
      return persistent();
    case 'R':  // REDUCE
      return reduce();
    case 'b':  // BUILD
      return build();
    case '}':  // EMPTY_DICT
      return push_object(PlainType::kDict);
    case ']':  // EMPTY_LIST
      return push_object(PlainType::kList);
    case 'u':  // SETITEMS
      return unmark(first) && set_items(first);
    case 's':  // SETITEM
      return stack_.size() - base_ >= 2 && set_items(stack_.size() - 2);
    case 'e':  // APPENDS
      return unmark(first) && append_items(first);
    case 'a':  // APPEND
      return stack_.size() > base_ && append_items(stack_.size() - 1);
    case 0x80:  // PROTO
      return has(1) && little(1) <= kNewestProtocol;
    default:
      return false;
  }
}

uint64_t PlainPickle::little(size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes_[at_ + i])) << (8 * i);
  }
  at_ += count;
  return value;
}

bool PlainPickle::push(PlainValue value) {
  if (stack_.size() >= kMost) return false;
  stack_.push_back(value);
  return true;
}

bool PlainPickle::push_int(int64_t number) {
  return number >= -kMostExact && number <= kMostExact && push({PlainKind::kInt, 0, static_cast<double>(number)});
}

bool PlainPickle::push_long() {
  if (!has(1)) return false;
  const size_t count = little(1);
  if (count > sizeof(uint64_t) || !has(count)) return false;
  uint64_t value = little(count);
  const bool negative = count > 0 && (value >> (8 * count - 1)) != 0;
  if (negative && count < sizeof value) value |= ~uint64_t{0} << (8 * count);
  return push_int(static_cast<int64_t>(value));
}

bool PlainPickle::push_float() {
  if (!has(sizeof(double))) return false;
  const uint64_t bits = __builtin_bswap64(little(sizeof bits));
  PlainValue value{PlainKind::kFloat};
  std::memcpy(&value.number, &bits, sizeof bits);
  return push(value);
}

bool PlainPickle::push_text() {
  if (!has(4)) return false;
  const size_t size = little(4);
  if (!has(size) || texts_.size() >= kMost) return false;
  const std::string_view text = bytes_.substr(at_, size);
  if (std::any_of(text.begin(), text.end(), [](char each) { return static_cast<unsigned char>(each) > 0x7f; }))
    return false;
  at_ += size;
  texts_.push_back(text);
  return push({PlainKind::kText, static_cast<uint32_t>(texts_.size() - 1)});
}

bool PlainPickle::push_object(PlainType type) {
  if (objects_.size() >= kMost) return false;
  const auto index = static_cast<uint32_t>(objects_.size());
  objects_.push_back({type, false, false, 0, kNoStep, kNoStep});
  return (type == PlainType::kTuple || add_step(PlainAction::kMake, index, values_.size(), 0)) &&
         push({PlainKind::kObject, index});
}

bool PlainPickle::put(uint64_t index) {
  if (stack_.size() == base_ || index > memo_.size() || index >= kMost) return false;
  if (index == memo_.size()) memo_.emplace_back();
  memo_[index] = stack_.back();
  return true;
}

bool PlainPickle::get(uint64_t index) { return index < memo_.size() && push(memo_[index]); }

bool PlainPickle::mark() {
  if (outer_.size() >= kMostMarks) return false;
  outer_.push_back(base_);
  base_ = stack_.size();
  return true;
}

bool PlainPickle::unmark(size_t& first) {
  if (outer_.empty()) return false;
  first = base_;
  base_ = outer_.back();
  outer_.pop_back();
  return true;
}

bool PlainPickle::add_step(PlainAction action, uint32_t object, size_t first, size_t count) {
  if (steps_.size() >= kMost) return false;
  const auto index = static_cast<uint32_t>(steps_.size());
  steps_.push_back({action, object, static_cast<uint32_t>(first), static_cast<uint32_t>(count)});
  PlainObject& owner = objects_[object];
  if (owner.last_step == kNoStep)
    owner.first_step = index;
  else
    steps_[owner.last_step].next = index;
  owner.last_step = index;
  return true;
}

// The values on the stack from `first` on, as those of a step.
bool PlainPickle::take_values(size_t first) {
  if (values_.size() + (stack_.size() - first) > kMost) return false;
  values_.insert(values_.end(), stack_.begin() + static_cast<ptrdiff_t>(first), stack_.end());
  stack_.resize(first);
  return true;
}

bool PlainPickle::tuple(size_t first) {
  const size_t count = stack_.size() - first;
  bool special = false;
  for (size_t i = first; i < stack_.size(); ++i) {
    if (stack_[i].kind == PlainKind::kGlobal && !names_storage(stack_[i].index)) return false;
    special = special || !is_plain(stack_[i]);
  }
  const size_t from = values_.size();
  if (!take_values(first) || !push_object(PlainType::kTuple)) return false;
  const uint32_t object = stack_.back().index;
  objects_[object].special = special;
  objects_[object].size = static_cast<uint32_t>(count);
  return add_step(PlainAction::kMake, object, from, count);
}

bool PlainPickle::set_items(size_t first) {
  const size_t count = stack_.size() - first;
  if (count % 2 != 0 || first == base_ || !is_dict(stack_[first - 1])) return false;
  const uint32_t dict = stack_[first - 1].index;
  for (size_t i = first; i < stack_.size(); i += 2) {
    const PlainValue& key = stack_[i];
    const bool is_text = key.kind == PlainKind::kText;
    if ((!is_text && key.kind != PlainKind::kInt) || !is_plain(stack_[i + 1])) return false;
    const std::string_view text = is_text ? texts_[key.index] : std::string_view();
    // A key that comes twice has the value that came last, and what else it had is in no dict.
    if (!keys_.insert({dict, is_text, text, static_cast<int64_t>(key.number)}).second) return false;
  }
  objects_[dict].size += static_cast<uint32_t>(count / 2);
  const size_t from = values_.size();
  return take_values(first) && add_step(PlainAction::kSet, dict, from, count);
}

bool PlainPickle::append_items(size_t first) {
  const size_t count = stack_.size() - first;
  if (first == base_ || stack_[first - 1].kind != PlainKind::kObject) return false;
  const uint32_t list = stack_[first - 1].index;
  if (objects_[list].type != PlainType::kList) return false;
  for (size_t i = first; i < stack_.size(); ++i) {
    if (!is_plain(stack_[i])) return false;
  }
  objects_[list].size += static_cast<uint32_t>(count);
  const size_t from = values_.size();
  return take_values(first) && add_step(PlainAction::kAppend, list, from, count);
}

size_t PlainPickle::KeyHash::operator()(const Key& key) const {
  const size_t hash = key.is_text ? std::hash<std::string_view>()(key.text) : std::hash<int64_t>()(key.number);
  return hash ^ (static_cast<size_t>(key.object) * 0x9e3779b97f4a7c15U);
}

bool PlainPickle::is_plain(const PlainValue& value) const {
  if (value.kind == PlainKind::kObject) return !objects_[value.index].special;
  return value.kind != PlainKind::kStorage && value.kind != PlainKind::kGlobal;
}

bool PlainPickle::is_dict(const PlainValue& value) const {
  if (value.kind != PlainKind::kObject) return false;
  const PlainType type = objects_[value.index].type;
  return type == PlainType::kDict || type == PlainType::kOrderedDict;
}

bool PlainPickle::is_text(const PlainValue& value, std::string_view text) const {
  return value.kind == PlainKind::kText && texts_[value.index] == text;
}

}  // namespace torchbridge
