// A memory plan as an SVG picture: a column per step with its layer below, addresses upwards, a box per buffer over
// the steps of its life. Boxes that have room carry their names; every box tells its numbers when pointed at.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "graph/lowering/planner.h"

namespace mien {
namespace {

constexpr double kLeft = 74, kTop = 66, kRight = 16, kHeight = 560;  // around and of the arena, in pixels
constexpr double kLeastColumn = 12, kLeastWidth = 1120;
constexpr double kLetter = 5.3;  // width of one of 9 pixels' height

template <class... Values>
void Append(std::string* text, const char* format, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, format, values...);
  *text += line;
}

std::string XmlText(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string Decimal(double bytes) {
  char text[32];
  const int power = bytes >= 1e9 ? 9 : bytes >= 1e6 ? 6 : bytes >= 1e3 ? 3 : 0;
  const char* const unit = power == 9 ? "GB" : power == 6 ? "MB" : power == 3 ? "kB" : "bytes";
  std::snprintf(text, sizeof text, "%.3g %s", bytes / std::pow(10.0, power), unit);
  return text;
}

// What a box of each list of the plan looks like.
struct Kind {
  const char *name, *fill, *edge;
};
constexpr Kind kValue = {"inputs, activations, outputs", "#9cc3e6", "#4a7fb0"};
constexpr Kind kScratch = {"scratch", "#e4e1da", "#a8a294"};
constexpr Kind kCarry = {"carried from band to band", "#f3cf8f", "#c08a2c"};

class Picture {
 public:
  Picture(const MemoryPlan& plan, const std::string& title) : plan_(plan) {
    SetColumns();
    size_t longest = 0;
    for (const std::string& step : plan.steps) longest = std::max(longest, step.size());
    const double width = left_.back() + kRight, height = kTop + kHeight + 14 + kLetter * static_cast<double>(longest);
    Append(&svg_, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" ",
           width, height, width, height);
    svg_ += "font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"9\" fill=\"#333\">\n"
            "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
    DrawHeading(title);
    DrawAxes();
    for (const Placement& value : plan.values) DrawBox(value, kValue);
    for (const Placement& scratch : plan.scratch) DrawBox(scratch, kScratch);
    for (const Placement& carry : plan.carries) DrawBox(carry, kCarry);
    svg_ += "</svg>\n";
  }
  std::string Take() { return std::move(svg_); }

 private:
  // left_[i], left_[i + 1]: the sides of step i. The step of the nodes in bands is as wide as they are many.
  void SetColumns() {
    std::vector<int> nodes(std::max<size_t>(plan_.steps.size(), 1), 1);
    for (const Placement& carry : plan_.carries) ++nodes[static_cast<size_t>(carry.first)];
    int all = 0;
    for (const int count : nodes) all += count;
    const double column = std::max(kLeastColumn, kLeastWidth / all);
    left_.assign(1, kLeft);
    for (const int count : nodes) left_.push_back(left_.back() + column * count);
  }

  double Y(uint64_t address) const {
    const auto bytes = static_cast<double>(std::max<uint64_t>(plan_.arena_bytes, 1));
    return kTop + kHeight * (1.0 - static_cast<double>(address) / bytes);
  }

  void DrawText(double x, double y, const char* attributes, const std::string& text) {
    Append(&svg_, "<text x=\"%.2f\" y=\"%.2f\" %s>", x, y, attributes);
    svg_ += XmlText(text) + "</text>\n";
  }

  void DrawHeading(const std::string& title) {
    DrawText(kLeft, 24, "font-size=\"15\"", title);
    DrawText(kLeft, 44, "font-size=\"11\"",
             "arena of " + std::to_string(plan_.arena_bytes) + " bytes; " + std::to_string(plan_.lower_bound) +
                 " are alive at once in the fullest step");
    double x = left_.back();
    for (const Kind& kind : {kCarry, kScratch, kValue}) {  // from the right
      if (kind.name == kCarry.name && plan_.carries.empty()) continue;
      x -= 17 + kLetter * static_cast<double>(std::string(kind.name).size());
      Append(&svg_, "<rect x=\"%.2f\" y=\"14\" width=\"12\" height=\"12\" fill=\"%s\" stroke=\"%s\"/>\n", x, kind.fill,
             kind.edge);
      DrawText(x + 17, 23.5, "", kind.name);
      x -= 20;
    }
  }

  void DrawAxes() {
    double tick =
        std::pow(10.0, std::floor(std::log10(static_cast<double>(std::max<uint64_t>(plan_.arena_bytes, 10)))));
    while (tick * 4 > static_cast<double>(plan_.arena_bytes) && tick >= 2) tick /= 2;
    for (double bytes = 0; bytes <= static_cast<double>(plan_.arena_bytes); bytes += tick) {
      const double y = Y(static_cast<uint64_t>(bytes));
      Append(&svg_, "<path d=\"M%.2f %.2fH%.2f\" stroke=\"#ddd\"/>\n", kLeft - 4, y, left_.back());
      DrawText(kLeft - 8, y + 3, "text-anchor=\"end\"", Decimal(bytes));
    }
    for (size_t step = 0; step < plan_.steps.size(); ++step) {
      const double x = (left_[step] + left_[step + 1]) / 2, y = kTop + kHeight + 7;
      std::string turned;
      Append(&turned, "text-anchor=\"end\" dominant-baseline=\"central\" transform=\"rotate(-90 %.2f %.2f)\"", x, y);
      DrawText(x, y, turned.c_str(), plan_.steps[step]);
    }
  }

  void DrawBox(const Placement& place, const Kind& kind) {
    if (place.bytes == 0) return;
    const double x = left_[static_cast<size_t>(place.first)], y = Y(place.offset + place.bytes);
    const double width = left_[static_cast<size_t>(place.last) + 1] - x, height = Y(place.offset) - y;
    Append(&svg_, "<rect x=\"%.3f\" y=\"%.3f\" width=\"%.3f\" height=\"%.3f\" ", x, y, width, height);
    Append(&svg_, "fill=\"%s\" stroke=\"%s\" stroke-width=\"0.5\"><title>", kind.fill, kind.edge);
    svg_ += XmlText(place.name);
    Append(&svg_, ": %llu bytes at %llu, steps %d to %d</title></rect>\n", static_cast<unsigned long long>(place.bytes),
           static_cast<unsigned long long>(place.offset), place.first, place.last);
    DrawName(place, x + width / 2, y + height / 2, width - 4, height - 4);
  }

  // In the middle of a box, upright where that fits, with the size where there is room.
  void DrawName(const Placement& place, double x, double y, double width, double height) {
    const auto length = [](const std::string& text) { return kLetter * static_cast<double>(text.size()); };
    const bool upright = length(place.name) <= width;
    const double room = upright ? width : height;
    if (length(place.name) > room || std::min(width, height) < 8) return;
    std::string attributes = "text-anchor=\"middle\" dominant-baseline=\"central\"";
    if (!upright) Append(&attributes, " transform=\"rotate(-90 %.2f %.2f)\"", x, y);
    const std::string with_size = place.name + ", " + Decimal(static_cast<double>(place.bytes));
    DrawText(x, y, attributes.c_str(), length(with_size) <= room ? with_size : place.name);
  }

  const MemoryPlan& plan_;
  std::vector<double> left_;
  std::string svg_;
};

}  // namespace

std::string PlanPicture(const MemoryPlan& plan, const std::string& title) { return Picture(plan, title).Take(); }

}  // namespace mien
