#include "weights/import/convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <map>
#include <new>
#include <stdexcept>

#include "weights/checksum.h"
#include "weights/container.h"
#include "weights/header.h"
#include "weights/import/detect.h"
#include "weights/layout.h"
#include "weights/mask_columns.h"
#include "weights/schema.h"
#include "weights/writer.h"

namespace mien {
namespace {

bool Interrupted(const ConvertOptions& options) { return options.interrupted && options.interrupted(); }

// A model file of ours may be a source too; its config says more than its shapes do.
Status AdoptStatedConfig(const ForeignFile& file, FoundComponent* found) {
  const auto stated = file.metadata.find(kConfigKey);
  if (stated == file.metadata.end()) return {};
  MIEN_ASSIGN(const ModelConfig config, ConfigFromJson(stated->second));
  ModelConfig mine;
  const auto adopt = [](const char*, const auto& detected, const auto& given, auto& adopted) {
    if (detected) adopted = given;
  };
  ForEachComponent(adopt, found->config, config, mine);
  const auto specs = ExpectedTensors(mine);
  bool same = specs.size() == found->tensors.size();
  for (size_t i = 0; same && i < specs.size(); ++i) {
    same = specs[i].name == found->tensors[i].name && specs[i].shape == found->tensors[i].shape;
  }
  if (!same)
    return Status::Error(Code::kRefused, "%s: its tensors do not fit the config stated",
                         found->component.c_str());
  found->config = mine;
  return {};
}

// ---- one tensor, from the file's type to the model's

Status NotFinite(const std::string& name, size_t element) {
  return Status::Error(Code::kRefused, "%s: element %zu is not a finite number", name.c_str(), element);
}

struct Converter {
  const ForeignTensor* tensor = nullptr;
  DType type = DType::kF32;  // stored as
  bool is_index = false;
  const ConvertOptions* options = nullptr;

  Status operator()(const TakeBytes& take) const {
    size_t done = 0;
    std::vector<std::byte> scratch;
    return ForEachPiece(*tensor, [&](std::span<const std::byte> raw) -> Status {
      if (Interrupted(*options)) return Status::Error(Code::kInterrupted, "interrupted");
      if (is_index) return Index(raw, scratch, take);
      if (type == DType::kU8) return take(raw);
      const size_t count = raw.size() / DTypeBytes(tensor->type);
      scratch.resize(count * sizeof(float));
      const std::span<float> floats(reinterpret_cast<float*>(scratch.data()), count);
      size_t bad = 0;
      if (!ConvertToFloats(tensor->type, tensor->quantization, raw, floats, &bad))
        return NotFinite(tensor->name, done + bad);
      done += count;
      if (type == DType::kF32) return take(scratch);
      for (size_t i = 0; i < count; ++i) {  // in place: element i moves from 4i to 2i
        const uint16_t half = FloatToHalf(floats[i]);
        std::memcpy(scratch.data() + 2 * i, &half, 2);
      }
      return take(std::span<const std::byte>(scratch).first(2 * count));
    });
  }

  Status Index(std::span<const std::byte> raw, std::vector<std::byte>& scratch, const TakeBytes& take) const {
    if (tensor->type == DType::kI64) return take(raw);
    if (tensor->type != DType::kI32) {
      return Status::Error(Code::kRefused, "%s is %s, I64 expected", tensor->name.c_str(),
                           DTypeName(tensor->type));
    }
    scratch.resize(raw.size() * 2);
    for (size_t i = 0; i < raw.size() / 4; ++i) {
      int32_t narrow;
      std::memcpy(&narrow, raw.data() + 4 * i, 4);
      const int64_t wide = narrow;
      std::memcpy(scratch.data() + 8 * i, &wide, 8);
    }
    return take(scratch);
  }
};

// Averages and running statistics stay F32: they are few, and errors in them shift everything behind them.
bool StaysFloat(const std::string& name) {
  return name.ends_with("latent_avg") || name.ends_with("w_avg") || name.ends_with("running_mean") ||
         name.ends_with("running_var");
}

// One tensor of a dump: the bytes as they are, or the floats they stand for. A dump shows numbers finite or not.
struct Dumper {
  const ForeignTensor* tensor;
  const ConvertOptions* options;
  bool widen;

  Status operator()(const TakeBytes& take) const {
    std::vector<float> wide;
    return ForEachPiece(*tensor, [&](std::span<const std::byte> raw) -> Status {
      if (Interrupted(*options)) return Status::Error(Code::kInterrupted, "interrupted");
      if (!widen) return take(raw);
      wide.resize(raw.size() / DTypeBytes(tensor->type));
      size_t odd = 0;
      ConvertToFloats(tensor->type, tensor->quantization, raw, wide, &odd);
      return take(std::as_bytes(std::span(wide)));
    });
  }
};

// A dictionary called state_dict is a wrapper, not part of a tensor's name; kept only where two names would
// collide.
constexpr std::string_view kWrapper = "state_dict.";

bool CanUnwrap(const ForeignFile& file) {
  for (const ForeignTensor& tensor : file.tensors) {
    if (!tensor.name.starts_with(kWrapper)) continue;
    const std::string inner = tensor.name.substr(kWrapper.size());
    if (inner.empty() || inner.starts_with(kWrapper) || file.Find(inner) != nullptr) return false;
  }
  return true;
}

// True when some element would become infinite as F16.
Result<bool> OverflowsHalf(const Converter& converter) {
  bool overflows = false;
  MIEN_TRY(converter([&](std::span<const std::byte> bytes) {
    for (size_t at = 0; at + 4 <= bytes.size(); at += 4) {
      float value;
      std::memcpy(&value, bytes.data() + at, 4);
      overflows = overflows || (FloatToHalf(value) & 0x7fff) == 0x7c00;
    }
    return Status();
  }));
  return overflows;
}

Status CheckMasks(const std::vector<TensorSpec>& specs, const std::vector<Converter>& converters) {
  for (size_t i = 0; i + 1 < specs.size(); ++i) {
    if (!specs[i].is_index || !specs[i + 1].is_index) continue;
    MaskColumns both(specs[i].shape[0] + specs[i + 1].shape[0]);
    for (size_t k = i; k < i + 2; ++k) {
      MIEN_TRY(converters[k]([&](std::span<const std::byte> bytes) -> Status {
        for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
          int64_t column;
          std::memcpy(&column, bytes.data() + at, 8);
          if (both.Take(column)) continue;
          return Status::Error(Code::kRefused, "%s: column %lld is out of range or there twice", specs[k].name.c_str(),
                               static_cast<long long>(column));
        }
        return {};
      }));
    }
    ++i;
  }
  return {};
}

// What the generator's files leave out, and what that means; with `options.average_latent` it gets an
// average.
Status CompleteGenerator(const ConvertOptions& options, MergedModel* model, std::string* card) {
  GeneratorConfig& g = *model->config.generator;
  if (!g.has_noise_maps) {
    model->notes.push_back("the generator has no noise maps: pictures have no noise, unless it is random");
  }
  if (g.has_latent_avg) return {};
  if (!options.average_latent) {
    model->notes.push_back("the generator has no average latent: it cannot be truncated (--psi)");
    return {};
  }
  std::map<std::string, const ForeignTensor*> tensors;
  for (const ForeignTensor& tensor : model->tensors) tensors.emplace(tensor.name, &tensor);
  const FloatReader read = [&](const std::string& name, std::span<float> out) -> Status {
    std::vector<std::byte> raw;
    size_t bad = 0;
    const ForeignTensor& tensor = *tensors.at(name);
    MIEN_TRY(ReadContiguous(tensor, &raw));
    if (!ConvertToFloats(tensor.type, tensor.quantization, raw, out, &bad)) return NotFinite(name, bad);
    return {};
  };
  MIEN_ASSIGN(const std::vector<float> average, options.average_latent(model->config, read));
  const std::string mean = "the mean of w over " + std::to_string(kAverageSeeds) + " seeds";
  model->notes.push_back("the generator's file has no average latent: it is estimated, as " + mean);
  *card += (card->empty() ? "" : "\n\n") +
           ("The average latent of the generator was not in its file; it is " + mean + ".\n");
  g.has_latent_avg = true;
  const auto bytes = std::as_bytes(std::span(average));
  const auto specs = ExpectedTensors(model->config);
  const auto place = std::find_if(specs.begin(), specs.end(),
                                  [&](const TensorSpec& spec) { return spec.name == AverageName(g); });
  model->tensors.insert(model->tensors.begin() + (place - specs.begin()),
                        OwnedTensor(AverageName(g), {g.w_dim}, {bytes.begin(), bytes.end()}));
  return {};
}

Status WriteModel(const MergedModel& model, const std::string& output, const ConvertOptions& options,
                  ConvertReport* report) {
  const std::vector<TensorSpec> specs = ExpectedTensors(model.config);
  std::vector<Converter> converters(specs.size());
  std::vector<std::string> kept;
  Quantizations quantizations;
  for (size_t i = 0; i < specs.size(); ++i) {
    Converter& converter = converters[i];
    converter.tensor = &model.tensors[i];
    converter.is_index = specs[i].is_index;
    converter.options = &options;
    converter.type = specs[i].is_index ? DType::kI64 : DType::kF32;
    if (converter.tensor->quantization && !specs[i].is_index) {
      converter.type = DType::kU8;
      quantizations.emplace(specs[i].name, *converter.tensor->quantization);
    }
    if (!options.fp16 || converter.type != DType::kF32 || StaysFloat(specs[i].name)) continue;
    MIEN_ASSIGN(const bool overflows, OverflowsHalf(converter));
    if (overflows)
      kept.push_back(specs[i].name);
    else
      converter.type = DType::kF16;
  }
  for (const std::string& name : kept) report->notes.push_back(name + " stays F32: it would overflow as F16");
  MIEN_TRY(CheckMasks(specs, converters));

  std::map<std::string, std::string> metadata = {{kConfigKey, ConfigToJson(model.config)},
                                                 {kCardKey, options.card}};
  if (!quantizations.empty()) metadata[kQuantizationKey] = QuantizationsToJson(quantizations);
  for (size_t i = 0; i < report->hashes.size(); ++i)
    metadata[kSourceHashKey + std::to_string(i)] = report->hashes[i];
  std::vector<TensorStream> streams;
  for (size_t i = 0; i < specs.size(); ++i) {
    streams.push_back({specs[i].name, converters[i].type, specs[i].shape, converters[i]});
    report->bytes += static_cast<uint64_t>(specs[i].shape.elements()) * DTypeBytes(converters[i].type);
  }
  report->tensors = streams.size();
  return WriteTensorStreams(output, streams, metadata, TensorFile::Profile::kModel);
}

}  // namespace

Result<MergedModel> MergeSources(const std::vector<SharedSource>& sources,
                                 const std::vector<std::string>& names) {
  MergedModel merged;
  std::map<std::string, FoundComponent> chosen;
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto within = [&](const Status& status) { return status.Within("%s", names[i].c_str()); };
    auto file = ReadForeign(sources[i]);
    if (!file.ok()) return within(file.status());
    std::vector<std::string> notes;
    auto components = DetectComponents(*file, &notes);
    if (!components.ok()) return within(components.status());
    for (const std::string& note : notes) merged.notes.push_back(names[i] + ": " + note);
    for (FoundComponent& found : *components) {
      const Status adopted = AdoptStatedConfig(*file, &found);
      if (!adopted.ok()) return within(adopted);
      const std::string component = found.component;
      const auto earlier = chosen.find(component);
      if (earlier != chosen.end()) {
        const bool keep = found.inside_encoder_file && !earlier->second.inside_encoder_file;
        merged.notes.push_back(names[i] + ": a second " + component +
                               (keep ? "; the explicit one is kept" : " replaces the first"));
        if (keep) continue;
      }
      chosen.insert_or_assign(component, std::move(found));
    }
  }
  std::map<std::string, const ForeignTensor*> tensors;
  for (const auto& [component, found] : chosen) {
    const auto take = [](const char*, const auto& chosen, auto& taken) {
      if (chosen) taken = chosen;
    };
    ForEachComponent(take, found.config, merged.config);
    for (const ForeignTensor& tensor : found.tensors) tensors.emplace(tensor.name, &tensor);
  }
  if (merged.config.attributes && merged.config.generator) {
    AttributesConfig& a = *merged.config.attributes;
    a.input_size = std::min(a.input_size, merged.config.generator->resolution);
  }
  MIEN_TRY(CheckConfig(merged.config));
  for (const TensorSpec& spec : ExpectedTensors(merged.config))
    merged.tensors.push_back(*tensors.at(spec.name));
  return merged;
}

Result<std::vector<std::string>> ExpandFolders(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    MIEN_ASSIGN(std::vector<std::string> found, ManifestsIn(path));
    std::move(found.begin(), found.end(), std::back_inserter(files));
  }
  return files;
}

Result<ConvertReport> Convert(const std::vector<std::string>& paths, const std::string& output,
                              const ConvertOptions& options) try {
  if (paths.empty()) return Status::Error(Code::kUsage, "nothing to convert");
  ConvertReport report;
  std::vector<SharedSource> sources;
  for (const std::string& path : paths) {
    MIEN_ASSIGN(SharedSource source, OpenForeign(path));
    sources.push_back(std::move(source));
  }
  MIEN_ASSIGN(MergedModel model, MergeSources(sources, paths));
  ConvertOptions completed = options;
  if (model.config.generator) MIEN_TRY(CompleteGenerator(options, &model, &completed.card));
  report.config = model.config;
  report.notes = model.notes;
  for (const SharedSource& source : sources) {
    if (Interrupted(options)) return Status::Error(Code::kInterrupted, "interrupted");
    MIEN_ASSIGN(std::string hash, Sha256Hex(*source));
    report.hashes.push_back(std::move(hash));
  }
  MIEN_TRY(WriteModel(model, output, completed, &report));
  return report;
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "not enough memory to convert");
} catch (const std::length_error&) {
  return Status::Error(Code::kMemory, "not enough memory to convert");
}

Result<ConvertReport> ConvertTensorsOnly(const std::string& path, const std::string& output,
                                         const ConvertOptions& options) try {
  MIEN_ASSIGN(const SharedSource source, OpenForeign(path));
  auto opened = ReadForeign(source);
  if (!opened.ok()) return opened.status().Within("%s", path.c_str());
  const ForeignFile& file = *opened;
  ConvertReport report;
  std::vector<TensorStream> streams;
  const bool unwrap = CanUnwrap(file);
  for (const ForeignTensor& tensor : file.tensors) {
    const std::string name =
        unwrap && tensor.name.starts_with(kWrapper) ? tensor.name.substr(kWrapper.size()) : tensor.name;
    streams.push_back({name, tensor.type, tensor.shape, Dumper{&tensor, &options, false}});
    // NumPy and many other readers have no bfloat16, and none knows what quantised numbers stand for.
    const bool widen = tensor.type == DType::kBF16 || tensor.quantization;
    if (widen && file.Find(tensor.name + "_as_f32") == nullptr) {
      streams.push_back({name + "_as_f32", DType::kF32, tensor.shape, Dumper{&tensor, &options, true}});
    }
    report.bytes += tensor.bytes();
  }
  report.tensors = streams.size();
  MIEN_TRY(WriteTensorStreams(output, streams, {}, TensorFile::Profile::kPlain));
  return report;
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "not enough memory to convert");
} catch (const std::length_error&) {
  return Status::Error(Code::kMemory, "not enough memory to convert");
}

}  // namespace mien
