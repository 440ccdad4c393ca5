// Which networks a foreign file holds, and with which config. A network is found by its names, wherever in
// the file they lie; shapes decide its config; everything else that the file says of it must agree.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weights/config.h"
#include "weights/import/foreign.h"
#include "weights/import/settings.h"

namespace mien {

// One network found in one file: the config it implies and a tensor for every name that config asks for.
struct FoundComponent {
  std::string component;
  ModelConfig config;                  // of that component alone
  std::string prefix;                  // where in the file it was, e.g. "state_dict.decoder."
  bool inside_encoder_file = false;    // the generator that travels with an encoder
  std::vector<ForeignTensor> tensors;  // renamed to the names of ExpectedTensors, in its order
};

// All networks of a file; refuses a file without any, and lists everything that is missing or has a wrong
// shape. Remarks (tensors nobody uses, choices made) are added to `notes`.
Result<std::vector<FoundComponent>> DetectComponents(const ForeignFile& file,
                                                     std::vector<std::string>* notes);

// Names of the attributes in the order of the flow's first coordinates, and in the order of the classifier
// (networks.md, "Attributes").
extern const std::vector<std::string> kFlowAttributes;
extern const std::vector<std::string> kClassifierOutputs;

// How a network shows in a file.
struct Signature {
  std::string component;
  // The config of one whose keys start with `prefix`. Sizes that do not fit anything are refused, and so are settings
  // that contradict what is computed. What had to be assumed is added to `notes`.
  Result<ModelConfig> (*derive)(const Settings& file, const std::string& prefix, std::vector<std::string>* notes);
  bool judges;                       // pictures: training files have it beside what was trained, where it need not fit
  std::vector<std::string> keys;     // that give it away
  std::vector<const char*> modules;  // first parts of its keys; others under the same prefix belong to somebody else
  // Where other networks have tensors of the same names: whether those below `prefix` are its own.
  bool (*fits)(const ForeignFile& file, const std::string& prefix) = nullptr;
};
const std::vector<Signature>& Signatures();  // derive.cc

// The encoder that the file says it has; refused when it is one that is not computed. Nothing: it does not
// say.
struct StatedType {
  std::string path;  // of encoder_type
  EncoderKind kind;
};
Result<std::optional<StatedType>> StatedEncoder(const Settings& settings);
// Where the other settings of the encoder are, with the dot behind it: beside encoder_type, else in opts,
// else beside start_from_latent_avg; empty: at the top or nowhere.
std::string EncoderFolder(const Settings& settings, const std::string& prefix,
                          const std::optional<StatedType>& stated);
// A model file of ours, whose config says what its tensors do not.
bool StatesItsConfig(const ForeignFile& file);

}  // namespace mien
