#include "weights/import/detect.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <tuple>

#include "weights/header.h"
#include "weights/layout.h"
#include "weights/problems.h"
#include "weights/schema.h"

namespace mien {
namespace {

// Some word of the prefix, words being parted by anything that is no letter.
bool HasWord(std::string_view prefix, std::initializer_list<std::string_view> words) {
  std::string word;
  for (size_t i = 0; i <= prefix.size(); ++i) {
    const char c = i < prefix.size() ? static_cast<char>(prefix[i] | 0x20) : '.';
    if (c >= 'a' && c <= 'z')
      word += c;
    else if (std::find(words.begin(), words.end(), word) != words.end())
      return true;
    else
      word.clear();
  }
  return false;
}

// Of two places the better one: an average of the weights, then what does not travel with an encoder, then
// the one less deep. Where they are equal the first in the file wins.
std::tuple<bool, bool, long> Worth(const std::string& prefix) {
  return {HasWord(prefix, {"ema", "averaged", "smooth", "gs"}), !HasWord(prefix, {"decoder"}),
          -std::count(prefix.begin(), prefix.end(), '.')};
}

// Where in a file a network lies.
struct Place {
  const Signature* signature;
  std::string prefix;
  std::string other;  // the first of the other places where it lies as well
  size_t others = 0;
};

std::string Shown(const std::string& prefix) {
  return prefix.empty() ? "the top level" : Printable(prefix.substr(0, prefix.size() - 1));
}

// A prefix is whatever stands before all of the keys of a signature.
std::vector<Place> FindPlaces(const ForeignFile& file) {
  std::vector<Place> places;
  for (const Signature& signature : Signatures()) {
    std::optional<Place> best;
    for (const ForeignTensor& tensor : file.tensors) {
      if (!tensor.name.ends_with(signature.keys[0])) continue;
      const std::string prefix = tensor.name.substr(0, tensor.name.size() - signature.keys[0].size());
      const bool here =
          (prefix.empty() || prefix.back() == '.') &&
          std::all_of(signature.keys.begin() + 1, signature.keys.end(),
                      [&](const std::string& key) { return file.Find(prefix + key) != nullptr; });
      if (!here || (signature.fits != nullptr && !signature.fits(file, prefix))) continue;
      if (!best) {
        best = {&signature, prefix, {}, 0};
        continue;
      }
      const bool better = Worth(prefix) > Worth(best->prefix);
      if (best->others++ == 0 || better) best->other = better ? best->prefix : prefix;
      if (better) best->prefix = prefix;
    }
    if (best) places.push_back(std::move(*best));
  }
  return places;
}

// The first network that has all tensors of its signature but one, in words: one that is there and was not
// read, or with `absent` one of three that is not there. Empty: none.
std::string AllButOne(const ForeignFile& file, bool absent) {
  for (const Signature& signature : Signatures()) {
    for (const std::string& key : signature.keys) {
      const std::string& other = signature.keys[&key == &signature.keys[0] ? 1 : 0];
      for (const ForeignTensor& tensor : file.tensors) {
        if (!tensor.name.ends_with(other)) continue;
        const std::string prefix = tensor.name.substr(0, tensor.name.size() - other.size());
        const auto unread = file.unread.find(prefix + key);
        if (unread == file.unread.end() && (!absent || signature.keys.size() < 3)) continue;
        if (file.Find(prefix + key) != nullptr ||
            !std::all_of(signature.keys.begin(), signature.keys.end(), [&](const std::string& each) {
              return &each == &key || file.Find(prefix + each) != nullptr;
            }))
          continue;
        return "the " + signature.component + " in " + Shown(prefix) +
               " cannot be read: " + Printable(prefix + key) + " is " +
               (unread == file.unread.end() ? "missing" : unread->second);
      }
    }
  }
  return "";
}

void NoteChoice(const Place& place, std::vector<std::string>* notes) {
  if (place.others == 0) return;
  std::string note = "the " + place.signature->component + " is taken from " + Shown(place.prefix) +
                     ", not from " + Shown(place.other);
  if (place.others > 1) note += " and " + std::to_string(place.others - 1) + " more";
  notes->push_back(note);
}

// ---- the average latent, which lies beside the networks or inside them, whatever holds it

struct Average {
  std::string path;
  SettingNumbers numbers;  // [D] or [L,D]
};

Result<std::optional<Average>> FindAverage(const Settings& settings, const std::string& prefix, int dim) {
  constexpr size_t kMost = 64 * 8192;
  const std::string path = settings.Anywhere(prefix, "latent_avg");
  if (path.empty()) return std::optional<Average>();
  MIEN_ASSIGN(auto numbers, settings.Numbers(path, kMost));
  if (!numbers) return std::optional<Average>();
  if (dim == 1) numbers->dims.push_back(1);
  const auto& dims = numbers->dims;
  if (dims.empty() || dims.size() > 2 || dims.back() != dim || numbers->values.empty()) {
    return Status::Error(Code::kRefused, "%s is %s, [%d] or [rows,%d] expected", Printable(path).c_str(),
                         numbers->Shape().c_str(), dim, dim);
  }
  return std::optional<Average>(Average{path, std::move(*numbers)});
}

// The first `rows` rows, or one row as often.
ForeignTensor AverageTensor(const Average& average, const std::string& name, int rows, int dim, Shape shape) {
  std::vector<std::byte> bytes(static_cast<size_t>(rows) * static_cast<size_t>(dim) * sizeof(float));
  for (size_t i = 0; i < bytes.size() / sizeof(float); ++i) {
    const auto value = static_cast<float>(average.numbers.values[i % average.numbers.values.size()]);
    std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
  }
  return OwnedTensor(name, shape, std::move(bytes));
}

// The generator has one average; an encoder's file has one row per style. They are the same thing when all
// rows agree.
Status GeneratorAverage(const Settings& settings, FoundComponent* found, std::vector<std::string>* notes,
                        std::vector<ForeignTensor>* extra) {
  GeneratorConfig& g = *found->config.generator;
  if (g.has_latent_avg) return {};
  MIEN_ASSIGN(const auto average, FindAverage(settings, found->prefix, g.w_dim));
  if (!average) return {};
  const std::vector<double>& values = average->numbers.values;
  for (size_t i = static_cast<size_t>(g.w_dim); i < values.size(); ++i) {
    if (values[i] == values[i % static_cast<size_t>(g.w_dim)]) continue;
    notes->push_back(Printable(average->path) + " has rows that differ: it is no average for the generator");
    return {};
  }
  g.has_latent_avg = true;
  extra->push_back(AverageTensor(*average, AverageName(g), 1, g.w_dim, {g.w_dim}));
  return {};
}

Status EncoderAverage(const Settings& settings, FoundComponent* found, std::vector<std::string>* notes,
                      std::vector<ForeignTensor>* extra) {
  EncoderConfig& e = *found->config.encoder;
  MIEN_ASSIGN(const auto stated, StatedEncoder(settings));
  const std::string path = EncoderFolder(settings, found->prefix, stated) + "start_from_latent_avg";
  MIEN_ASSIGN(const auto wanted, settings.Flag(path));
  e.adds_latent_avg = false;
  if (!wanted.value_or(true)) return {};
  MIEN_ASSIGN(const auto average, FindAverage(settings, found->prefix, e.w_dim));
  if (!average && wanted) {
    return Status::Error(Code::kRefused, "%s is true, but latent_avg is missing", Printable(path).c_str());
  }
  if (!average && !StatesItsConfig(settings.file()))
    notes->push_back(
        "the encoder's file has no latent_avg: its codes are taken as they are, nothing is added");
  if (!average) return {};
  const auto& dims = average->numbers.dims;
  if (dims.size() == 2 && dims[0] != e.rows) {
    return Status::Error(Code::kRefused, "%s is %s, [%d,%d] expected", Printable(average->path).c_str(),
                         average->numbers.Shape().c_str(), e.rows, e.w_dim);
  }
  e.adds_latent_avg = true;
  extra->push_back(AverageTensor(*average, "encoder.latent_avg", e.rows, e.w_dim, {e.rows, e.w_dim}));
  return {};
}

// ---- FIR filters

bool IsFilter(const std::string& name) {
  return name.ends_with(".kernel") || name.ends_with(".resample_filter");
}

// What the public code makes of [1,3,3,1]: rosinality's filters of up-sampling sum to 4, NVIDIA's to 1.
ForeignTensor PublicFilter(const std::string& name) {
  constexpr float kTaps[] = {1, 3, 3, 1};
  const float sum = name.ends_with(".kernel") ? 4.0f : 1.0f;
  std::vector<std::byte> bytes(16 * sizeof(float));
  for (size_t i = 0; i < 16; ++i) {
    const float value = kTaps[i / 4] * kTaps[i % 4] / 64 * sum;
    std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
  }
  return OwnedTensor(name, {4, 4}, std::move(bytes));
}

// Filters that the file leaves out are those that it has, or the public ones.
void AddFilters(const ForeignFile& file, const Signature& signature, const FoundComponent& found,
                std::vector<ForeignTensor>* extra, std::vector<std::string>* notes) {
  const size_t skip = signature.component.size() + 1;
  const ForeignTensor* there = nullptr;
  std::vector<std::string> missing;
  for (const TensorSpec& spec : ExpectedTensors(found.config)) {
    if (!IsFilter(spec.name)) continue;
    const ForeignTensor* tensor = file.Find(found.prefix + spec.name.substr(skip));
    if (tensor != nullptr)
      there = tensor;
    else if (!file.unread.count(found.prefix + spec.name.substr(skip)))
      missing.push_back(spec.name);
  }
  for (const std::string& name : missing) {
    extra->push_back(there != nullptr ? *there : PublicFilter(name));
    extra->back().name = name;
  }
  if (missing.empty()) return;
  notes->push_back(std::to_string(missing.size()) +
                   (missing.size() == 1 ? " FIR filter is" : " FIR filters are") + " not in the file: " +
                   (there != nullptr ? "taken to be the same as the others" : "[1,3,3,1] is taken"));
}

// The FIR of up-sampling is one filter for the whole net (networks.md, "Modulated convolution"); a net where they
// differ is some other net.
Status CheckFilters(const FoundComponent& found) {
  const ForeignTensor* first = nullptr;
  std::vector<std::byte> expected, bytes;
  for (const ForeignTensor& tensor : found.tensors) {
    if (!IsFilter(tensor.name)) continue;
    MIEN_TRY(ReadContiguous(tensor, first == nullptr ? &expected : &bytes));
    if (first == nullptr)
      first = &tensor;
    else if (tensor.type != first->type || tensor.quantization != first->quantization || bytes != expected) {
      return Status::Error(Code::kRefused, "%s differs from %s", tensor.name.c_str(), first->name.c_str());
    }
  }
  return {};
}

Result<FoundComponent> Derive(const Settings& settings, const Place& place, std::vector<std::string>* notes,
                              std::vector<ForeignTensor>* extra) {
  FoundComponent found;
  found.component = place.signature->component;
  found.prefix = place.prefix;
  found.inside_encoder_file = HasWord(place.prefix, {"decoder"});
  MIEN_ASSIGN(found.config, place.signature->derive(settings, place.prefix, notes));
  if (found.config.encoder) MIEN_TRY(EncoderAverage(settings, &found, notes, extra));
  if (found.config.generator) MIEN_TRY(GeneratorAverage(settings, &found, notes, extra));
  MIEN_TRY(CheckConfig(found.config));
  if (found.config.generator) AddFilters(settings.file(), *place.signature, found, extra, notes);
  return found;
}

// One tensor of the file for every name of the schema; `claimed` collects what was used.
Status Assign(const ForeignFile& file, const Signature& signature, const std::vector<ForeignTensor>& extra,
              FoundComponent* found, std::set<std::string>* claimed) {
  Problems problems;
  const size_t skip = signature.component.size() + 1;
  for (const TensorSpec& spec : ExpectedTensors(found->config)) {
    const auto special =
        std::find_if(extra.begin(), extra.end(), [&](const ForeignTensor& t) { return t.name == spec.name; });
    const std::string source = found->prefix + spec.name.substr(skip);
    const ForeignTensor* tensor = special != extra.end() ? &*special : file.Find(source);
    if (tensor == nullptr) {
      const std::string why = file.Unread(source);
      problems.Add("%s %s is missing%s", Printable(source).c_str(), spec.shape.ToString().c_str(),
                   why.empty() ? "" : (": " + why).c_str());
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
  // Counters of training steps, and the base distribution of a flow (networks.md, "Flow checkpoints").
  return name.ends_with("num_batches_tracked") || name.find("_distribution.") != std::string::npos;
}

// Tensors inside a network's own modules that its schema does not know: a variant this program would compute
// wrongly.
void FindStrangers(const ForeignFile& file, const Signature& signature, const std::string& prefix,
                   const std::set<std::string>& claimed, Problems* problems) {
  for (const ForeignTensor& tensor : file.tensors) {
    if (!tensor.name.starts_with(prefix) || claimed.count(tensor.name) || IsIgnored(tensor.name)) continue;
    const std::string rest = tensor.name.substr(prefix.size());
    const std::string module = rest.substr(0, rest.find_first_of("./"));
    const bool ours = std::any_of(signature.modules.begin(), signature.modules.end(),
                                  [&](const char* name) { return module == name; });
    if (ours) problems->Add("%s does not belong to the network", Printable(tensor.name).c_str());
  }
}

// One network, whole, or what is wrong with it. Names of the tensors it takes are added to `claimed`.
Result<FoundComponent> Take(const Settings& settings, const Place& place, std::vector<std::string>* notes,
                            std::set<std::string>* claimed) {
  std::vector<ForeignTensor> extra;
  MIEN_ASSIGN(FoundComponent found, Derive(settings, place, notes, &extra));
  std::set<std::string> taken;
  MIEN_TRY(Assign(settings.file(), *place.signature, extra, &found, &taken));
  if (found.config.generator) MIEN_TRY(CheckFilters(found));
  Problems problems;
  FindStrangers(settings.file(), *place.signature, place.prefix, taken, &problems);
  MIEN_TRY(problems.ToStatus(Code::kRefused));
  claimed->merge(taken);
  return found;
}

// The first thing that could not be read; whole pickled modules first, whose advice is wanted most.
std::string Unread(const ForeignFile& file) {
  const std::pair<const std::string, std::string>* shown = nullptr;
  for (const auto& entry : file.unread) {
    const bool module = entry.second.find("whole pickled module") != std::string::npos;
    if (shown == nullptr || module) shown = &entry;
    if (module) break;
  }
  if (shown == nullptr) return "";
  return "; " + (shown->first.empty() ? "it" : Printable(shown->first)) + " is " + shown->second;
}

// What lies in a file that has no network: "optimizer (30 tensors, optimizer.state.0.exp_avg ...)".
std::string Contents(const ForeignFile& file) {
  constexpr size_t kShown = 6;
  struct Folder {
    size_t tensors = 0;
    std::string first;
  };
  std::map<std::string, Folder> folders;
  for (const ForeignTensor& tensor : file.tensors) {
    Folder& folder = folders[tensor.name.substr(0, tensor.name.find('.'))];
    if (folder.tensors++ == 0) folder.first = tensor.name;
  }
  std::string text;
  size_t shown = 0;
  for (const auto& [name, folder] : folders) {
    if (shown == kShown) break;
    text += (shown++ == 0 ? "" : ", ") + Printable(name).substr(0, 48);
    if (folder.first != name) {
      text += " (" + std::to_string(folder.tensors) + (folder.tensors == 1 ? " tensor, " : " tensors, ") +
              Printable(folder.first).substr(0, 64) + (folder.tensors == 1 ? ")" : ", ...)");
    }
  }
  if (shown < folders.size()) text += ", and " + std::to_string(folders.size() - shown) + " more";
  return text.empty() ? "no tensors" : text;
}

// Networks that people take for those of this program, by a name of theirs.
std::string Resemblance(const ForeignFile& file) {
  static constexpr struct {
    const char* end;
    const char* what;
  } kKnown[] = {{"synthesis.input.freqs", "StyleGAN3's generator"},
                {"style_mlp.1.weight", "a generator of BasicSR or GFPGAN"},
                {"mapping.dense0.weight", "a generator of GenForce"},
                {"final_linear.0.weight", "a discriminator"},
                {"b4.fc.weight", "a discriminator"}};
  for (const auto& known : kKnown) {
    for (const ForeignTensor& tensor : file.tensors) {
      if (tensor.name.ends_with(known.end)) return std::string("; it looks like ") + known.what;
    }
  }
  return "";
}

// Whether a file has tensors of an encoder, of whatever type.
bool HasEncoder(const ForeignFile& file) {
  return std::any_of(file.tensors.begin(), file.tensors.end(), [](const ForeignTensor& tensor) {
    return tensor.name.starts_with("encoder.") || tensor.name.find(".encoder.") != std::string::npos;
  });
}

}  // namespace

Result<std::vector<FoundComponent>> DetectComponents(const ForeignFile& file,
                                                     std::vector<std::string>* notes) {
  const Settings settings(file);
  std::vector<FoundComponent> all;
  std::vector<std::string> misfits;
  std::set<std::string> claimed;
  Status misfit;
  const std::vector<Place> places = FindPlaces(file);
  if (places.empty() || HasEncoder(file)) MIEN_TRY(StatedEncoder(settings).status());
  for (const Place& place : places) {
    auto found = Take(settings, place, notes, &claimed);
    if (!found.ok() && (!place.signature->judges || places.size() == 1)) return found.status();
    if (!found.ok()) {
      misfit = found.status();
      misfits.push_back(Shown(place.prefix) + " is left out: " + misfit.message());
      continue;
    }
    NoteChoice(place, notes);
    all.push_back(std::move(*found));
  }
  if (all.empty() && !misfit.ok()) return misfit;
  const std::string almost = AllButOne(file, all.empty());
  if (all.empty()) {
    return Status::Error(Code::kRefused, "no network that this program knows%s%s; the file holds %s",
                         Resemblance(file).c_str(),
                         almost.empty() ? Unread(file).c_str() : ("; " + almost).c_str(),
                         Contents(file).c_str());
  }
  if (!almost.empty()) notes->push_back(almost);
  notes->insert(notes->end(), misfits.begin(), misfits.end());
  const auto unused =
      std::count_if(file.tensors.begin(), file.tensors.end(), [&](const ForeignTensor& tensor) {
        return !claimed.count(tensor.name) && !IsIgnored(tensor.name) &&
               !HasWord(tensor.name, {"avg", "minmax"});
      });
  if (unused > 0) {
    const char* are = unused == 1 ? " tensor of the file is" : " tensors of the file are";
    notes->push_back(std::to_string(unused) + are + " not needed");
  }
  return all;
}

}  // namespace mien
