#include "plain_steps.h"

namespace torchbridge {
namespace {

// Kinds of values as JavaScript knows them.
constexpr double kNone = 0;
constexpr double kFalse = 1;
constexpr double kTrue = 2;
constexpr double kNumber = 3;
constexpr double kText = 4;
constexpr double kTensor = 5;
constexpr double kObject = 6;

}  // namespace

PlainSteps::PlainSteps(const PlainPickle& pickle)
    : pickle_(pickle),
      text_numbers_(pickle.texts().size(), -1),
      tensor_numbers_(pickle.tensors().size()),
      object_numbers_(pickle.objects().size()) {
  for (uint32_t i = 0; i < pickle.tensors().size(); ++i) {
    if (!pickle.tensors()[i].reached) continue;
    tensor_numbers_[i] = static_cast<uint32_t>(tensors_.size());
    tensors_.push_back(i);
  }
  uint32_t objects = 0;
  for (const PlainStep& step : pickle.steps()) {
    if (step.action == PlainAction::kMake && pickle.reached(step.object)) object_numbers_[step.object] = objects++;
  }
  add(pickle.root());
  for (const PlainStep& step : pickle.steps()) {
    if (!pickle.reached(step.object)) continue;
    const bool is_new = step.action == PlainAction::kMake;
    cells_.push_back(static_cast<double>(step.action));
    cells_.push_back(is_new ? static_cast<double>(pickle.objects()[step.object].type) : object_numbers_[step.object]);
    cells_.push_back(step.count);
    for (uint32_t i = 0; i < step.count; ++i) add(pickle.values()[step.first + i]);
  }
}

void PlainSteps::add(const PlainValue& value) {
  const auto put = [&](double kind, double what) {
    cells_.push_back(kind);
    cells_.push_back(what);
  };
  switch (value.kind) {
    case PlainKind::kFalse:
      return put(kFalse, 0);
    case PlainKind::kTrue:
      return put(kTrue, 0);
    case PlainKind::kInt:
    case PlainKind::kFloat:
      return put(kNumber, value.number);
    case PlainKind::kText: {
      int64_t& number = text_numbers_[value.index];
      if (number < 0) {
        number = static_cast<int64_t>(texts_.size());
        texts_.push_back(pickle_.texts()[value.index]);
      }
      return put(kText, static_cast<double>(number));
    }
    case PlainKind::kTensor:
      return put(kTensor, tensor_numbers_[value.index]);
    case PlainKind::kObject:
      return put(kObject, object_numbers_[value.index]);
    default:
      return put(kNone, 0);
  }
}

}  // namespace torchbridge
