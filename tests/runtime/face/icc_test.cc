#include "runtime/face/icc.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/face/image.h"

namespace mien {
namespace {

// A profile by its header; the rest has a pattern that does not compress to nothing.
std::vector<std::byte> Profile(size_t bytes, const char* space = "RGB ") {
  std::vector<std::byte> profile(bytes);
  uint32_t state = 7;
  for (std::byte& byte : profile) byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
  for (size_t i = 0; i < 4; ++i) profile[i] = static_cast<std::byte>(bytes >> (24 - 8 * i));
  std::memcpy(profile.data() + 16, space, 4);
  std::memcpy(profile.data() + 36, "acsp", 4);
  return profile;
}

std::vector<std::byte> Piece(int number, int count, std::span<const std::byte> bytes) {
  std::vector<std::byte> piece(kProfilePieceHeader);
  std::memcpy(piece.data(), "ICC_PROFILE\0", 12);
  piece[12] = static_cast<std::byte>(number);
  piece[13] = static_cast<std::byte>(count);
  piece.insert(piece.end(), bytes.begin(), bytes.end());
  return piece;
}

Image Pattern() {
  Image image = std::move(*Image::Create(7, 5));
  for (int i = 0; i < 7 * 5 * 3; ++i) image.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 11);
  return image;
}

TEST_CASE("the pieces of a profile are joined by their numbers") {
  const std::vector<std::byte> whole = Profile(300);
  const auto part = [&](size_t first, size_t count) { return std::span(whole).subspan(first, count); };
  ProfilePieces pieces;
  CHECK(pieces.Joined().empty());
  pieces.Add(Piece(3, 3, part(250, 50)));
  pieces.Add(Piece(1, 3, part(0, 100)));
  CHECK(pieces.Joined().empty());  // one is missing
  pieces.Add(Piece(4, 3, part(0, 9)));
  pieces.Add(Piece(0, 3, part(0, 9)));
  pieces.Add(Piece(2, 4, part(0, 9)));  // of another profile
  pieces.Add(Piece(1, 3, part(0, 9)));  // the first of a number counts
  auto other = Piece(2, 3, part(0, 9));
  other[0] = std::byte{'i'};
  pieces.Add(other);
  pieces.Add(std::span(other).first(13));
  CHECK(pieces.Joined().empty());
  pieces.Add(Piece(2, 3, part(100, 150)));
  CHECK(pieces.Joined() == whole);
}

TEST_CASE("profiles of RGB stay, those of other pictures go, damage is told of") {
  std::vector<std::string> warnings;
  CHECK(RgbProfile(Profile(200), &warnings) == Profile(200));
  CHECK(RgbProfile({}, &warnings).empty());
  for (const char* space : {"GRAY", "CMYK", "rgb "}) CHECK(RgbProfile(Profile(200, space), &warnings).empty());
  CHECK(warnings.empty());
  std::vector<std::vector<std::byte>> damaged = {Profile(127), Profile(kMostProfileBytes + 1),
                                                 Profile(200), Profile(200),
                                                 Profile(200), std::vector<std::byte>(3)};
  damaged[2].pop_back();
  damaged[3].push_back({});
  damaged[4][36] = {};
  for (size_t i = 0; i < damaged.size(); ++i) {
    CAPTURE(i);
    CHECK(RgbProfile(damaged[i], &warnings).empty());
    REQUIRE(warnings.size() == i + 1);
    CHECK(warnings.back() == "its colour profile is left out: it is damaged or longer than 1 MiB");
  }
  CHECK(RgbProfile(Profile(kMostProfileBytes), &warnings).size() == kMostProfileBytes);
}

TEST_CASE("a picture's profile is written and read, in one piece and in many") {
  for (const size_t bytes : {size_t{128}, size_t{65519}, size_t{65520}, size_t{400'000}, kMostProfileBytes}) {
    CAPTURE(bytes);
    Image image = Pattern();
    image.profile = Profile(bytes);
    for (const PictureKind kind : {PictureKind::kPng, PictureKind::kJpeg}) {
      const auto file = EncodePicture(image, {{kSoftware, "x"}}, {kind, 95});
      REQUIRE_MESSAGE(file.ok(), file.status().message());
      PictureNotes notes;
      const auto read = DecodePicture(MemorySource(*file), &notes);
      REQUIRE_MESSAGE(read.ok(), read.status().message());
      CHECK(read->profile == image.profile);
      CHECK(notes.warnings.empty());
      CHECK(notes.texts.size() == 1);
      if (kind == PictureKind::kPng) CHECK(std::ranges::equal(read->bytes(), image.bytes()));
    }
  }
  const auto plain = EncodePicture(Pattern(), {}, {});
  CHECK(DecodePicture(MemorySource(*plain))->profile.empty());
}

TEST_CASE("a profile that is cut or turned into one of grey does not stop the picture") {
  Image image = Pattern();
  image.profile = Profile(500);
  for (const PictureKind kind : {PictureKind::kPng, PictureKind::kJpeg}) {
    Image other = Pattern();
    other.profile = Profile(500, "GRAY");
    const auto grey = EncodePicture(other, {}, {kind, 95});
    PictureNotes notes;
    CHECK(DecodePicture(MemorySource(*grey), &notes)->profile.empty());
    CHECK(notes.warnings.empty());
    other.profile = Profile(500);
    other.profile.resize(300);
    const auto cut = EncodePicture(other, {}, {kind, 95});
    CHECK(DecodePicture(MemorySource(*cut), &notes)->profile.empty());
    CHECK(notes.warnings.size() == 1);
  }
  // What turns the picture leaves the profile with it.
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image lying = Pattern();
    lying.profile = Profile(500);
    CHECK(TurnUpright(std::move(lying), orientation)->profile == image.profile);
  }
}

}  // namespace
}  // namespace mien
