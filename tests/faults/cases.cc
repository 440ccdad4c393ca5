#include "tests/faults/cases.h"

#include <algorithm>
#include <cstdlib>

#include "tests/support/tiny_model.h"

namespace mien::testing {

long Stride(long usual) {
  const char* const wanted = std::getenv("MIEN_FAULT_STRIDE");
  return wanted == nullptr ? usual : std::max(1L, std::atol(wanted));
}

const std::string& SmallModelPath() {
  static const std::string path = [] {
    ModelConfig config;
    GeneratorConfig& g = config.generator.emplace();
    g.resolution = 8;
    g.z_dim = g.w_dim = 4;
    g.mapping_layers = 1;
    g.channels = {4, 4};
    FlowConfig& f = config.flow.emplace();
    f.features = f.hidden = f.contexts = 4;
    f.layers = 1;
    f.blocks = 0;
    f.attributes = {"smile"};
    f.attribute_min = {0};
    f.attribute_max = {1};
    const std::string name = ScratchFolder() + "/small.safetensors";
    WriteModel(config, name);
    return name;
  }();
  return path;
}

}  // namespace mien::testing
