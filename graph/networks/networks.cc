#include "graph/networks/networks.h"

namespace mien {
namespace {

struct Network {
  const char* name;
  NetworkOptions defaults;
  bool (*is_in)(const ModelConfig& config);
  Result<Graph> (*build)(const ModelConfig& config, const NetworkOptions& options, const GraphOptions& graph);
};

// In the order of the alternatives of NetworkOptions.
constexpr Network kNetworks[] = {
#define MIEN_NETWORK(name, component, Options, Build)                                    \
  {#name, Options(), [](const ModelConfig& config) { return config.component.has_value(); }, \
   [](const ModelConfig& config, const NetworkOptions& options, const GraphOptions& graph) { \
     return Build(config, std::get<Options>(options), graph);                            \
   }},
#include "graph/networks/networks.def"
#undef MIEN_NETWORK
};

}  // namespace

const std::vector<std::string>& GraphNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Network& network : kNetworks) all.push_back(network.name);
    return all;
  }();
  return names;
}

const char* NameOf(const NetworkOptions& network) { return kNetworks[network.index()].name; }

Result<NetworkOptions> NetworkNamed(const std::string& name) {
  std::string known;
  for (const Network& network : kNetworks) {
    if (name == network.name) return network.defaults;
    known += (known.empty() ? "" : ", ") + std::string(network.name);
  }
  return Status::Error(Code::kUsage, "graph %s: one of %s expected", name.c_str(), known.c_str());
}

std::vector<NetworkOptions> NetworksOf(const ModelConfig& config) {
  std::vector<NetworkOptions> networks;
  for (const Network& network : kNetworks) {
    if (network.is_in(config)) networks.push_back(network.defaults);
  }
  return networks;
}

Result<Graph> BuildGraph(const ModelConfig& config, const NetworkOptions& network, const GraphOptions& graph) {
  return kNetworks[network.index()].build(config, network, graph);
}

}  // namespace mien
