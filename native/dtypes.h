// The names under which JavaScript knows dtypes, devices, layouts and memory formats: PyTorch's, without "torch.".
#pragma once
#include <c10/core/Device.h>
#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>

#include <optional>
#include <string>

namespace torchbridge {

std::optional<at::ScalarType> find_dtype(const std::string& name);
std::optional<c10::Device> find_device(const std::string& name);
std::optional<at::MemoryFormat> find_memory_format(const std::string& name);
std::optional<at::Layout> find_layout(const std::string& name);

}  // namespace torchbridge
