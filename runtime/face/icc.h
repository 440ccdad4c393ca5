// Colour profiles of pictures (ICC.1:2022): they say how the numbers of the pixels are meant. They are kept and never
// applied, as by the public preprocessing code; so only those of RGB can stay with pixels that are RGB.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace mien {

constexpr size_t kMostProfileBytes = size_t{1} << 20;

// "ICC_PROFILE", a zero, the number of the piece from 1 on and how many there are: what the data of each APP2 segment
// of a JPEG file begin with that holds a piece of a profile (ICC.1:2022, B.4).
inline constexpr size_t kProfilePieceHeader = 14;

// The pieces of a profile in the segments of a JPEG file, in any order.
class ProfilePieces {
 public:
  // The data of an APP2 segment; what is no piece of a profile is passed over.
  void Add(std::span<const std::byte> segment);
  // Empty where there are none, or some are missing.
  std::vector<std::byte> Joined() const;

 private:
  std::vector<std::vector<std::byte>> pieces_;  // [number - 1]
  size_t bytes_ = 0;
};

// The profile where it is one of RGB; those of grey and CMYK pictures go, whose pixels have become RGB. A warning where
// it is damaged or longer than kMostProfileBytes.
std::vector<std::byte> RgbProfile(std::vector<std::byte> profile, std::vector<std::string>* warnings);

}  // namespace mien
