// Which networks a foreign file holds, and with which config. Shapes decide; scalars of the file are
// cross-checked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "weights/config.h"
#include "weights/import/foreign.h"

namespace mien {

// One network found in one file: the config it implies and a tensor for every name that config asks for.
struct FoundComponent {
  ModelConfig config;                  // exactly one component set
  std::string prefix;                  // where in the file it was, e.g. "state_dict.decoder."
  bool inside_encoder_file = false;    // the generator that travels with an e4e encoder
  std::vector<ForeignTensor> tensors;  // renamed to the names of ExpectedTensors, in its order
};

// All networks of a file; refuses a file without any, and lists everything that is missing or has a wrong
// shape. Remarks (tensors nobody uses, choices made) are added to `notes`.
Result<std::vector<FoundComponent>> DetectComponents(const ForeignFile& file,
                                                     std::vector<std::string>* notes);

// Names of the attributes in the order of the flow's first coordinates, and in the order of the classifier
// (spec c.2).
extern const std::vector<std::string> kFlowAttributes;
extern const std::vector<std::string> kClassifierOutputs;

// Config of one network whose keys start with `prefix` (derive.cc). Sizes that do not fit anything are
// refused.
Result<GeneratorConfig> DeriveRosinality(const ForeignFile& file, const std::string& prefix);
Result<GeneratorConfig> DeriveNvidia(const ForeignFile& file, const std::string& prefix);
Result<EncoderConfig> DeriveEncoder(const ForeignFile& file, const std::string& prefix);
Result<RecognizerConfig> DeriveRecognizer(const ForeignFile& file, const std::string& prefix);
Result<FlowConfig> DeriveFlow(const ForeignFile& file, const std::string& prefix);
Result<AttributesConfig> DeriveAttributes(const ForeignFile& file, const std::string& prefix);

}  // namespace mien
