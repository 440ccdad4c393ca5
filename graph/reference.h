// Runs a graph in double with the plain reference functions of the ops: the first of the two opinions.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace mien {

using DoubleTensor = std::vector<double>;
// Fills the weight or parameter `name`, exactly converted from its stored value.
using WeightSource = std::function<Status(const std::string& name, std::span<float> out)>;

Result<std::map<std::string, DoubleTensor>> RunReference(const Graph& graph,
                                                         const std::map<std::string, DoubleTensor>& inputs,
                                                         const WeightSource& weights);

}  // namespace mien
