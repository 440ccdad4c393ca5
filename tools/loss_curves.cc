// The losses of a training run, drawn and listed.
#include <algorithm>
#include <cstdio>

#include "tools/train.h"

namespace mien {
namespace {

struct Curve {
  const char *name, *colour;
  double (*value)(const EpochLosses&);
};
constexpr Curve kCurves[] = {
    {"flow", "#1f77b4", [](const EpochLosses& e) { return e.mean.flow; }},
    {"identity", "#d62728", [](const EpochLosses& e) { return e.mean.identity; }},
    {"attributes", "#2ca02c", [](const EpochLosses& e) { return e.mean.attributes; }},
    {"total", "#000000", [](const EpochLosses& e) { return e.mean.total; }},
};

template <class... Numbers>
std::string Format(const char* format, Numbers... numbers) {
  char text[400];
  std::snprintf(text, sizeof text, format, numbers...);
  return text;
}

}  // namespace

std::string LossCurves(const std::vector<EpochLosses>& epochs) {
  constexpr double kWidth = 640, kHeight = 240, kLeft = 70, kTop = 24, kGap = 30;
  const double last = std::max<double>(1, static_cast<double>(epochs.size()) - 1);
  std::string svg = Format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      kLeft + kWidth + kGap, std::size(kCurves) * (kHeight + kTop + kGap));
  double top = kTop;
  for (const Curve& curve : kCurves) {  // every loss on a scale of its own
    double low = epochs.empty() ? 0 : curve.value(epochs[0]), high = low;
    for (const EpochLosses& e : epochs) {
      low = std::min(low, curve.value(e));
      high = std::max(high, curve.value(e));
    }
    const double scale = high > low ? kHeight / (high - low) : 0;
    svg += Format("<text x=\"%g\" y=\"%g\">%s</text>\n", kLeft, top - 6, curve.name);
    svg += Format("<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" fill=\"none\" stroke=\"#cccccc\"/>\n", kLeft, top,
                  kWidth, kHeight);
    svg += Format("<text x=\"%g\" y=\"%g\" text-anchor=\"end\">%.4g</text>\n", kLeft - 4, top + 10, high);
    svg += Format("<text x=\"%g\" y=\"%g\" text-anchor=\"end\">%.4g</text>\n", kLeft - 4, top + kHeight, low);
    svg += Format("<polyline fill=\"none\" stroke=\"%s\" points=\"", curve.colour);
    for (size_t e = 0; e < epochs.size(); ++e) {
      svg += Format("%.1f,%.1f ", kLeft + kWidth * static_cast<double>(e) / last,
                    top + kHeight - scale * (curve.value(epochs[e]) - low));
    }
    svg += Format("\"/>\n<text x=\"%g\" y=\"%g\" text-anchor=\"end\">epoch %zu</text>\n", kLeft + kWidth,
                  top + kHeight + 14, epochs.size());
    top += kHeight + kTop + kGap;
  }
  return svg + "</svg>\n";
}

std::string LossLines(const std::vector<EpochLosses>& epochs) {
  std::string lines;
  for (size_t e = 0; e < epochs.size(); ++e) {
    const nlohmann::json line = {{"epoch", e + 1},
                                 {"flow", epochs[e].mean.flow},
                                 {"identity", epochs[e].mean.identity},
                                 {"attributes", epochs[e].mean.attributes},
                                 {"total", epochs[e].mean.total},
                                 {"gradient_norm", epochs[e].mean.gradient_norm},
                                 {"learning_rate", epochs[e].rate},
                                 {"sigma", epochs[e].sigma}};
    lines += line.dump() + "\n";
  }
  return lines;
}

}  // namespace mien
