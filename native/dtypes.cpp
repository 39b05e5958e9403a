// Names of dtypes, devices, layouts and memory formats.
#include "dtypes.h"

#include <array>
#include <utility>

#include "convert.h"

namespace torchbridge {
namespace {

constexpr std::array<std::pair<const char*, at::ScalarType>, 23> kDtypes{{
    {"float32", at::kFloat},
    {"float64", at::kDouble},
    {"float16", at::kHalf},
    {"bfloat16", at::kBFloat16},
    {"uint8", at::kByte},
    {"int8", at::kChar},
    {"int16", at::kShort},
    {"int32", at::kInt},
    {"int64", at::kLong},
    {"bool", at::kBool},
    {"complex64", at::kComplexFloat},
    {"complex128", at::kComplexDouble},
    {"complex32", at::kComplexHalf},
    {"uint16", at::ScalarType::UInt16},
    {"uint32", at::ScalarType::UInt32},
    {"uint64", at::ScalarType::UInt64},
    {"float8_e5m2", at::ScalarType::Float8_e5m2},
    {"float8_e4m3fn", at::ScalarType::Float8_e4m3fn},
    {"float8_e5m2fnuz", at::ScalarType::Float8_e5m2fnuz},
    {"float8_e4m3fnuz", at::ScalarType::Float8_e4m3fnuz},
    {"qint8", at::kQInt8},
    {"quint8", at::kQUInt8},
    {"qint32", at::kQInt32},
}};

}  // namespace

std::optional<at::ScalarType> find_dtype(const std::string& name) {
  for (const auto& [known, type] : kDtypes) {
    if (name == known) return type;
  }
  return std::nullopt;
}

const char* dtype_name(at::ScalarType type) {
  for (const auto& [known, each] : kDtypes) {
    if (each == type) return known;
  }
  return c10::toString(type);
}

at::ScalarType parse_dtype(const std::string& name) {
  const auto found = find_dtype(name);
  if (!found) throw BridgeError("value", "Expected a dtype (float32, int64, …) but received \"" + name + "\"");
  return *found;
}

std::optional<c10::Device> find_device(const std::string& name) {
  try {
    return c10::Device(name);
  } catch (const c10::Error&) {
    return std::nullopt;
  }
}

c10::Device parse_device(const std::string& name) {
  const auto found = find_device(name);
  if (!found) throw BridgeError("value", "Expected a device (cpu, cuda, cuda:0, …) but received \"" + name + "\"");
  return *found;
}

std::optional<at::MemoryFormat> find_memory_format(const std::string& name) {
  if (name == "contiguous_format") return at::MemoryFormat::Contiguous;
  if (name == "preserve_format") return at::MemoryFormat::Preserve;
  if (name == "channels_last") return at::MemoryFormat::ChannelsLast;
  if (name == "channels_last_3d") return at::MemoryFormat::ChannelsLast3d;
  return std::nullopt;
}

std::optional<at::Layout> find_layout(const std::string& name) {
  if (name == "strided") return at::kStrided;
  if (name == "sparse_coo") return at::kSparse;
  if (name == "sparse_csr") return at::kSparseCsr;
  if (name == "sparse_csc") return at::kSparseCsc;
  if (name == "sparse_bsr") return at::kSparseBsr;
  if (name == "sparse_bsc") return at::kSparseBsc;
  return std::nullopt;
}

}  // namespace torchbridge
