// Text from outside (names in files, file names, model cards) on its way to a person.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mien {

// The same text without anything that could steer a terminal or turn the reading direction: control
// characters (C0 but newline and tab, DEL, C1), marks of direction, and bytes that are not UTF-8 become '?'.
std::string ForTerminal(std::string_view text);
// The same in place, without memory: returns how many of the `length` bytes remain.
size_t SafeForTerminal(char* text, size_t length);

// A length of time as people say it: "5 s", "3 min", "2.5 h". Below zero and not-a-number are "0 s".
std::string DurationInWords(double seconds);

// Length of the UTF-8 character that `text` starts with and its code; 0: none.
size_t Utf8Character(std::string_view text, uint32_t* code);

}  // namespace mien
