// The records of a zip file of torch.save, where it is one as torch.save writes it.
//
// This is the short way through a file: whatever is unusual, damaged or beyond these few rules gives no records at all,
// and lib/io/zip-reader.ts, which reads every zip file and says what is wrong with it, has the word. So every rule
// there has to hold here too, and this may be stricter. (No zip64, no comment behind the directory, only ASCII names.)
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "file_reading.h"

namespace torchbridge {

// Where the contents of a stored record are.
struct ZipRecord {
  int64_t offset;
  int64_t nbytes;
  int64_t crc;  // negative where the file tells none
};

class ZipRecords {
 public:
  explicit ZipRecords(const FileBytes& file) : file_(file) {}
  ZipRecords(const ZipRecords&) = delete;
  ZipRecords& operator=(const ZipRecords&) = delete;

  // Reads the directory; false where anything is unusual.
  bool read();

  // The record of this name in the folder that data.pkl is in; nothing where it is missing, packed or unusual.
  std::optional<ZipRecord> find(std::string_view name) const;
  bool has(std::string_view name) const { return by_name_.count(name) > 0; }

 private:
  struct Entry {
    std::string_view name;
    int64_t flags;
    int64_t method;
    int64_t crc;
    int64_t packed;
    int64_t size;
    int64_t header;
    int64_t end;  // where the next record begins, or the directory
  };

  bool read_directory(int64_t offset, int64_t size, int64_t count);
  bool place_entries(int64_t directory);
  bool find_folder();

  FileBytes file_;
  std::string directory_;
  std::vector<Entry> entries_;
  std::string_view folder_;
  std::unordered_map<std::string_view, size_t> by_name_;  // without the folder
};

}  // namespace torchbridge
