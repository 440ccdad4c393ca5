// JSON as far as a model file has it, read without a library whose destructors take memory: a scanner of
// tokens, on which the header's grammar is built too, and whole values within bounds. Strict RFC 8259; an
// error names its byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace mien {

class JsonScanner {
 public:
  // `what` is named in errors. Both outlive the scanner.
  JsonScanner(std::string_view text, const char* what) : text_(text), what_(what) {}

  const Status& error() const { return error_; }

 protected:
  // Both answer false.
  bool Fail(const char* expected);
  bool Fail(const Status& status);

  void SkipSpace();
  bool Take(char c);               // skips space, then takes `c` or nothing
  bool String(std::string* text);  // unescaped, valid UTF-8

  const std::string_view text_;
  const char* const what_;
  size_t at_ = 0;

 private:
  bool Escape(std::string* out);
  bool Hex4(uint32_t* out);

  Status error_;
};

// A value as it is written: numbers are not yet believed.
struct JsonValue {
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kList, kObject };

  Kind kind = Kind::kNull;
  std::string text;               // of a string its characters, of a number, true and false what stands there
  std::vector<JsonValue> items;   // of a list; of an object its values
  std::vector<std::string> keys;  // of an object, one per value, no two the same

  const JsonValue* Find(std::string_view key) const;  // null: an object without it, or no object
};

// At most `depth` lists and objects inside each other and kMaxJsonValues values in all; kRefused otherwise. With
// `end` other bytes may follow, and it says where they begin.
constexpr int kMaxJsonDepth = 4;
constexpr size_t kMaxJsonValues = 1 << 16;
Result<JsonValue> ParseJson(std::string_view text, const char* what, int depth = kMaxJsonDepth, size_t* end = nullptr);

std::string JsonQuoted(std::string_view text);  // valid UTF-8 expected

}  // namespace mien
