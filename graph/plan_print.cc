// A memory plan for people: a table, and a picture in which boxes are buffers (time to the right, addresses
// upwards).
#include <algorithm>
#include <cstdio>

#include "graph/planner.h"

namespace mien {
namespace {

// Everything that has bytes, in the order of time, then address.
std::vector<const Placement*> Placed(const MemoryPlan& plan) {
  std::vector<const Placement*> placed;
  for (const std::vector<Placement>* list : {&plan.values, &plan.scratch, &plan.carries}) {
    for (const Placement& place : *list) {
      if (place.bytes > 0) placed.push_back(&place);
    }
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placement* a, const Placement* b) {
    return std::pair(a->first, a->offset) < std::pair(b->first, b->offset);
  });
  return placed;
}

template <class... Values>
void Append(std::string* text, const char* format, Values... values) {
  char line[256];
  std::snprintf(line, sizeof(line), format, values...);
  *text += line;
}

std::string XmlText(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

std::string PlanTable(const MemoryPlan& plan) {
  std::string text = "  first   last       offset        bytes  name\n";
  for (const Placement* place : Placed(plan)) {
    Append(&text, "%7d %6d %12llu %12llu  ", place->first, place->last,
           static_cast<unsigned long long>(place->offset), static_cast<unsigned long long>(place->bytes));
    text += place->name + "\n";
  }
  Append(&text, "arena %llu bytes, lower bound %llu bytes\n",
         static_cast<unsigned long long>(plan.arena_bytes),
         static_cast<unsigned long long>(plan.lower_bound));
  return text;
}

std::string PlanPicture(const MemoryPlan& plan) {
  const double width = 1200, height = 600;
  const double steps = static_cast<double>(std::max<size_t>(plan.scratch.size(), 1));
  const double bytes = static_cast<double>(std::max<uint64_t>(plan.arena_bytes, 1));
  std::string svg;
  Append(&svg,
         "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\">\n",
         width, height);
  Append(&svg, "<title>%llu bytes</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
         static_cast<unsigned long long>(plan.arena_bytes));
  int color = 0;
  for (const Placement* place : Placed(plan)) {
    const double box_height = static_cast<double>(place->bytes) / bytes * height;
    color = (color + 137) % 360;  // the golden angle: neighbours differ
    Append(&svg, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" ", place->first / steps * width,
           height - static_cast<double>(place->offset) / bytes * height - box_height,
           (place->last - place->first + 1) / steps * width, box_height);
    Append(&svg, "fill=\"hsl(%d,60%%,70%%)\" stroke=\"#333\" stroke-width=\"0.3\"><title>", color);
    svg += XmlText(place->name);
    Append(&svg, ": %llu bytes at %llu, steps %d to %d</title></rect>\n",
           static_cast<unsigned long long>(place->bytes), static_cast<unsigned long long>(place->offset),
           place->first, place->last);
  }
  return svg + "</svg>\n";
}

}  // namespace mien
