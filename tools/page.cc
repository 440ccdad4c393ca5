#include "tools/page.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "runtime/face/resample.h"

namespace mien {
namespace {

std::string Base64(std::span<const std::byte> bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? std::to_integer<uint32_t>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

constexpr const char* kStyles =
    "body { font-family: sans-serif; margin: 2em; } pre { overflow-x: auto; }\n"
    "figure { display: inline-block; margin: 2px; vertical-align: top; } figcaption { font-size: 11px; }\n"
    ".small, .small img { width: 128px; } .large img { max-width: 512px; }\n"
    ".faces { display: flex; flex-wrap: wrap; } .pair { margin: 4px; border: 1px solid #dddddd; }\n";

}  // namespace

std::string PageHead(const std::string& title) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + Escaped(title) +
         "</title>\n<style>\n" + kStyles + "</style></head><body>\n";
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : ForTerminal(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Result<std::string> PictureData(const Image& picture, int side, const std::vector<PictureText>& texts) {
  const int longer = std::max(picture.width, picture.height);
  const auto scaled = [&](int length) {
    if (longer <= side) return length;
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(length) * side / longer)));
  };
  MIEN_ASSIGN(Image shown,
              longer > side ? ResizeImage(picture, scaled(picture.width), scaled(picture.height)) : picture.Copy());
  shown.profile = picture.profile;
  shown.exif.clear();
  shown.xmp.clear();
  MIEN_ASSIGN(const std::vector<std::byte> file, EncodeJpeg(shown, texts, 90));
  return "data:image/jpeg;base64," + Base64(file);
}

std::string Figure(const std::string& data, const std::string& words, const char* kind) {
  const std::string escaped = Escaped(words);
  return "<figure class=\"" + std::string(kind) + "\"><img alt=\"" + escaped + "\" src=\"" + data + "\"><figcaption>" +
         escaped + "</figcaption></figure>\n";
}

}  // namespace mien
