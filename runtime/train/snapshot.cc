#include "runtime/train/snapshot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "weights/layout.h"
#include "weights/schema.h"
#include "weights/writer.h"

namespace mien {
namespace {

constexpr char kSettingsKey[] = "mien.training.settings", kProgressKey[] = "mien.training.progress";
constexpr char kFirst[] = "adam/first/", kSecond[] = "adam/second/";
constexpr size_t kNumbersOfEpoch = 7;

// Doubles as text and back, to the bit.
std::string InWords(const std::vector<double>& numbers) {
  std::string text;
  char number[40];
  for (const double value : numbers) {
    std::snprintf(number, sizeof number, "%a ", value);
    text += number;
  }
  return text;
}

std::vector<double> NumbersOf(const std::string& text) {
  std::vector<double> numbers;
  const char* at = text.c_str();
  for (char* end = nullptr;; at = end) {
    const double value = std::strtod(at, &end);
    if (end == at) return numbers;
    numbers.push_back(value);
  }
}

std::vector<double> NumbersOf(const FlowState& state, const TrainingProgress& progress) {
  const Plateau& plateau = progress.plateau;
  std::vector<double> numbers = {static_cast<double>(state.steps),
                                 progress.rate,
                                 plateau.best,
                                 plateau.seen ? 1.0 : 0.0,
                                 static_cast<double>(plateau.bad),
                                 static_cast<double>(plateau.cooling)};
  for (const EpochLosses& e : progress.epochs) {
    const StepLosses& mean = e.mean;
    numbers.insert(numbers.end(),
                   {mean.flow, mean.identity, mean.attributes, mean.total, mean.gradient_norm, e.rate, e.sigma});
  }
  return numbers;
}

Status TakeProgress(const std::string& path, const std::string& text, FlowState* state, TrainingProgress* progress) {
  const std::vector<double> n = NumbersOf(text);
  constexpr size_t kBefore = 6;
  const bool finite = std::ranges::all_of(n, [](double value) { return std::isfinite(value); });
  const auto counts = [&](size_t i) { return 0 <= n[i] && n[i] <= 1e9; };
  if (!finite || n.size() < kBefore || (n.size() - kBefore) % kNumbersOfEpoch != 0 || !counts(0) || !counts(4) ||
      !counts(5)) {
    return Status::Error(Code::kRefused, "%s: the progress of a training run expected, %zu numbers found", path.c_str(),
                         n.size());
  }
  state->steps = static_cast<int64_t>(n[0]);
  *progress = {{}, n[1], {n[2], n[3] != 0, static_cast<int>(n[4]), static_cast<int>(n[5])}};
  for (size_t i = kBefore; i < n.size(); i += kNumbersOfEpoch)
    progress->epochs.push_back({{n[i], n[i + 1], n[i + 2], n[i + 3], n[i + 4]}, n[i + 5], n[i + 6]});
  return {};
}

Status ReadInto(const std::string& path, const TensorFile& file, const std::string& name, const Shape& shape,
                std::span<float> out) {
  const TensorEntry* const entry = file.Find(name);
  if (entry == nullptr || entry->shape != shape || entry->type != DType::kF32) {
    return Status::Error(Code::kRefused, "%s: a tensor %s %s expected, found %s", path.c_str(), name.c_str(),
                         shape.ToString().c_str(), entry == nullptr ? "none" : entry->shape.ToString().c_str());
  }
  return file.Read(*entry, std::as_writable_bytes(out));
}

// The bytes of a tensor of the flow as model files have them.
std::vector<std::byte> StoredBytes(const FlowState& state, const FlowState::Tensor& tensor) {
  const std::span<const float> values = state.Values(tensor);
  const auto bytes_of = [](const auto& numbers) {
    const auto bytes = std::as_bytes(std::span(numbers));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  };
  if (tensor.index) return bytes_of(std::vector<int64_t>(values.begin(), values.end()));
  return bytes_of(values);
}

}  // namespace

Status WriteSnapshot(const std::string& path, const FlowState& state, const TrainingProgress& progress,
                     const std::string& settings) {
  std::vector<TensorToWrite> tensors;
  const auto add = [&](const std::string& name, const FlowState::Tensor& tensor, std::span<const float> values) {
    tensors.push_back({name, DType::kF32, tensor.shape, std::as_bytes(values)});
  };
  for (const FlowState::Tensor& tensor : state.tensors()) {
    add(tensor.name, tensor, state.Values(tensor));
    if (!tensor.trained) continue;
    add(kFirst + tensor.name, tensor, state.FirstMoment(tensor));
    add(kSecond + tensor.name, tensor, state.SecondMoment(tensor));
  }
  const std::map<std::string, std::string> metadata = {{kSettingsKey, settings},
                                                       {kProgressKey, InWords(NumbersOf(state, progress))}};
  return WriteTensorFile(path, tensors, metadata, TensorFile::Profile::kPlain);
}

Status ReadSnapshot(const std::string& path, const std::string& settings, FlowState* state,
                    TrainingProgress* progress) {
  MIEN_ASSIGN(File source, File::Open(path));
  auto opened = TensorFile::Open(std::make_shared<File>(std::move(source)), TensorFile::Profile::kPlain);
  if (!opened.ok()) return opened.status().Within("%s", path.c_str());
  const auto text = [&](const char* key) {
    const auto found = opened->metadata().find(key);
    return found == opened->metadata().end() ? std::string() : found->second;
  };
  if (text(kSettingsKey) != settings) {
    return Status::Error(Code::kUsage, "%s: a snapshot of this training expected (%s), one of another found (%s)",
                         path.c_str(), settings.c_str(), text(kSettingsKey).c_str());
  }
  MIEN_TRY(TakeProgress(path, text(kProgressKey), state, progress));
  for (const FlowState::Tensor& tensor : state->tensors()) {
    MIEN_TRY(ReadInto(path, *opened, tensor.name, tensor.shape, state->Values(tensor)));
    if (!tensor.trained) continue;
    MIEN_TRY(ReadInto(path, *opened, kFirst + tensor.name, tensor.shape, state->FirstMoment(tensor)));
    MIEN_TRY(ReadInto(path, *opened, kSecond + tensor.name, tensor.shape, state->SecondMoment(tensor)));
  }
  const Status masks = state->CheckMasks();
  return masks.ok() ? masks : masks.Within("%s", path.c_str());
}

Status WriteFlowModel(const std::string& path, const FlowConfig& config, const FlowState& state,
                      const std::shared_ptr<const ModelFile>& others, const std::string& card) {
  ModelConfig model;
  std::map<std::string, std::string> metadata;
  if (others != nullptr) {
    model = others->config();
    const auto found = others->file().metadata().find(kQuantizationKey);
    if (found != others->file().metadata().end()) metadata.insert(*found);
  }
  model.flow = config;
  MIEN_TRY(CheckConfig(model));
  metadata[kConfigKey] = ConfigToJson(model);
  metadata[kCardKey] = card;
  constexpr std::string_view kPrefix = "flow.";
  std::vector<TensorStream> streams;
  for (const TensorSpec& spec : ExpectedTensors(model)) {
    if (spec.name.starts_with(kPrefix)) {
      const FlowState::Tensor* const tensor = state.Find(spec.name.substr(kPrefix.size()));
      streams.push_back({spec.name, spec.is_index ? DType::kI64 : DType::kF32, spec.shape,
                         [&state, tensor](const TakeBytes& take) { return take(StoredBytes(state, *tensor)); }});
      continue;
    }
    const TensorEntry* const entry = others->file().Find(spec.name);
    streams.push_back({spec.name, entry->type, entry->shape, [&others, entry](const TakeBytes& take) {
                         std::vector<std::byte> bytes(entry->bytes);
                         MIEN_TRY(others->file().Read(*entry, bytes));
                         return take(bytes);
                       }});
  }
  return WriteTensorStreams(path, streams, metadata, TensorFile::Profile::kModel);
}

}  // namespace mien
