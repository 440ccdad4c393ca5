// Text from outside cannot steer a terminal. Lengths of time.
#include "base/text.h"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace mien {
namespace {

TEST_CASE("what could steer a terminal becomes a question mark, everything else stays") {
  CHECK(ForTerminal("a\x1b[31mb\x07\r\b\x7f") == "a?[31mb????");
  CHECK(ForTerminal("line\n\ttab") == "line\n\ttab");
  CHECK(ForTerminal("\xc2\x9b"
                    "31m") == "?31m");  // C1: the same as ESC [
  CHECK(ForTerminal("\xc2\x80 \xc2\x9f \xc2\xa0") == "? ? \xc2\xa0");
  CHECK(ForTerminal("\x9b"
                    "31m") == "?31m");  // as a byte of its own
  CHECK(ForTerminal("\xe2\x80\xae"
                    "gnp.exe") == "?gnp.exe");  // right to left from here
  CHECK(ForTerminal("\xe2\x81\xa6 \xe2\x81\xa9 \xe2\x80\x8f \xef\xbb\xbf") == "? ? ? ?");
  CHECK(ForTerminal("za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \xf0\x9f\x98\x80") ==
        "za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \xf0\x9f\x98\x80");
  CHECK(ForTerminal("\xc3") == "?");
  CHECK(ForTerminal("\xed\xa0\x80") == "???");
  CHECK(ForTerminal("") == "");
}

TEST_CASE("characters of UTF-8") {
  uint32_t code = 0;
  CHECK(Utf8Character("", &code) == 0);
  CHECK(Utf8Character("\xf0\x9f\x98\x80x", &code) == 4);
  CHECK(code == 0x1f600);
  CHECK(Utf8Character("\xc0\x80", &code) == 0);
  CHECK(Utf8Character("\xe0\x80\x80", &code) == 0);
  CHECK(Utf8Character("\xf4\x90\x80\x80", &code) == 0);
  CHECK(Utf8Character("\xc3x", &code) == 0);
}

TEST_CASE("lengths of time in words") {
  const std::vector<std::pair<double, std::string>> cases = {
      {0, "0 s"},       {0.4, "0 s"},    {89.4, "89 s"},    {90, "2 min"}, {3600, "60 min"},
      {5399, "90 min"}, {5400, "1.5 h"}, {90000, "25.0 h"}, {-1, "0 s"},   {std::nan(""), "0 s"}};
  for (const auto& [seconds, words] : cases) CHECK(DurationInWords(seconds) == words);
}

}  // namespace
}  // namespace mien
