#include "tape.h"

namespace torchbridge {

std::string Tape::string(size_t i) const {
  const size_t n = length(i);
  std::string out;
  out.reserve(n);
  for (size_t k = 0; k < n; ++k) {
    auto code = static_cast<uint32_t>(at(i + 2 + k));
    if (code >= 0xD800 && code < 0xDC00 && k + 1 < n) {  // a pair of UTF-16 surrogates
      const auto low = static_cast<uint32_t>(at(i + 3 + k));
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        ++k;
      }
    }
    if (code < 0x80) {
      out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      out.push_back(static_cast<char>(0xC0 | (code >> 6)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
      out.push_back(static_cast<char>(0xE0 | (code >> 12)));
      out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
      out.push_back(static_cast<char>(0xF0 | (code >> 18)));
      out.push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
      out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
  }
  return out;
}

size_t Tape::next_of_any(size_t i) const {
  switch (tag(i)) {
    case Tag::kNone:
    case Tag::kSkip:
      return i + 1;
    case Tag::kTensor:
    case Tag::kBool:
    case Tag::kNumber:
    case Tag::kBigInt:
    case Tag::kFloat:
    case Tag::kGenerator:
      return i + 2;
    case Tag::kComplex:
      return i + 3;
    case Tag::kString:
      return i + 2 + length(i);
    case Tag::kList: {
      size_t position = i + 2;
      for (size_t k = length(i); k > 0; --k) position = next(position);
      return position;
    }
    case Tag::kMap:
      break;  // JavaScript writes none
  }
  throw BridgeError("internal", "an unknown tag stands on the argument tape");
}

}  // namespace torchbridge
