#include "weights/import/detect.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "weights/header.h"
#include "weights/layout.h"
#include "weights/problems.h"
#include "weights/schema.h"

namespace mien {
namespace {

enum class Network { kRosinality, kNvidia, kEncoder, kRecognizer, kFlow, kAttributes };

// Where a network may lie in a file, best place first, and the keys that give it away.
struct Signature {
  Network network;
  const char* component;  // prefix of its names in a model file
  std::vector<const char*> prefixes;
  std::vector<const char*> keys;
  std::vector<const char*>
      modules;  // first part of its keys; others under the same prefix belong to somebody else
};

const std::vector<Signature>& Signatures() {
  static const std::vector<Signature> signatures = {
      {Network::kRosinality,
       "generator.",
       {"g_ema.", "g.", "generator.", "", "state_dict.decoder.", "decoder."},
       {"style.1.weight", "conv1.conv.weight", "to_rgb1.conv.weight"},
       {"style", "input", "conv1", "to_rgb1", "convs", "to_rgbs", "noises"}},
      {Network::kNvidia,
       "generator.",
       {"G_ema.", "generator.", "", "G."},
       {"synthesis.b4.const", "mapping.fc0.weight"},
       {"synthesis", "mapping"}},
      {Network::kEncoder,
       "encoder.",
       {"encoder.", "", "state_dict.encoder.", "state_dict."},
       {"input_layer.0.weight", "styles.0.linear.weight"},
       {"input_layer", "body", "styles", "latlayer1", "latlayer2"}},
      {Network::kRecognizer,
       "recognizer.",
       {"recognizer.", "", "state_dict.", "module."},
       {"input_layer.0.weight", "output_layer.3.weight"},
       {"input_layer", "body", "output_layer"}},
      {Network::kFlow,
       "flow.",
       {"model.", "flow.", "", "state_dict."},
       {"_transform._transforms.0.identity_features"},
       {"_transform"}},
      {Network::kAttributes,
       "attributes.",
       {"attributes.", "", "state_dict.", "model.", "module."},
       {"conv1.weight", "layer1.0.conv1.weight", "linear.weight"},
       {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "linear"}},
  };
  return signatures;
}

bool FindPrefix(const ForeignFile& file, const Signature& signature, std::string* prefix) {
  for (const char* candidate : signature.prefixes) {
    const bool here = std::all_of(signature.keys.begin(), signature.keys.end(), [&](const char* key) {
      return file.Find(std::string(candidate) + key) != nullptr;
    });
    if (!here) continue;
    *prefix = candidate;
    return true;
  }
  return false;
}

// latent_avg lies beside the networks, not inside them: top level in all public checkpoints.
const ForeignTensor* FindLatentAvg(const ForeignFile& file, const std::string& prefix) {
  const ForeignTensor* inside = prefix.empty() ? nullptr : file.Find(prefix + "latent_avg");
  return inside != nullptr ? inside : file.Find("latent_avg");
}

bool HasRow(const ForeignTensor& average, int64_t dim) {
  return average.shape.rank >= 1 && average.shape[average.shape.rank - 1] == dim &&
         average.shape.elements() >= dim;
}

// The generator has one average; an e4e file has one row per style. They are the same thing when all rows
// agree.
Result<bool> RowsAreEqual(const ForeignTensor& average, int64_t dim) {
  std::vector<std::byte> bytes;
  MIEN_TRY(ReadContiguous(average, &bytes));
  const size_t row = static_cast<size_t>(dim) * DTypeBytes(average.type);
  for (size_t at = row; at + row <= bytes.size(); at += row) {
    if (std::memcmp(bytes.data(), bytes.data() + at, row) != 0) return false;
  }
  return true;
}

ForeignTensor Reshaped(const ForeignTensor& from, const std::string& name, Shape shape) {
  ForeignTensor tensor = from;
  tensor.name = name;
  tensor.shape = shape;
  SetContiguous(&tensor);
  return tensor;
}

// A rewound view is only right for rows that lie one after another.
bool RowMajor(const ForeignTensor& tensor) {
  ForeignTensor contiguous = tensor;
  SetContiguous(&contiguous);
  for (int i = 0; i < tensor.shape.rank; ++i) {
    if (tensor.shape[i] > 1 && tensor.strides[i] != contiguous.strides[i]) return false;
  }
  return true;
}

Status GeneratorAverage(const ForeignFile& file, FoundComponent* found, std::vector<std::string>* notes,
                        std::vector<ForeignTensor>* extra) {
  GeneratorConfig& g = *found->config.generator;
  if (g.convention == Convention::kNvidia) return {};
  const ForeignTensor* average = FindLatentAvg(file, found->prefix);
  if (average == nullptr || !HasRow(*average, g.w_dim) || !RowMajor(*average)) return {};
  MIEN_ASSIGN(const bool equal, RowsAreEqual(*average, g.w_dim));
  if (!equal) {
    notes->push_back("latent_avg has rows that differ: the generator gets no average for truncation");
    return {};
  }
  g.has_latent_avg = true;
  extra->push_back(Reshaped(*average, "generator.latent_avg", {g.w_dim}));
  return {};
}

Status EncoderAverage(const ForeignFile& file, FoundComponent* found, std::vector<ForeignTensor>* extra) {
  EncoderConfig& e = *found->config.encoder;
  const auto wanted = file.scalars.find("opts.start_from_latent_avg");
  const bool refused = wanted != file.scalars.end() && wanted->second == ForeignScalar(false);
  const bool demanded = wanted != file.scalars.end() && wanted->second == ForeignScalar(true);
  const ForeignTensor* average = FindLatentAvg(file, found->prefix);
  e.adds_latent_avg = average != nullptr && !refused;
  if (demanded && average == nullptr) {
    return Status::Error(Code::kRefused, "opts.start_from_latent_avg is true, but latent_avg is missing");
  }
  if (!e.adds_latent_avg) return {};
  const int64_t rows = average->shape.elements() / std::max(1, e.w_dim);
  if (!HasRow(*average, e.w_dim) || !RowMajor(*average) || (rows != e.rows && rows != 1)) {
    return Status::Error(Code::kRefused, "latent_avg is %s, [%d,%d] expected",
                         average->shape.ToString().c_str(), e.rows, e.w_dim);
  }
  extra->push_back(Reshaped(*average, "encoder.latent_avg", {e.rows, e.w_dim}));
  if (rows == 1) extra->back().strides[0] = 0;  // one average for every row
  return {};
}

// The FIR of up-sampling is one filter for the whole net (spec a.4); a net where they differ is some other
// net.
Status CheckFilters(const FoundComponent& found) {
  const ForeignTensor* first = nullptr;
  std::vector<std::byte> expected, bytes;
  for (const ForeignTensor& tensor : found.tensors) {
    if (!tensor.name.ends_with(".kernel") && !tensor.name.ends_with(".resample_filter")) continue;
    MIEN_TRY(ReadContiguous(tensor, first == nullptr ? &expected : &bytes));
    if (first == nullptr)
      first = &tensor;
    else if (tensor.type != first->type || bytes != expected) {
      return Status::Error(Code::kRefused, "%s differs from %s", tensor.name.c_str(), first->name.c_str());
    }
  }
  return {};
}

Result<FoundComponent> Derive(const ForeignFile& file, const Signature& signature, const std::string& prefix,
                              std::vector<std::string>* notes, std::vector<ForeignTensor>* extra) {
  FoundComponent found;
  found.prefix = prefix;
  found.inside_encoder_file = signature.network == Network::kRosinality && prefix.ends_with("decoder.");
  switch (signature.network) {
    case Network::kRosinality: {
      MIEN_ASSIGN(found.config.generator, DeriveRosinality(file, prefix));
      MIEN_TRY(GeneratorAverage(file, &found, notes, extra));
      break;
    }
    case Network::kNvidia: {
      MIEN_ASSIGN(found.config.generator, DeriveNvidia(file, prefix));
      break;
    }
    case Network::kEncoder: {
      MIEN_ASSIGN(found.config.encoder, DeriveEncoder(file, prefix));
      MIEN_TRY(EncoderAverage(file, &found, extra));
      break;
    }
    case Network::kRecognizer: {
      MIEN_ASSIGN(found.config.recognizer, DeriveRecognizer(file, prefix));
      break;
    }
    case Network::kFlow: {
      MIEN_ASSIGN(found.config.flow, DeriveFlow(file, prefix));
      break;
    }
    case Network::kAttributes: {
      MIEN_ASSIGN(found.config.attributes, DeriveAttributes(file, prefix));
      break;
    }
  }
  MIEN_TRY(CheckConfig(found.config));
  return found;
}

// One tensor of the file for every name of the schema; `claimed` collects what was used.
Status Assign(const ForeignFile& file, const Signature& signature, const std::vector<ForeignTensor>& extra,
              FoundComponent* found, std::set<std::string>* claimed) {
  Problems problems;
  const size_t skip = std::strlen(signature.component);
  for (const TensorSpec& spec : ExpectedTensors(found->config)) {
    const auto special =
        std::find_if(extra.begin(), extra.end(), [&](const ForeignTensor& t) { return t.name == spec.name; });
    const std::string source = found->prefix + spec.name.substr(skip);
    const ForeignTensor* tensor = special != extra.end() ? &*special : file.Find(source);
    if (tensor == nullptr) {
      const std::string unread = file.Unread(source);
      problems.Add("%s %s is missing%s%s", Printable(source).c_str(), spec.shape.ToString().c_str(),
                   unread.empty() ? "" : ": ", Printable(unread).c_str());
      continue;
    }
    if (!(tensor->shape == spec.shape)) {
      problems.Add("%s is %s, %s expected", Printable(source).c_str(), tensor->shape.ToString().c_str(),
                   spec.shape.ToString().c_str());
      continue;
    }
    if (tensor->type == DType::kBool) problems.Add("%s is BOOL", Printable(source).c_str());
    found->tensors.push_back(*tensor);
    found->tensors.back().name = spec.name;
    claimed->insert(source);
  }
  return problems.ToStatus(Code::kRefused);
}

bool IsIgnored(const std::string& name) {
  // Counters of training steps, and the base distribution of a flow (spec c.3).
  return name.ends_with("num_batches_tracked") || name.find("_distribution.") != std::string::npos;
}

// Tensors inside a network's own modules that its schema does not know: a variant this program would compute
// wrongly.
void FindStrangers(const ForeignFile& file, const Signature& signature, const std::string& prefix,
                   const std::set<std::string>& claimed, Problems* problems) {
  for (const ForeignTensor& tensor : file.tensors) {
    if (!tensor.name.starts_with(prefix) || claimed.count(tensor.name) || IsIgnored(tensor.name)) continue;
    const std::string rest = tensor.name.substr(prefix.size());
    const std::string module = rest.substr(0, rest.find('.'));
    const bool ours = std::any_of(signature.modules.begin(), signature.modules.end(),
                                  [&](const char* name) { return module == name; });
    if (ours) problems->Add("%s does not belong to the network", Printable(tensor.name).c_str());
  }
}

std::string TopKeys(const ForeignFile& file) {
  std::set<std::string> keys;
  for (const ForeignTensor& tensor : file.tensors) {
    if (keys.size() < 8) keys.insert(Printable(tensor.name.substr(0, tensor.name.find('.'))));
  }
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : ", ") + key;
  for (const auto& [path, what] : file.unread) {
    if (what.find("whole pickled module") != std::string::npos)
      return text + (text.empty() ? "" : "; ") + (path.empty() ? "the file" : Printable(path)) + " is " + what;
  }
  return text.empty() ? "no tensors" : text;
}

}  // namespace

Result<std::vector<FoundComponent>> DetectComponents(const ForeignFile& file,
                                                     std::vector<std::string>* notes) {
  std::vector<FoundComponent> all;
  std::set<std::string> claimed;
  std::vector<std::pair<const Signature*, std::string>> places;
  for (const Signature& signature : Signatures()) {
    std::string prefix;
    if (!FindPrefix(file, signature, &prefix)) continue;
    std::vector<ForeignTensor> extra;
    MIEN_ASSIGN(FoundComponent found, Derive(file, signature, prefix, notes, &extra));
    MIEN_TRY(Assign(file, signature, extra, &found, &claimed));
    if (found.config.generator) MIEN_TRY(CheckFilters(found));
    if (!extra.empty()) claimed.insert({prefix + "latent_avg", "latent_avg"});
    places.emplace_back(&signature, prefix);
    all.push_back(std::move(found));
  }
  if (all.empty()) {
    return Status::Error(Code::kRefused, "no network that this program knows (found: %s)",
                         TopKeys(file).c_str());
  }
  Problems problems;
  for (const auto& [signature, prefix] : places) FindStrangers(file, *signature, prefix, claimed, &problems);
  if (!problems.empty()) return problems.ToStatus(Code::kRefused);
  size_t unused = 0;
  for (const ForeignTensor& tensor : file.tensors) {
    if (!claimed.count(tensor.name) && !IsIgnored(tensor.name)) ++unused;
  }
  if (unused > 0) notes->push_back(std::to_string(unused) + " tensors of the file are not needed");
  return all;
}

}  // namespace mien
