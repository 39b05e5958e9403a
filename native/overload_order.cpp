#include "overload_order.h"

#include <ATen/core/enum_tag.h>
#include <ATen/core/jit_type.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace torchbridge {
namespace {

// "int[1]?", as native_functions.yaml writes it; the type itself does not know the length.
std::string schema_type(const c10::Argument& argument) {
  std::string text = argument.real_type()->str();
  const size_t list = text.rfind("[]");
  if (argument.N() && list != std::string::npos) text.insert(list + 1, std::to_string(*argument.N()));
  return text;
}

// As the signatures of Python's parser write it: "IntArrayRef[1]?".
std::string parser_type(const std::string& type) {
  static const std::unordered_map<std::string, std::string> elements{
      {"int", "int64_t"}, {"float", "double"}, {"str", "c10::string_view"}};
  static const std::unordered_map<std::string, std::string> lists{
      {"int", "IntArrayRef"},   {"SymInt", "SymIntArrayRef"},  {"Tensor", "TensorList"},
      {"Scalar", "ScalarList"}, {"float", "ArrayRef<double>"}, {"Tensor?", "c10::List<::std::optional<Tensor>>"}};
  const bool optional = type.back() == '?';
  const std::string plain = optional ? type.substr(0, type.size() - 1) : type;
  const size_t bracket = plain.rfind('[');
  const std::string element = plain.substr(0, bracket);
  const auto& table = bracket == std::string::npos ? elements : lists;
  const auto known = table.find(element);
  std::string text = known == table.end() ? element : known->second;
  if (bracket != std::string::npos && plain.substr(bracket) != "[]") text += plain.substr(bracket);
  return optional ? text + "?" : text;
}

// What the order looks at.
struct Ranked {
  Overload overload;
  std::vector<std::string> types;  // of all arguments but the out ones
  std::string text;                // the signature
};

Ranked ranked(Overload&& overload) {
  Ranked out{std::move(overload), {}, ""};
  bool starred = false;
  const auto& arguments = out.overload.handle.schema().arguments();
  for (const auto& argument : arguments) {
    if (argument.is_out()) continue;
    out.types.push_back(schema_type(argument));
    if (argument.kwarg_only() && !starred) {
      out.text += ", *";
      starred = true;
    }
    const std::string& name = argument.name();
    out.text += ", " + parser_type(out.types.back()) + " " + (name == "self" ? "input" : name);
    if (argument.default_value()) out.text += "=";
    if (argument.default_value() && argument.default_value()->isInt()) {
      out.text += std::to_string(argument.default_value()->toInt());
    }
  }
  return out;
}

bool is_smaller(const std::string& a, const std::string& b) {
  return (a == "Scalar" && b == "Tensor") || (a == "Scalar?" && b == "Tensor?") ||
         (a == "int[]" && (b == "int" || b == "int?")) || (a == "Tensor[]" && b.find("[]") != std::string::npos) ||
         (a == "SymInt[]" && b == "int[]") || ((a == "SymInt" || a == "int") && b == "Tensor");
}

// Smaller ones are tried later.
bool is_smaller(const Ranked& a, const Ranked& b) {
  if (a.types.size() != b.types.size() || a.types == b.types) return false;
  for (size_t i = 0; i < a.types.size(); ++i) {
    if (a.types[i] != b.types[i] && !is_smaller(a.types[i], b.types[i])) return false;
  }
  return true;
}

// By signature, then so that no overload stands before one that is larger.
std::vector<Overload> sorted(std::vector<Ranked> all) {
  // A signature that has an out= shows it, which counts where the rest of the text is the same.
  std::stable_sort(all.begin(), all.end(), [](const Ranked& a, const Ranked& b) { return a.text < b.text; });
  std::map<size_t, std::set<size_t>> larger_than;
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t k = 0; k < all.size(); ++k) {
      if (is_smaller(all[i], all[k])) larger_than[i].insert(k);
    }
  }
  std::vector<size_t> order;
  for (size_t i = 0; i < all.size(); ++i) {
    if (larger_than.count(i) == 0) order.push_back(i);
  }
  for (size_t at = 0; at < order.size(); ++at) {
    for (auto entry = larger_than.begin(); entry != larger_than.end();) {
      entry->second.erase(order[at]);
      if (entry->second.empty()) {
        order.push_back(entry->first);
        entry = larger_than.erase(entry);
      } else {
        ++entry;
      }
    }
  }
  std::vector<Overload> out;
  for (const size_t i : order) out.push_back(std::move(all[i].overload));
  return out;
}

// The number of these goes through the overload for tensors, wrapped.
bool left_out(const Overload& overload) {
  static const std::unordered_set<std::string> names{"aten::add.Scalar",  "aten::add_.Scalar", "aten::sub.Scalar",
                                                     "aten::sub_.Scalar", "aten::mul.Scalar",  "aten::mul_.Scalar",
                                                     "aten::div.Scalar",  "aten::div_.Scalar"};
  return names.count(overload.name) != 0;
}

// Forms that PyTorch's code generator added; Python has no binding for them.
bool is_generated(const Overload& overload) { return overload.handle.hasTag(at::Tag::generated); }

// The older spellings: the names of the positional arguments, in their order. PyTorch's list of them is closed.
std::vector<std::vector<std::string>> older_spellings(const Overload& overload) {
  static const std::unordered_set<std::string> matrix{"addbmm", "addmm", "addmv", "addr", "baddbmm", "sspaddmm"};
  const std::string& full = overload.handle.schema().name();
  if (full.rfind("aten::", 0) != 0) return {};
  std::string name = full.substr(6);
  if (name.back() == '_') name.pop_back();
  if (overload.name.find("Scalar") != std::string::npos || overload.name.find("dtype") != std::string::npos) return {};
  if (name == "add" || name == "sub") return {{"self", "alpha", "other"}};
  if (name == "addcdiv" || name == "addcmul") return {{"self", "value", "tensor1", "tensor2"}};
  if (matrix.count(name) == 0) return {};
  const std::string& left = overload.arguments[1].name;
  const std::string& right = overload.arguments[2].name;
  return {{"beta", "self", "alpha", left, right},
          {"beta", "self", left, right},
          {"self", "beta", "alpha", left, right},  // as a method
          {"self", "beta", left, right}};
}

bool spell(Overload& overload, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto found = std::find_if(overload.arguments.begin(), overload.arguments.end(),
                                    [&](const ArgumentSpec& spec) { return spec.name == name; });
    if (found == overload.arguments.end()) return false;
    overload.order.push_back(static_cast<uint8_t>(found - overload.arguments.begin()));
  }
  overload.positional = names.size();
  return true;
}

}  // namespace

void order_as_python(std::vector<Overload>& overloads) {
  std::vector<Ranked> plain;
  std::vector<Ranked> outs;
  std::vector<Ranked> generated;
  for (auto& overload : overloads) {
    if (left_out(overload)) continue;
    auto& into = is_generated(overload) ? generated : overload.outs == 0 ? plain : outs;
    into.push_back(ranked(std::move(overload)));
  }
  std::vector<Overload> ordered = sorted(std::move(plain));
  for (auto& overload : sorted(std::move(outs))) ordered.push_back(std::move(overload));
  const size_t current = ordered.size();
  for (size_t i = 0; i < current; ++i) {
    for (const auto& names : older_spellings(ordered[i])) {
      Overload older = ordered[i];
      if (spell(older, names)) ordered.push_back(std::move(older));
    }
  }
  for (auto& overload : sorted(std::move(generated))) ordered.push_back(std::move(overload));
  overloads = std::move(ordered);
}

}  // namespace torchbridge
