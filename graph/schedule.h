// The order in which the host runs a graph. By layers: every node once and whole, as built. In bands (line
// buffers): from the first node on whose image outgrows its weights, images exist only as windows of rows,
// and a node computes a few rows whenever a later one needs them. Everything is decided here; both orders
// give the same bits.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace mien {

struct Step {
  int node = 0;
  RowRange rows;             // of the output; {0, 0}: all there is
  int64_t window_begin = 0;  // before the step, the output's window moves on so that this is its first row
};

struct Schedule {
  std::vector<Step> steps;
  // The time of memory plans: the moment of every node. All nodes in bands share the last one.
  std::vector<int> moment;
  int moments = 0;
  std::vector<int64_t> window_rows;  // per value: rows in memory; 0: the whole value
  // Whole values stay in memory to the end, so that the next run can begin in the middle.
  bool keeps_values = false;

  bool in_bands(size_t node) const { return banded() && moment[node] + 1 == moments; }
  bool banded() const { return !steps.empty() && steps.back().rows.end > 0; }
};

Schedule LayerSchedule(const Graph& graph);
// That of layers where nothing can run in bands.
Schedule BandSchedule(const Graph& graph);
// The second opinion: walks the steps and keeps account of which rows of every value are in memory. Every row
// is computed once, after the rows it is computed from and while they are there.
Status CheckSchedule(const Graph& graph, const Schedule& schedule);

}  // namespace mien
