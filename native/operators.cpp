#include "operators.h"

#include <ATen/core/jit_type.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <mutex>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "direct.h"
#include "errors.h"
#include "overload_order.h"

namespace torchbridge {
namespace {

using c10::TypeKind;

Kind kind_of_list(const c10::TypePtr& element) {
  switch (element->kind()) {
    case TypeKind::TensorType:
      return Kind::kTensorList;
    case TypeKind::OptionalType:
      return element->castRaw<c10::OptionalType>()->getElementType()->kind() == TypeKind::TensorType
                 ? Kind::kOptionalTensorList
                 : Kind::kUnsupported;
    case TypeKind::IntType:
    case TypeKind::SymIntType:
      return Kind::kIntList;
    case TypeKind::FloatType:
      return Kind::kFloatList;
    case TypeKind::BoolType:
      return Kind::kBoolList;
    case TypeKind::NumberType:
      return Kind::kScalarList;
    case TypeKind::StringType:
      return Kind::kStringList;
    default:
      return Kind::kUnsupported;
  }
}

Kind kind_of(const c10::TypePtr& type) {
  switch (type->kind()) {
    case TypeKind::TensorType:
      return Kind::kTensor;
    case TypeKind::IntType:
    case TypeKind::SymIntType:
      return Kind::kInt;
    case TypeKind::FloatType:
      return Kind::kFloat;
    case TypeKind::BoolType:
      return Kind::kBool;
    case TypeKind::NumberType:
      return Kind::kScalar;
    case TypeKind::StringType:
      return Kind::kString;
    case TypeKind::ScalarTypeType:
      return Kind::kScalarType;
    case TypeKind::LayoutType:
      return Kind::kLayout;
    case TypeKind::MemoryFormatType:
      return Kind::kMemoryFormat;
    case TypeKind::DeviceObjType:
      return Kind::kDevice;
    case TypeKind::GeneratorType:
      return Kind::kGenerator;
    case TypeKind::StorageType:
      return Kind::kStorage;
    case TypeKind::ListType:
      return kind_of_list(type->castRaw<c10::ListType>()->getElementType());
    default:
      return Kind::kUnsupported;
  }
}

// memory_format becomes memoryFormat; names that begin with a capital (UPLO) stay. scripts/generate-operators.mjs has
// the same rule.
std::string camel_case(const std::string& name) {
  if (!name.empty() && std::isupper(static_cast<unsigned char>(name[0])) != 0) return name;
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool joint = name[i] == '_' && i > 0 && name[i - 1] != '_' && i + 1 < name.size();
    const auto next = static_cast<unsigned char>(joint ? name[i + 1] : '\0');
    if (joint && (std::islower(next) != 0 || std::isdigit(next) != 0)) {
      out.push_back(static_cast<char>(std::toupper(next)));
      ++i;
    } else {
      out.push_back(name[i]);
    }
  }
  return out;
}

ArgumentSpec spec_of(const c10::Argument& argument) {
  // real_type keeps ScalarType, Layout and MemoryFormat apart from int; type does not.
  c10::TypePtr type = argument.real_type();
  const bool optional = type->kind() == TypeKind::OptionalType;
  if (optional) type = type->castRaw<c10::OptionalType>()->getElementType();
  const bool list = type->kind() == TypeKind::ListType;
  const auto element = list ? type->castRaw<c10::ListType>()->getElementType() : type;
  ArgumentSpec spec{argument.name(),
                    camel_case(argument.name()),
                    kind_of(type),
                    optional,
                    argument.kwarg_only(),
                    argument.is_out(),
                    argument.default_value().has_value(),
                    argument.N().value_or(0),
                    false,
                    false,
                    element->kind() == TypeKind::SymIntType,
                    c10::IValue()};
  if (spec.has_default) spec.default_value = *argument.default_value();
  return spec;
}

// Python's argument parser wraps a number into a tensor for these, before any overload for scalars is looked at.
bool takes_numbers_as_tensors(const std::string& name) {
  static const std::unordered_set<std::string> names{
      "add",   "add_",        "div",       "div_",         "divide",       "divide_",      "mul",
      "mul_",  "multiply",    "multiply_", "sub",          "sub_",         "subtract",     "subtract_",
      "copy_", "true_divide", "_to_copy",  "true_divide_", "floor_divide", "floor_divide_"};
  return name.rfind("aten::", 0) == 0 && names.count(name.substr(6)) != 0;
}

// Whether numbers alone decide the dtype of the result: no tensor stands beside them (full, arange), or one that only
// chooses between them (where).
bool numbers_decide(const Overload& overload) {
  if (overload.name == "aten::where.Scalar") return true;
  return std::none_of(overload.arguments.begin(), overload.arguments.end(), [](const ArgumentSpec& spec) {
    return !spec.is_out && (spec.kind == Kind::kTensor || spec.kind == Kind::kTensorList);
  });
}

// view(2, 3) and zeros(2, 3): one list of ints, alone or behind the tensor, and nothing else without a name.
int32_t find_numbers_in_a_row(const Overload& overload) {
  if (overload.positional == 0 || overload.positional > 2) return -1;
  const size_t last = overload.positional - 1;
  if (last == 1 && (overload.arguments[0].kind != Kind::kTensor || overload.arguments[0].name != "self")) return -1;
  return overload.arguments[last].kind == Kind::kIntList ? static_cast<int32_t>(last) : -1;
}

int32_t alias_of(const c10::FunctionSchema& schema, const c10::Argument& result) {
  const auto* info = result.alias_info();
  if (info == nullptr || !info->isWrite()) return -1;
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const auto* other = schema.arguments()[i].alias_info();
    if (other != nullptr && other->isWrite() && other->beforeSets() == info->beforeSets())
      return static_cast<int32_t>(i);
  }
  return -1;
}

Overload overload_of(const c10::OperatorHandle& handle) {
  const c10::FunctionSchema& schema = handle.schema();
  Overload overload{handle, schema.name(), {}, {}, {}, 0, 0, {}, -1, {}, find_guard(handle), nullptr, nullptr};
  if (!schema.overload_name().empty()) overload.name += "." + schema.overload_name();
  const bool wraps = takes_numbers_as_tensors(schema.name());
  for (const auto& argument : schema.arguments()) {
    ArgumentSpec spec = spec_of(argument);
    // What is written to is no number.
    const bool written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
    spec.number_as_tensor = wraps && spec.kind == Kind::kTensor && !written;
    if (!spec.keyword_only) ++overload.positional;
    if (spec.is_out) ++overload.outs;
    if (spec.kind == Kind::kUnsupported && !spec.optional && !spec.has_default) {
      overload.unsupported = "argument " + spec.name + " is a " + argument.real_type()->str();
    }
    overload.arguments.push_back(std::move(spec));
  }
  for (const auto& result : schema.returns()) {
    overload.return_alias.push_back(result.real_type()->kind() == TypeKind::TensorType ? alias_of(schema, result) : -1);
    // Packed weights and the like, which only other languages hold.
    if (result.real_type()->kind() == TypeKind::ClassType) {
      overload.unsupported = "it returns a " + result.real_type()->str();
    }
    overload.returns_dtype.push_back(result.real_type()->kind() == TypeKind::ScalarTypeType);
  }
  overload.numbers_in_a_row = find_numbers_in_a_row(overload);
  const bool decide = numbers_decide(overload);
  for (auto& spec : overload.arguments) spec.number_is_float = decide && spec.kind == Kind::kScalar;
  // cat looks at its tensors itself there.
  const bool checked = overload.guard.rules.empty() || overload.name == "aten::cat";
  if (checked && !overload.guard.resizes) find_direct(overload);
  return overload;
}

class Registry {
 public:
  int32_t find(const std::string& given) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = index_.find(given);
    if (known != index_.end()) return known->second;
    std::string name = given.find("::") == std::string::npos ? "aten::" + given : given;
    std::string overload;
    const size_t dot = name.find('.');
    const bool one = dot != std::string::npos;
    if (one) {
      overload = name.substr(dot + 1);
      if (overload == "default") overload.clear();
      name.resize(dot);
    }
    Operator found{given, {}};
    for (const auto& candidate : overloads_of(name)) {
      if (!one || candidate.overload_name == overload) add(found, candidate);
    }
    if (found.overloads.empty()) return -1;
    if (!one) order_as_python(found.overloads);
    operators_.push_back(std::move(found));
    const auto index = static_cast<int32_t>(operators_.size() - 1);
    index_.emplace(given, index);
    return index;
  }

  void forget_names() {
    const std::lock_guard<std::mutex> lock(mutex_);
    names_.clear();
    index_.clear();
  }

  const Operator& at(int32_t index) {
    // A deque's elements stay where they are, and only the JavaScript side makes indices.
    const std::lock_guard<std::mutex> lock(mutex_);
    if (index < 0 || static_cast<size_t>(index) >= operators_.size()) {
      throw BridgeError("internal", "no operator has this index");
    }
    return operators_[static_cast<size_t>(index)];
  }

 private:
  static void add(Operator& to, const c10::OperatorName& name) {
    const auto handle = c10::Dispatcher::singleton().findSchema(name);
    if (handle.has_value()) to.overloads.push_back(overload_of(*handle));
  }

  const std::vector<c10::OperatorName>& overloads_of(const std::string& name) {
    auto found = names_.find(name);
    if (found == names_.end()) {
      // First use, or a library was loaded since.
      names_.clear();
      for (auto& each : c10::Dispatcher::singleton().getAllOpNames()) names_[each.name].push_back(each);
      found = names_.find(name);
    }
    static const std::vector<c10::OperatorName> none;
    return found == names_.end() ? none : found->second;
  }

  std::mutex mutex_;
  std::deque<Operator> operators_;
  std::unordered_map<std::string, int32_t> index_;
  std::unordered_map<std::string, std::vector<c10::OperatorName>> names_;
};

Registry& registry() {
  static auto* instance = new Registry();  // leaked: worker threads may outlive static destructors
  return *instance;
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

}  // namespace

int32_t find_operator(const std::string& name) { return registry().find(name); }
const Operator& operator_at(int32_t index) { return registry().at(index); }
void forget_operator_names() { registry().forget_names(); }

std::string describe_operators(const std::string& name_space) {
  std::vector<c10::OperatorName> names;
  for (auto& each : c10::Dispatcher::singleton().getAllOpNames()) {
    if (each.name.rfind(name_space + "::", 0) == 0) names.push_back(each);
  }
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
    return std::tie(a.name, a.overload_name) < std::tie(b.name, b.overload_name);
  });
  std::ostringstream out;
  out << "[";
  bool first = true;
  for (const auto& name : names) {
    const auto handle = c10::Dispatcher::singleton().findSchema(name);
    if (!handle.has_value()) continue;
    const auto& schema = handle->schema();
    const Overload overload = overload_of(*handle);
    std::ostringstream text;
    text << schema;
    out << (first ? "" : ",\n") << "{\"name\":" << json_string(schema.name())
        << ",\"overload\":" << json_string(schema.overload_name()) << ",\"schema\":" << json_string(text.str())
        << ",\"unsupported\":" << json_string(overload.unsupported) << ",\"arguments\":[";
    for (size_t i = 0; i < overload.arguments.size(); ++i) {
      const auto& argument = overload.arguments[i];
      out << (i == 0 ? "" : ",") << "{\"name\":" << json_string(argument.name)
          << ",\"kind\":" << static_cast<int>(argument.kind)
          << ",\"optional\":" << (argument.optional ? "true" : "false")
          << ",\"keywordOnly\":" << (argument.keyword_only ? "true" : "false")
          << ",\"out\":" << (argument.is_out ? "true" : "false")
          << ",\"default\":" << (argument.has_default ? "true" : "false") << ",\"broadcast\":" << argument.broadcast
          << ",\"number\":" << (argument.number_as_tensor ? "true" : "false") << "}";
    }
    out << "],\"numbersInARow\":" << overload.numbers_in_a_row << ",\"returns\":[";
    for (size_t i = 0; i < schema.returns().size(); ++i) {
      out << (i == 0 ? "" : ",") << "{\"name\":" << json_string(schema.returns()[i].name())
          << ",\"type\":" << json_string(schema.returns()[i].real_type()->str())
          << ",\"alias\":" << overload.return_alias[i] << "}";
    }
    out << "]}";
    first = false;
  }
  out << "]\n";
  return out.str();
}

}  // namespace torchbridge
