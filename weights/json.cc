#include "weights/json.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "weights/header.h"
#include "weights/step.h"

namespace mien {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(uint32_t code, std::string* out) {
  const auto put = [out](uint32_t byte) { *out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6), put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f)), put(0x80 | (code >> 6 & 0x3f)),
        put(0x80 | (code & 0x3f));
  }
}

class ValueScanner : public JsonScanner {
 public:
  ValueScanner(std::string_view text, const char* what, int most_depth)
      : JsonScanner(text, what), most_depth_(most_depth) {}

  bool Run(JsonValue* out, size_t* end) {
    MIEN_STEP(Value(out, 0));
    if (end != nullptr) {
      *end = at_;
      return true;
    }
    SkipSpace();
    return at_ == text_.size() ? true : Fail("the end");
  }

 private:
  bool Value(JsonValue* out, int depth) {
    SkipSpace();
    if (++values_ > kMaxJsonValues) return Fail("fewer values");
    const char first = at_ < text_.size() ? text_[at_] : '\0';
    if (first == '"') {
      out->kind = JsonValue::Kind::kString;
      return String(&out->text);
    }
    if (first == '-' || IsDigit(first)) return Number(out);
    if (first != '[' && first != '{') return Word(out);
    if (depth == most_depth_) return Fail("less nesting");
    return first == '[' ? List(out, depth) : Object(out, depth);
  }

  bool Word(JsonValue* out) {
    for (const char* word : {"null", "true", "false"}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      out->kind = *word == 'n' ? JsonValue::Kind::kNull : JsonValue::Kind::kBool;
      out->text = word;
      at_ += out->text.size();
      return true;
    }
    return Fail("a value");
  }

  bool Digits() {
    const size_t start = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return at_ > start ? true : Fail("a digit");
  }
  bool TakeNow(std::string_view any_of) {
    if (at_ >= text_.size() || any_of.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  bool Number(JsonValue* out) {
    const size_t start = at_;
    TakeNow("-");
    if (!TakeNow("0")) MIEN_STEP(Digits());
    if (TakeNow(".")) MIEN_STEP(Digits());
    if (TakeNow("eE")) {
      TakeNow("+-");
      MIEN_STEP(Digits());
    }
    out->kind = JsonValue::Kind::kNumber;
    out->text = text_.substr(start, at_ - start);
    return true;
  }

  bool List(JsonValue* out, int depth) {
    out->kind = JsonValue::Kind::kList;
    Take('[');
    if (Take(']')) return true;
    do {
      MIEN_STEP(Value(&out->items.emplace_back(), depth + 1));
    } while (Take(','));
    return Take(']') ? true : Fail("',' or ']'");
  }

  bool Object(JsonValue* out, int depth) {
    out->kind = JsonValue::Kind::kObject;
    Take('{');
    if (Take('}')) return true;
    std::set<std::string> seen;
    do {
      std::string key;
      MIEN_STEP(String(&key));
      if (!seen.insert(key).second) {
        return Fail(
            Status::Error(Code::kRefused, "%s: key %s is there twice", what_, Printable(key).c_str()));
      }
      out->keys.push_back(std::move(key));
      if (!Take(':')) return Fail("':'");
      MIEN_STEP(Value(&out->items.emplace_back(), depth + 1));
    } while (Take(','));
    return Take('}') ? true : Fail("',' or '}'");
  }

  const int most_depth_;
  size_t values_ = 0;
};

}  // namespace

bool JsonScanner::Fail(const char* expected) {
  return Fail(Status::Error(Code::kRefused, "%s, byte %zu: %s expected", what_, at_, expected));
}

bool JsonScanner::Fail(const Status& status) {
  error_ = status;
  return false;
}

void JsonScanner::SkipSpace() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
    ++at_;
  }
}

bool JsonScanner::Take(char c) {
  SkipSpace();
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool JsonScanner::String(std::string* out) {
  if (!Take('"')) return Fail("'\"'");
  for (;;) {
    if (at_ >= text_.size()) return Fail("the end of a string");
    const unsigned char c = static_cast<unsigned char>(text_[at_]);
    if (c < 0x20) return Fail("no control character in a string");
    ++at_;
    if (c == '"') break;
    if (c != '\\') {
      *out += static_cast<char>(c);
      continue;
    }
    MIEN_STEP(Escape(out));
  }
  return IsValidUtf8(*out) ? true : Fail("UTF-8 in a string");
}

bool JsonScanner::Escape(std::string* out) {
  if (at_ >= text_.size()) return Fail("an escape");
  const char c = text_[at_++];
  switch (c) {
    case '"':
    case '\\':
    case '/':
      *out += c;
      return true;
    case 'b':
      *out += '\b';
      return true;
    case 'f':
      *out += '\f';
      return true;
    case 'n':
      *out += '\n';
      return true;
    case 'r':
      *out += '\r';
      return true;
    case 't':
      *out += '\t';
      return true;
    case 'u':
      break;
    default:
      return Fail("a JSON escape");
  }
  uint32_t code = 0;
  MIEN_STEP(Hex4(&code));
  if (code >= 0xd800 && code < 0xdc00) {
    uint32_t low = 0;
    if (text_.substr(at_, 2) != "\\u") return Fail("the second half of a surrogate pair");
    at_ += 2;
    MIEN_STEP(Hex4(&low));
    if (low < 0xdc00 || low > 0xdfff) return Fail("the second half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code < 0xe000) {
    return Fail("the first half of a surrogate pair");
  }
  AppendUtf8(code, out);
  return true;
}

bool JsonScanner::Hex4(uint32_t* out) {
  if (text_.size() - at_ < 4) return Fail("four hexadecimal digits");
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = text_[at_];
    uint32_t digit;
    if (c >= '0' && c <= '9')
      digit = static_cast<uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<uint32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<uint32_t>(c - 'A' + 10);
    else
      return Fail("four hexadecimal digits");
    *out = *out << 4 | digit;
  }
  return true;
}

const JsonValue* JsonValue::Find(std::string_view key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &items[static_cast<size_t>(found - keys.begin())];
}

Result<JsonValue> ParseJson(std::string_view text, const char* what, int depth, size_t* end) {
  JsonValue root;
  ValueScanner scanner(text, what, depth);
  if (!scanner.Run(&root, end)) return scanner.error();
  return root;
}

std::string JsonQuoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace mien
