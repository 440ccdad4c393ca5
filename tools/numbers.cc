#include "tools/numbers.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/checked.h"

namespace mien {
namespace {

constexpr std::string_view kPrefixes = "kmgtpe";

// What a suffix multiplies by; nothing: it is none.
std::optional<uint64_t> FactorOf(std::string suffix) {
  for (char& c : suffix) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (suffix.empty() || suffix == "b") return 1;
  const size_t power = kPrefixes.find(suffix[0]);
  const std::string rest = suffix.substr(1);
  if (power == kPrefixes.npos || !(rest.empty() || rest == "b" || rest == "i" || rest == "ib"))
    return std::nullopt;
  uint64_t factor = 1;
  for (size_t i = 0; i <= power; ++i) factor *= rest.starts_with('i') ? 1024 : 1000;
  return factor;
}

// The digits that `text` begins with, and what follows them after spaces.
bool Split(const std::string& text, uint64_t* number, std::string* suffix) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  if (error != std::errc()) return false;
  *suffix = end;
  suffix->erase(0, suffix->find_first_not_of(' '));
  return true;
}

}  // namespace

CLI::Validator WholeNumber() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        uint64_t number = 0;
        std::string suffix;
        if (!Split(text, &number, &suffix) || !suffix.empty()) return text + ": a whole number expected";
        text = std::to_string(number);
        return {};
      },
      "");
}

CLI::Validator ByteSize() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        uint64_t number = 0;
        std::string suffix;
        const bool split = Split(text, &number, &suffix);
        const auto factor = split ? FactorOf(suffix) : std::nullopt;
        const auto bytes = factor ? CheckedMul(number, *factor) : std::nullopt;
        if (!bytes) return text + ": bytes below 2^64 expected, such as 2147483648, 500MB or 2GiB";
        text = std::to_string(*bytes);
        return {};
      },
      "");
}

}  // namespace mien
