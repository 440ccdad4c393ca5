// An evaluation as one page: numbers, plots and pictures in a file that needs no other.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/evaluation.h"
#include "tools/page.h"

namespace mien {
namespace {

constexpr const char* kColours[] = {"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"};

template <class... Numbers>
std::string Format(const char* format, Numbers... numbers) {
  char text[500];
  std::snprintf(text, sizeof text, format, numbers...);
  return text;
}

struct Bar {
  std::string label;
  size_t colour;
  const Estimate* estimate;
};

// Shares from 0 to `most` as bars, with their intervals.
std::string Plot(const std::string& title, const std::vector<Bar>& bars, double most) {
  constexpr double kLabel = 190, kWidth = 420, kLine = 18;
  const auto place = [&](double value) { return kLabel + kWidth * std::clamp(value / most, 0.0, 1.0); };
  std::string svg = "<h3>" + Escaped(title) + "</h3>\n" +
                    Format(
                        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
                        "font-family=\"sans-serif\" font-size=\"12\">\n",
                        kLabel + kWidth + 60, kLine * (static_cast<double>(bars.size()) + 1));
  for (int i = 0; i <= 4; ++i) {
    const double x = kLabel + kWidth * i / 4;
    svg += Format("<line x1=\"%g\" y1=\"0\" x2=\"%g\" y2=\"%g\" stroke=\"#dddddd\"/>\n", x, x,
                  kLine * static_cast<double>(bars.size()));
    svg += Format("<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%g</text>\n", x,
                  kLine * static_cast<double>(bars.size()) + 13, most * i / 4);
  }
  double top = 0;
  for (const Bar& bar : bars) {
    svg +=
        Format("<text x=\"%g\" y=\"%g\" text-anchor=\"end\">", kLabel - 6, top + 13) + Escaped(bar.label) + "</text>\n";
    if (!std::isnan(bar.estimate->mean)) {
      const double low = place(bar.estimate->interval.low), high = place(bar.estimate->interval.high);
      svg += Format("<rect x=\"%g\" y=\"%g\" width=\"%.1f\" height=\"%g\" fill=\"%s\"/>\n", kLabel, top + 3,
                    place(bar.estimate->mean) - kLabel, kLine - 6, kColours[bar.colour % std::size(kColours)]);
      svg += Format("<line x1=\"%.1f\" y1=\"%g\" x2=\"%.1f\" y2=\"%g\" stroke=\"black\"/>\n", low, top + kLine / 2,
                    high, top + kLine / 2);
      svg += Format("<text x=\"%.1f\" y=\"%g\">%.3g</text>\n", high + 5, top + 13, bar.estimate->mean);
    }
    top += kLine;
  }
  return svg + "</svg>\n";
}

std::string EditPlots(const Evaluation& evaluation) {
  const auto& goals = evaluation.rules.goals;
  std::vector<Bar> success, identity, distance;
  double farthest = evaluation.rules.same_person;
  for (size_t g = 0; g < goals.size(); ++g) {
    for (size_t m = 0; m < evaluation.methods.size(); ++m) {
      const EditSummary& s = evaluation.summary.whole.edits[m * goals.size() + g];
      if (s.faces == 0) continue;
      const std::string label = goals[g].name() + " " + evaluation.methods[m];
      success.push_back({label, m, &s.success});
      identity.push_back({label, m, &s.identity});
      distance.push_back({label, m, &s.measures[0]});
      if (s.measures[0].interval.high > farthest) farthest = s.measures[0].interval.high;
    }
  }
  return Plot("Success: share of faces on which the score crosses the threshold", success, 1) +
         Plot("Identity: share of successful edits whose distance lies below the threshold", identity, 1) +
         Plot("Distance of the face recogniser, over the faces on which all methods succeed", distance,
              std::ceil(farthest * 10) / 10);
}

std::string GroupPlots(const Evaluation& evaluation) {
  std::string plots;
  for (size_t c = 0; c < evaluation.groupings.size(); ++c) {
    const Grouping& grouping = evaluation.groupings[c];
    for (const bool success : {true, false}) {
      std::vector<Bar> bars;
      for (size_t k = 0; k < grouping.names.size(); ++k) {
        const GroupSummary& group = evaluation.summary.groups[c][k];
        for (size_t m = 0; m < evaluation.methods.size(); ++m) {
          bars.push_back({grouping.names[k] + Format(" (%zu) ", group.faces) + evaluation.methods[m], m,
                          success ? &group.all[m].success : &group.all[m].identity});
        }
      }
      plots += Plot((success ? "Success of all edits by " : "Identity of all edits by ") + grouping.column, bars, 1);
    }
  }
  return plots;
}

std::string Pictures(const Evaluation& evaluation) {
  std::string html;
  for (const ShownFace& face : evaluation.shown) {
    html += "<h3>" + Escaped(face.name) + "</h3>\n<div class=\"faces\">\n";
    if (!face.original.empty()) html += Figure(face.original, "original");
    html += Figure(face.reconstruction, "reconstruction") + "</div>\n<div class=\"faces\">\n";
    for (const ShownFace::Edit& edit : face.edits) {
      const std::string what = evaluation.rules.goals[edit.goal].name() + " " + evaluation.methods[edit.method];
      html += "<div class=\"pair\">" +
              Figure(edit.picture, what + (edit.reached ? "" : " (not reached)") + Format(", %.3f", edit.distance)) +
              Figure(edit.difference, "difference") + "</div>\n";
    }
    html += "</div>\n";
  }
  return html;
}

}  // namespace

std::string PageOf(const Evaluation& evaluation, const std::string& model) {
  std::string html = PageHead("mien evaluate");
  html += "<h1>Edits judged by mien</h1>\n<p>Model " + Escaped(model) + Format(", %zu faces, ", evaluation.faces) +
          (evaluation.search == SearchKind::kBinary ? "binary" : "linear") +
          " search. Reference of every measure: the generator's picture of the unedited codes. The same person: a "
          "distance below " +
          Format("%g, ", evaluation.rules.same_person) + Escaped(evaluation.same_person_source) +
          ". Bars end at the mean, lines span 95 % intervals (bootstrap over faces).</p>\n";
  html += "<h2>Edits</h2>\n<pre>" + Escaped(TableOf(evaluation)) + "</pre>\n<p>" + Escaped(GapInWords(evaluation)) +
          ".</p>\n" + EditPlots(evaluation);
  if (!evaluation.groupings.empty()) html += "<h2>Subgroups</h2>\n" + GroupPlots(evaluation);
  if (!evaluation.shown.empty())
    html +=
        "<h2>Pictures</h2>\n<p>Differences are twice as large as they are, around grey.</p>\n" + Pictures(evaluation);
  return html + kPageEnd;
}

}  // namespace mien
