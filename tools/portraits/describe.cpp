#include "describe.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace portraits {
namespace {

std::string number(float x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", double(abs(x) < .0005f ? 0 : x));
  return text;
}

std::string pair(Flat p) { return "[" + number(p.x) + "," + number(p.y) + "]"; }

}  // namespace

Box box_of(const std::array<Flat, kLandmarks>& landmarks) {
  Flat low = landmarks[0], high = landmarks[0];
  for (const Flat& p : landmarks) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y)};
  }
  const float forehead = (high.y - low.y) / 3;
  return {low.x, low.y - forehead, high.x - low.x, high.y - low.y + forehead};
}

std::string describe(int person, const Portrait& portrait, const std::array<Flat, kLandmarks>& landmarks) {
  std::string text = "{\"person\": " + std::to_string(person) + ", \"attributes\": {";
  const auto values = portrait.attributes.values();
  for (int k = 0; k < kAttributes; ++k)
    text += std::string(k ? ", \"" : "\"") + kFactorNames[k] + "\": " + number(values[k]);
  text += "}, \"skin_tone\": " + number(portrait.identity.tone) +
          ", \"age_band\": " + std::to_string(age_band(portrait.attributes.age)) + ",\n \"landmarks\": [";
  for (int i = 0; i < kLandmarks; ++i) text += (i ? "," : "") + pair(landmarks[i]);
  const Box box = box_of(landmarks);
  text += "],\n \"box\": [" + number(box.x) + ", " + number(box.y) + ", " + number(box.width) + ", " +
          number(box.height) + "]";
  const Frame f = ffhq_frame(landmarks);
  const Flat down{-f.half.y, f.half.x};
  const auto corner = [&](float a, float b) {
    return pair({f.center.x + a * f.half.x + b * down.x, f.center.y + a * f.half.y + b * down.y});
  };
  return text + ", \"quad\": [" + corner(-1, -1) + "," + corner(-1, 1) + "," + corner(1, 1) + "," +
         corner(1, -1) + "]}";
}

void write_text(const std::string& path, const std::string& text) {
  FILE* file = std::fopen(path.c_str(), "wb");
  const bool good = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if ((file && std::fclose(file) != 0) || !good) throw std::runtime_error("cannot write " + path);
}

}  // namespace portraits
