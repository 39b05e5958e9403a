#include "zip_records.h"

#include <algorithm>

namespace torchbridge {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr int64_t kLocalSize = 30;
constexpr int64_t kCentralSize = 46;
constexpr int64_t kEndSize = 22;
constexpr int64_t kInZip64 = 0xffffffff;
constexpr int64_t kInZip64Short = 0xffff;
constexpr int64_t kEncrypted = 1;
// That of 65,534 records with names of a hundred characters.
constexpr int64_t kLargestDirectory = int64_t{10} << 20;

int64_t u16(const char* at) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(at);
  return bytes[0] | (bytes[1] << 8);
}

int64_t u32(const char* at) { return u16(at) | (u16(at + 2) << 16); }

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char each) { return static_cast<unsigned char>(each) > 0x7e; });
}

}  // namespace

bool ZipRecords::read() {
  char first[2];
  char end[kEndSize];
  if (file_.size < kEndSize || file_.read(0, 2, first) != 0 || first[0] != 'P' || first[1] != 'K') return false;
  const int64_t end_offset = file_.size - kEndSize;
  if (file_.read(end_offset, kEndSize, end) != 0 || u32(end) != kEnd || u16(end + 20) != 0) return false;
  const int64_t count = u16(end + 10);
  const int64_t size = u32(end + 12);
  const int64_t offset = u32(end + 16);
  if (count == kInZip64Short || size == kInZip64 || offset == kInZip64) return false;
  if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != count) return false;
  if (offset + size > end_offset || size > kLargestDirectory) return false;
  return read_directory(offset, size, count) && place_entries(offset) && find_folder();
}

bool ZipRecords::read_directory(int64_t offset, int64_t size, int64_t count) {
  directory_.resize(static_cast<size_t>(size));
  if (count * kCentralSize > size || file_.read(offset, size, directory_.data()) != 0) return false;
  entries_.reserve(static_cast<size_t>(count));
  int64_t at = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (size - at < kCentralSize) return false;
    const char* fixed = directory_.data() + at;
    const int64_t name_size = u16(fixed + 28);
    const int64_t length = kCentralSize + name_size + u16(fixed + 30) + u16(fixed + 32);
    if (u32(fixed) != kCentralHeader || size - at < length) return false;
    const std::string_view name(fixed + kCentralSize, static_cast<size_t>(name_size));
    const Entry entry{
        name, u16(fixed + 8), u16(fixed + 10), u32(fixed + 16), u32(fixed + 20), u32(fixed + 24), u32(fixed + 42), 0};
    if (entry.size == kInZip64 || entry.packed == kInZip64 || entry.header == kInZip64) return false;
    if (!is_ascii(name) || entry.header + kLocalSize + entry.packed > offset) return false;
    entries_.push_back(entry);
    at += length;
  }
  return true;
}

// In the order of the file, none over the next.
bool ZipRecords::place_entries(int64_t directory) {
  const auto before = [](const Entry& a, const Entry& b) { return a.header < b.header; };
  if (!std::is_sorted(entries_.begin(), entries_.end(), before)) {
    std::sort(entries_.begin(), entries_.end(), before);
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    entry.end = i + 1 < entries_.size() ? entries_[i + 1].header : directory;
    if (entry.header + kLocalSize + entry.packed > entry.end) return false;
  }
  return true;
}

// One folder, of any name, holds everything, and data.pkl itself; all names differ.
bool ZipRecords::find_folder() {
  if (entries_.empty()) return false;
  folder_ = entries_[0].name.substr(0, entries_[0].name.find('/') + 1);
  if (folder_.size() < 2) return false;
  by_name_.reserve(entries_.size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    const std::string_view name = entries_[i].name;
    if (name.substr(0, folder_.size()) != folder_ || !by_name_.emplace(name.substr(folder_.size()), i).second)
      return false;
  }
  return has("data.pkl") && !has("constants.pkl");
}

std::optional<ZipRecord> ZipRecords::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  const Entry& entry = entries_[found->second];
  if ((entry.flags & kEncrypted) != 0 || entry.method != 0 || entry.size != entry.packed) return std::nullopt;
  char header[kLocalSize];
  if (file_.read(entry.header, kLocalSize, header) != 0 || u32(header) != kLocalHeader) return std::nullopt;
  const int64_t offset = entry.header + kLocalSize + u16(header + 26) + u16(header + 28);
  if (offset + entry.packed > entry.end) return std::nullopt;
  return ZipRecord{offset, entry.size, entry.crc == 0 ? -1 : entry.crc};
}

}  // namespace torchbridge
