#include "tools/training_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "graph/gradient/flow_training.h"
#include "tools/tensor_source.h"
#include "weights/header.h"

namespace mien {
namespace {

// The names are a JSON list in the metadata; an .npz file has none, and its attributes are those of the paper.
Result<std::vector<std::string>> AttributeNames(const TensorSource& source, int64_t count) {
  const auto found = source.file().metadata.find("attributes");
  if (found == source.file().metadata.end()) {
    const std::vector<std::string> known = {"gender", "glasses", "yaw", "pitch", "bald", "beard", "age", "smile"};
    if (count == static_cast<int64_t>(known.size())) return known;
    return Status::Error(Code::kRefused, "%s: no attribute names in the metadata, which %lld attributes need",
                         source.path().c_str(), static_cast<long long>(count));
  }
  const nlohmann::json names = nlohmann::json::parse(found->second, nullptr, false);
  const bool list = names.is_array() && std::ranges::all_of(names, [](const auto& name) { return name.is_string(); });
  if (!list || static_cast<int64_t>(names.size()) != count) {
    return Status::Error(Code::kRefused, "%s: metadata attributes: a JSON list of %lld names expected, %s found",
                         source.path().c_str(), static_cast<long long>(count), Printable(found->second).c_str());
  }
  return names.get<std::vector<std::string>>();
}

// What `mien prepare` has recorded of each person.
void ReadConsents(const TensorSource& source, TrainingData* data) {
  const auto found = source.file().metadata.find("people");
  if (found == source.file().metadata.end()) return;
  const nlohmann::json people = nlohmann::json::parse(found->second, nullptr, false);
  if (!people.is_array()) return;
  for (const nlohmann::json& person : people) {
    std::string words = "no consent recorded";
    if (person.is_object() && person.contains("consent") && person["consent"].is_object()) {
      words.clear();
      for (const auto& [key, value] : person["consent"].items())
        if (value.is_string()) words += (words.empty() ? "" : ", ") + key + ": " + value.get<std::string>();
    }
    ++data->consents[words];
  }
}

Result<TrainingData> ReadOne(const std::string& path) {
  MIEN_ASSIGN(const TensorSource source, TensorSource::Open(path));
  TrainingData data;
  Shape shape;
  MIEN_ASSIGN(data.w_plus, source.ReadFinite("w_plus", {-1, -1, -1}, &shape));
  data.images = shape[0];
  data.rows = shape[1];
  data.features = shape[2];
  MIEN_ASSIGN(data.people, source.ReadPeople("identity", data.images));
  MIEN_ASSIGN(data.labels, source.ReadLabels("attributes", {data.images, -1}, &shape));
  MIEN_ASSIGN(data.attributes, AttributeNames(source, shape[1]));
  for (const auto& [name, column] : {std::pair("age_band", &data.age_band), {"skin_tone", &data.skin_tone}}) {
    if (source.Find(name) == nullptr) continue;
    MIEN_ASSIGN(*column, source.ReadLabels(name, {data.images}, &shape));
  }
  ReadConsents(source, &data);
  return data;
}

// Appends a column of one file of `images` pictures to that of all before it; a file that lacks it knows nothing.
void Append(const std::vector<float>& column, int64_t images, int64_t before, std::vector<float>* all) {
  if (column.empty() && all->empty()) return;
  all->resize(static_cast<size_t>(before), std::numeric_limits<float>::quiet_NaN());
  all->insert(all->end(), column.begin(), column.end());
  all->resize(static_cast<size_t>(before + images), std::numeric_limits<float>::quiet_NaN());
}

}  // namespace

Result<TrainingData> ReadTrainingFiles(const std::vector<std::string>& paths) {
  TrainingData all;
  int64_t people = 0;
  for (const std::string& path : paths) {
    MIEN_ASSIGN(TrainingData data, ReadOne(path));
    if (all.images == 0) {
      all.rows = data.rows;
      all.features = data.features;
      all.attributes = data.attributes;
    }
    if (data.rows != all.rows || data.features != all.features) {
      return Status::Error(Code::kRefused, "%s: codes of [%lld,%lld] expected as in %s, [%lld,%lld] found",
                           path.c_str(), static_cast<long long>(all.rows), static_cast<long long>(all.features),
                           paths[0].c_str(), static_cast<long long>(data.rows), static_cast<long long>(data.features));
    }
    if (data.attributes != all.attributes) {
      return Status::Error(Code::kRefused, "%s: the attributes of %s expected, others found", path.c_str(),
                           paths[0].c_str());
    }
    std::map<int64_t, int64_t> numbers;  // of the people of this file among all
    for (const int64_t person : data.people) {
      const auto [entry, is_new] = numbers.try_emplace(person, people);
      people += is_new;
      all.people.push_back(entry->second);
    }
    Append(data.age_band, data.images, all.images, &all.age_band);
    Append(data.skin_tone, data.images, all.images, &all.skin_tone);
    for (const auto& [words, count] : data.consents) all.consents[words] += count;
    all.images += data.images;
    all.w_plus.insert(all.w_plus.end(), data.w_plus.begin(), data.w_plus.end());
    all.labels.insert(all.labels.end(), data.labels.begin(), data.labels.end());
  }
  return all;
}

namespace {

constexpr char kInit[] = "init/";

// What a file of recorded steps says of the flow, by the shapes of its tensors.
Result<FlowConfig> FlowOf(const TensorSource& source, const Shape& codes) {
  FlowConfig config;
  config.contexts = static_cast<int>(codes[1]);
  config.features = static_cast<int>(codes[2]);
  config.layers = config.blocks = 0;
  config.norm_between = false;
  const std::string net = std::string(kInit) + "_transform._transforms.0.transform_net.";
  for (const ForeignTensor& tensor : source.file().tensors) {
    if (!tensor.name.starts_with(kInit)) continue;
    if (tensor.name.ends_with(".identity_features")) ++config.layers;
    if (tensor.name.ends_with(".unconstrained_weight")) config.norm_between = true;
    if (tensor.name.starts_with(net + "blocks.") && tensor.name.ends_with(".context_layer.bias")) ++config.blocks;
  }
  const ForeignTensor* const first = source.Find(net + "initial_layer.bias");
  const ForeignTensor* const last = source.Find(net + "final_layer.bias");
  if (config.layers == 0 || first == nullptr || last == nullptr) {
    return Status::Error(Code::kRefused, "%s: the tensors of a flow under init/ expected, found %s",
                         source.path().c_str(), ContentInWords(source.file()).c_str());
  }
  config.hidden = static_cast<int>(first->shape.elements());
  config.additive = last->shape.elements() < config.features - 1;
  return config;
}

Status TakeRules(const TensorSource& source, RecordedSteps* steps) {
  TrainingRules& rules = steps->rules;
  double epoch = 0;
  MIEN_TRY(source.TakeNumber("epoch_index", &epoch));
  MIEN_TRY(source.TakeNumber("lr", &rules.adam.learning_rate));
  MIEN_TRY(source.TakeNumber("weight_decay", &rules.adam.weight_decay));
  MIEN_TRY(source.TakeNumber("flow_divisor", &rules.flow_divisor));
  MIEN_TRY(source.TakeNumber("attr_divisor", &rules.attribute_divisor));
  MIEN_TRY(source.TakeNumber("clip", &rules.clip));
  MIEN_TRY(source.TakeNumber("sigma0", &rules.sigma));
  MIEN_TRY(source.TakeNumber("decay", &rules.sigma_decay));
  if (epoch < 0 || epoch > 1e6) {
    return Status::Error(Code::kRefused, "%s: metadata epoch_index: 0 to 1000000 expected, %g found",
                         source.path().c_str(), epoch);
  }
  steps->epoch = static_cast<int>(epoch);
  const auto base = source.file().metadata.find("distribution");
  rules.conditional = base == source.file().metadata.end() ? source.Find(kInit + std::string(kBaseWeight)) != nullptr
                                                           : base->second == "conditional";
  return {};
}

}  // namespace

Result<RecordedSteps> ReadRecordedSteps(const std::string& path) {
  MIEN_ASSIGN(const TensorSource source, TensorSource::Open(path));
  RecordedSteps steps;
  MIEN_TRY(TakeRules(source, &steps));
  Shape codes, labels;
  for (int s = 0; s == 0 || source.Find("step" + std::to_string(s) + "/ws") != nullptr; ++s) {
    const std::string at = "step" + std::to_string(s) + "/";
    RecordedSteps::Step step;
    const Shape same = s == 0 ? Shape{-1, -1, -1} : Shape{-1, codes[1], codes[2]};
    MIEN_ASSIGN(step.w_plus, source.ReadFinite(at + "ws", same, &codes));
    MIEN_ASSIGN(step.people, source.ReadPeople(at + "char_idx", codes[0]));
    MIEN_ASSIGN(step.labels, source.ReadLabels(at + "attrs_norm", {codes[0], s == 0 ? -1 : labels[1]}, &labels));
    if (s == 0) steps.images = static_cast<int>(codes[0]);
    steps.steps.push_back(std::move(step));
  }
  steps.attributes = static_cast<int>(labels[1]);
  MIEN_ASSIGN(steps.config, FlowOf(source, codes));
  for (const ForeignTensor& tensor : source.file().tensors) {
    if (!tensor.name.starts_with(kInit)) continue;
    Shape shape;
    MIEN_ASSIGN(std::vector<float> values, source.ReadFinite(tensor.name, tensor.shape, &shape));
    steps.init.push_back({tensor.name.substr(sizeof kInit - 1), shape, std::move(values)});
  }
  return steps;
}

}  // namespace mien
