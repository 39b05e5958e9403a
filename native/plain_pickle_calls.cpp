// What a pickle of plain data calls: storages, tensors, Parameters and OrderedDicts, and the metadata of these.
#include <algorithm>
#include <iterator>

#include "plain_pickle.h"

namespace torchbridge {
namespace {

struct Global {
  std::string_view name;  // as it stands in a pickle: two lines
  at::ScalarType dtype = at::ScalarType::Undefined;
};

constexpr uint32_t kOrderedDict = 0;
constexpr uint32_t kRebuildTensor = 1;
constexpr uint32_t kRebuildParameter = 2;
constexpr uint32_t kFirstStorage = 3;

constexpr Global kGlobals[] = {
    {"collections\nOrderedDict\n"},
    {"torch._utils\n_rebuild_tensor_v2\n"},
    {"torch._utils\n_rebuild_parameter\n"},
    {"torch\nFloatStorage\n", at::kFloat},
    {"torch\nLongStorage\n", at::kLong},
    {"torch\nHalfStorage\n", at::kHalf},
    {"torch\nBFloat16Storage\n", at::kBFloat16},
    {"torch\nDoubleStorage\n", at::kDouble},
    {"torch\nIntStorage\n", at::kInt},
    {"torch\nShortStorage\n", at::kShort},
    {"torch\nCharStorage\n", at::kChar},
    {"torch\nByteStorage\n", at::kByte},
    {"torch\nBoolStorage\n", at::kBool},
    {"torch\nComplexFloatStorage\n", at::kComplexFloat},
    {"torch\nComplexDoubleStorage\n", at::kComplexDouble},
};

constexpr int64_t kMostExact = (int64_t{1} << 53) - 1;
constexpr uint32_t kMostDimensions = 64;
constexpr size_t kMostNumbers = size_t{1} << 20;
constexpr int64_t kItemWork = 16;

}  // namespace

bool PlainPickle::names_storage(uint32_t global) const { return global >= kFirstStorage; }

bool PlainPickle::push_global() {
  const size_t module = bytes_.find('\n', at_);
  const size_t end = module == std::string_view::npos ? module : bytes_.find('\n', module + 1);
  if (end == std::string_view::npos) return false;
  const std::string_view name = bytes_.substr(at_, end + 1 - at_);
  const Global* known =
      std::find_if(std::begin(kGlobals), std::end(kGlobals), [&](auto& it) { return it.name == name; });
  if (known == std::end(kGlobals)) return false;
  at_ = end + 1;
  return push({PlainKind::kGlobal, static_cast<uint32_t>(known - kGlobals)});
}

// The values that a tuple was made of; nothing for anything else.
std::optional<PlainPickle::Items> PlainPickle::items_of(const PlainValue& value) const {
  if (value.kind != PlainKind::kObject || objects_[value.index].type != PlainType::kTuple) return std::nullopt;
  const PlainStep& made = steps_[objects_[value.index].first_step];
  return Items(values_.data() + made.first, made.count);
}

// ('storage', class, key, place, number of elements)
bool PlainPickle::persistent() {
  const auto items = stack_.size() == base_ ? std::nullopt : items_of(stack_.back());
  if (!items || items->size() != 5) return false;
  const Items id = *items;
  if (!is_text(id[0], "storage")) return false;
  if (id[1].kind != PlainKind::kGlobal || id[2].kind != PlainKind::kText || id[3].kind != PlainKind::kText)
    return false;
  const at::ScalarType dtype = kGlobals[id[1].index].dtype;
  int64_t nbytes = 0;
  if (id[4].kind != PlainKind::kInt || id[4].number < 0 ||
      __builtin_mul_overflow(static_cast<int64_t>(id[4].number), static_cast<int64_t>(c10::elementSize(dtype)),
                             &nbytes) ||
      nbytes > kMostExact)
    return false;
  const std::string_view key = texts_[id[2].index];
  const auto [known, is_new] = storage_keys_.emplace(key, static_cast<uint32_t>(storages_.size()));
  if (is_new) storages_.push_back({key, dtype, nbytes});
  const PlainStorage& storage = storages_[known->second];
  if (storage.dtype != dtype || storage.nbytes != nbytes) return false;
  mentions_.emplace_back(known->second, false);
  stack_.back() = {PlainKind::kStorage, static_cast<uint32_t>(mentions_.size() - 1)};
  return true;
}

bool PlainPickle::reduce() {
  if (stack_.size() - base_ < 2) return false;
  const PlainValue arguments = stack_.back();
  stack_.pop_back();
  const PlainValue callee = stack_.back();
  stack_.pop_back();
  const auto given = items_of(arguments);
  if (callee.kind != PlainKind::kGlobal || !given) return false;
  int64_t work = 4 * kItemWork + size_of(arguments);
  for (const PlainValue& each : *given) work += size_of(each);
  work_left_ -= work;
  if (work_left_ < 0) return false;
  switch (callee.index) {
    case kOrderedDict:
      return given->empty() && push_object(PlainType::kOrderedDict);
    case kRebuildTensor:
      return given->size() == 6 && make_tensor(*given);
    case kRebuildParameter:
      return given->size() == 3 && make_parameter(*given);
    default:
      return false;
  }
}

// As lib/io/pickle-work.ts counts it.
int64_t PlainPickle::size_of(const PlainValue& value) const {
  if (value.kind == PlainKind::kText) return static_cast<int64_t>(texts_[value.index].size());
  return value.kind == PlainKind::kObject ? objects_[value.index].size * kItemWork : 0;
}

// _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)
bool PlainPickle::make_tensor(Items given) {
  const PlainValue& grad = given[4];
  if (given[0].kind != PlainKind::kStorage || given[1].kind != PlainKind::kInt || given[1].number < 0 ||
      (grad.kind != PlainKind::kTrue && grad.kind != PlainKind::kFalse) || !is_dict(given[5]))
    return false;
  auto& [index, used] = mentions_[given[0].index];
  used = true;
  PlainTensor tensor{index, 0, numbers_.size(), static_cast<int64_t>(given[1].number), grad.kind == PlainKind::kTrue};
  uint32_t strides = 0;
  if (!take_numbers(given[2], tensor.dimensions) || !take_numbers(given[3], strides)) return false;
  if (tensor.dimensions != strides || !fits(tensor, storages_[index])) return false;
  tensors_.push_back(tensor);
  return push({PlainKind::kTensor, static_cast<uint32_t>(tensors_.size() - 1)});
}

// _rebuild_parameter(data, requires_grad, backward_hooks)
bool PlainPickle::make_parameter(Items given) {
  const PlainValue& grad = given[1];
  if (given[0].kind != PlainKind::kTensor || (grad.kind != PlainKind::kTrue && grad.kind != PlainKind::kFalse) ||
      !is_dict(given[2]))
    return false;
  PlainTensor parameter = tensors_[given[0].index];
  if (parameter.data >= 0) return false;
  tensors_[given[0].index].is_data = true;
  parameter.data = given[0].index;
  parameter.is_data = false;
  parameter.requires_grad = grad.kind == PlainKind::kTrue;
  if (!fits(parameter, storages_[parameter.storage])) return false;
  tensors_.push_back(parameter);
  return push({PlainKind::kTensor, static_cast<uint32_t>(tensors_.size() - 1)});
}

// Appends the whole numbers from 0 on of a tuple to `numbers`.
bool PlainPickle::take_numbers(const PlainValue& value, uint32_t& count) {
  const auto items = items_of(value);
  if (!items || items->size() > kMostDimensions || numbers_.size() >= kMostNumbers) return false;
  for (const PlainValue& each : *items) {
    if (each.kind != PlainKind::kInt || each.number < 0) return false;
    numbers_.push_back(static_cast<int64_t>(each.number));
  }
  count = static_cast<uint32_t>(items->size());
  return true;
}

// Whether a tensor lies inside its storage, and may require gradients where it does.
bool PlainPickle::fits(const PlainTensor& tensor, const PlainStorage& storage) const {
  if (tensor.requires_grad && !c10::isFloatingType(storage.dtype) && !c10::isComplexType(storage.dtype)) return false;
  const int64_t* sizes = numbers(tensor.sizes);
  const int64_t* strides = sizes + tensor.dimensions;
  const int64_t available = storage.nbytes / static_cast<int64_t>(c10::elementSize(storage.dtype));
  int64_t numel = 1;
  int64_t last = tensor.offset;
  bool empty = false;
  for (uint32_t i = 0; i < tensor.dimensions; ++i) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(numel, std::max<int64_t>(sizes[i], 1), &numel) ||
        __builtin_mul_overflow(std::max<int64_t>(sizes[i], 1) - 1, strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return false;
    empty = empty || sizes[i] == 0;
  }
  return empty ? tensor.offset <= available : last < available;
}

// An OrderedDict is given its attributes, of which only its metadata mean anything: a dict of dicts.
bool PlainPickle::build() {
  if (stack_.size() - base_ < 2) return false;
  const PlainValue state = stack_.back();
  stack_.pop_back();
  const PlainValue target = stack_.back();
  if (!is_dict(state) || objects_[state.index].size != 1 || !is_dict(target)) return false;
  PlainObject& object = objects_[target.index];
  if (object.type != PlainType::kOrderedDict || object.has_metadata) return false;
  PlainValue metadata;
  for (uint32_t i = objects_[state.index].first_step; i != kNoStep; i = steps_[i].next) {
    const PlainValue* items = values_.data() + steps_[i].first;
    if (steps_[i].action != PlainAction::kSet || steps_[i].count == 0) continue;
    if (!is_text(items[0], "_metadata")) return false;
    metadata = items[1];
  }
  if (!is_dict(metadata)) return false;
  for (uint32_t i = objects_[metadata.index].first_step; i != kNoStep; i = steps_[i].next) {
    if (steps_[i].action != PlainAction::kSet) continue;
    for (uint32_t item = 1; item < steps_[i].count; item += 2) {
      if (!is_dict(values_[steps_[i].first + item])) return false;
    }
  }
  work_left_ -= 4 * kItemWork + size_of(state) + size_of(metadata);
  if (work_left_ < 0 || values_.size() >= kMostNumbers) return false;
  object.has_metadata = true;
  values_.push_back(metadata);
  return add_step(PlainAction::kMetadata, target.index, values_.size() - 1, 1);
}

// Marks what is in the value. A storage that no tensor was made of may stand for itself, and a tensor that is not in
// the value has an owner to be found: neither is for here, but for the tensor that a Parameter was made of.
bool PlainPickle::find_reached() {
  reached_.assign(objects_.size(), false);
  std::vector<uint32_t> open;
  const auto visit = [&](const PlainValue& value) {
    if (value.kind == PlainKind::kTensor) tensors_[value.index].reached = true;
    if (value.kind != PlainKind::kObject || reached_[value.index]) return;
    reached_[value.index] = true;
    open.push_back(value.index);
  };
  visit(root_);
  while (!open.empty()) {
    const uint32_t object = open.back();
    open.pop_back();
    for (uint32_t i = objects_[object].first_step; i != kNoStep; i = steps_[i].next) {
      const PlainStep& step = steps_[i];
      for (uint32_t item = 0; item < step.count; ++item) visit(values_[step.first + item]);
    }
  }
  const auto is_used = [](const auto& mention) { return mention.second; };
  const auto is_found = [](const PlainTensor& tensor) { return tensor.reached || tensor.is_data; };
  return std::all_of(mentions_.begin(), mentions_.end(), is_used) &&
         std::all_of(tensors_.begin(), tensors_.end(), is_found);
}

}  // namespace torchbridge
