#include "runtime/face/icc.h"

#include <string_view>
#include <utility>

namespace mien {
namespace {

constexpr std::string_view kPiecePrefix("ICC_PROFILE\0", 12);
// Fields of a profile's header (ICC.1:2022, 7.2): its size, the space of its colours, the signature of all profiles.
constexpr size_t kHeaderBytes = 128, kSpaceAt = 16, kSignatureAt = 36;

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void ProfilePieces::Add(std::span<const std::byte> segment) {
  if (segment.size() < kProfilePieceHeader || !TextOf(segment).starts_with(kPiecePrefix)) return;
  const auto number = std::to_integer<size_t>(segment[12]), count = std::to_integer<size_t>(segment[13]);
  if (number < 1 || number > count || bytes_ > kMostProfileBytes) return;
  if (pieces_.empty()) pieces_.resize(count);
  if (count != pieces_.size() || !pieces_[number - 1].empty()) return;
  const auto piece = segment.subspan(kProfilePieceHeader);
  pieces_[number - 1].assign(piece.begin(), piece.end());
  bytes_ += piece.size();
}

std::vector<std::byte> ProfilePieces::Joined() const {
  std::vector<std::byte> profile;
  for (const std::vector<std::byte>& piece : pieces_) {
    if (piece.empty()) return {};
    profile.insert(profile.end(), piece.begin(), piece.end());
  }
  return profile;
}

std::vector<std::byte> RgbProfile(std::vector<std::byte> profile, std::vector<std::string>* warnings) {
  if (profile.empty()) return profile;
  const std::string_view text = TextOf(profile);
  size_t stated = 0;
  for (size_t i = 0; i < 4 && i < text.size(); ++i) stated = stated << 8 | std::to_integer<size_t>(profile[i]);
  const bool whole = profile.size() >= kHeaderBytes && profile.size() <= kMostProfileBytes &&
                     stated == profile.size() && text.substr(kSignatureAt, 4) == "acsp";
  if (!whole) warnings->push_back("its colour profile is left out: it is damaged or longer than 1 MiB");
  if (!whole || text.substr(kSpaceAt, 4) != "RGB ") profile.clear();
  return profile;
}

}  // namespace mien
