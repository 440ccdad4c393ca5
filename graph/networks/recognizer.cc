// ArcFace recognizer (arXiv:1801.07698) on the IR-SE trunk: batch norm, fully connected layer over the
// flattened map, batch norm, unit length.
#include "graph/networks/networks.h"
#include "graph/networks/trunk.h"

namespace mien {

Result<Graph> BuildRecognizer(const ModelConfig& config, const RecognizerOptions& options,
                              const GraphOptions& graph) {
  MIEN_TRY(CheckBuild(config.recognizer.has_value(), "recognizer", graph.batch));
  const RecognizerConfig& r = *config.recognizer;
  Builder b(NameOf(options), config, graph.trace);
  const Module m(&b, "recognizer.");
  ValueId x = b.Input("image", {graph.batch, 3, r.input_size, r.input_size});
  x = m.Norm("output_layer.0", AppendTrunk(m, r.trunk, x).back());
  m.Trace("output_layer.0", x);
  x = m.FullyConnected("output_layer.3", x);
  m.Trace("output_layer.3", x);
  x = m.Norm("output_layer.4", x);
  m.Trace("output_layer.4", x);
  b.Output("embedding", b.Call<L2Normalize>("embedding", {}, {x}));
  return b.Finish();
}

}  // namespace mien
