// mien info: what is inside a model file: components, config, model card, every tensor with its range and hash; what
// running it takes; the build. Of a picture: what it says of what made it. Nothing is said before all of it is known: a
// file that is refused half way leaves no output.
#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <memory>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/stream.h"
#include "base/text.h"
#include "kernels/cpu/simd.h"
#include "runtime/builtin_model.h"
#include "runtime/engine.h"
#include "runtime/face/picture_kind.h"
#include "tools/numbers.h"
#include "tools/verbs.h"
#include "tools/version.h"
#include "tools/without_effect.h"
#include "weights/checksum.h"
#include "weights/import/readers.h"
#include "weights/layout.h"

namespace mien {
namespace {

struct InfoWords {
  std::string file;
  bool any = false;
  int batch = 1;
};

using Json = nlohmann::json;

// The answer, for programs and for people.
struct Sheet {
  Json report = Json::object();
  std::string text;

  [[gnu::format(printf, 2, 3)]] void Print(const char* format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const auto size = static_cast<size_t>(std::max(0, std::vsnprintf(nullptr, 0, format, again)));
    const size_t end = text.size();
    text.resize(end + size + 1);  // the last for the zero
    std::vsnprintf(text.data() + end, size + 1, format, arguments);
    text.resize(end + size);
    va_end(again);
    va_end(arguments);
  }
};

// One line of the table. Elements that are not finite are counted, not hidden.
struct TensorFacts {
  std::string name, hash;
  DType type = DType::kF32;
  Shape shape;
  float low = HUGE_VALF, high = -HUGE_VALF;
  size_t odd = 0;  // not finite, or not exact in float
};

Status AddElements(DType type, const std::optional<Quantization>& quantization, std::span<const std::byte> bytes,
                   TensorFacts* facts, Sha256* hash) {
  constexpr size_t kPiece = 4096;
  float floats[kPiece];
  const size_t size = DTypeBytes(type);
  for (size_t at = 0; at < bytes.size();) {
    MIEN_TRY(CheckInterrupt());
    const size_t count = std::min(kPiece, (bytes.size() - at) / size);
    size_t bad = 0;
    const bool fine = ConvertToFloats(type, quantization, bytes.subspan(at, count * size), {floats, count}, &bad);
    for (size_t i = 0; i < count; ++i) {
      if (!fine && !std::isfinite(floats[i])) {
        ++facts->odd;
        continue;
      }
      facts->low = std::min(facts->low, floats[i]);
      facts->high = std::max(facts->high, floats[i]);
    }
    hash->Update(bytes.subspan(at, count * size));
    at += count * size;
  }
  return {};
}

void Report(Sheet& sheet, const TensorFacts& facts) {
  Json dims = Json::array();
  for (int i = 0; i < facts.shape.rank; ++i) dims.push_back(facts.shape[i]);
  const bool some = facts.low <= facts.high;
  Json line = {{"name", facts.name},
               {"dtype", DTypeName(facts.type)},
               {"shape", dims},
               {"sha256", facts.hash},
               {"min", some ? Json(facts.low) : Json()},
               {"max", some ? Json(facts.high) : Json()}};
  if (facts.odd > 0) line["not_finite"] = facts.odd;
  sheet.report["tensors"].push_back(std::move(line));
  std::string range = "-";
  if (some) {
    char text[64];
    std::snprintf(text, sizeof text, "%.6g .. %.6g", static_cast<double>(facts.low),
                  static_cast<double>(facts.high));
    range = text;
  }
  if (facts.odd > 0) range += " (" + std::to_string(facts.odd) + " not finite)";
  sheet.Print("  %-64s %-4s %-18s %-28s %.16s\n", facts.name.c_str(), DTypeName(facts.type),
              facts.shape.ToString().c_str(), range.c_str(), facts.hash.c_str());
}

void ReportConfig(Sheet& sheet, const ModelFile& model) {
  const Json config = Json::parse(ConfigToJson(model.config()), nullptr, false);
  sheet.report["config"] = config;
  sheet.report["card"] = model.card();
  sheet.report["components"] = Json::array();
  for (const auto& item : config.items()) {
    if (!item.value().is_object()) continue;
    sheet.report["components"].push_back(item.key());
    sheet.Print("%s: %s\n", item.key().c_str(), item.value().dump().c_str());
  }
  if (const auto& generator = model.config().generator; generator) {
    if (!generator->has_noise_maps)
      sheet.Print("no noise maps: pictures have no noise, unless it is random\n");
    if (!generator->has_latent_avg)
      sheet.Print("no average latent: the generator cannot be truncated (--psi)\n");
  }
  sheet.report["source_sha256"] = Json::array();
  for (int i = 0;; ++i) {
    const auto found = model.file().metadata().find(kSourceHashKey + std::to_string(i));
    if (found == model.file().metadata().end()) break;
    sheet.report["source_sha256"].push_back(found->second);
    sheet.Print("source %d: sha256 %s\n", i, found->second.c_str());
  }
  if (!model.card().empty()) sheet.Print("\n%s\n\n", model.card().c_str());
}

Status ReportTensors(Sheet& sheet, const ModelFile& model) {
  sheet.report["tensors"] = Json::array();
  sheet.Print("%zu tensors\n", model.file().tensors().size());
  std::vector<std::byte> bytes;
  for (const TensorEntry& entry : model.file().tensors()) {
    MIEN_TRY(CheckInterrupt());
    TensorFacts facts{entry.name, {}, entry.type, entry.shape};
    bytes.resize(entry.bytes);
    MIEN_TRY(model.file().Read(entry, bytes));
    Sha256 hash;
    MIEN_TRY(AddElements(entry.type, entry.quantization, bytes, &facts, &hash));
    facts.hash = HexLower(hash.Finish());
    if (facts.odd > 0) {
      return Status::Error(Code::kRefused, "%s: %zu elements are not finite", entry.name.c_str(), facts.odd);
    }
    Report(sheet, facts);
  }
  return {};
}

// Any file that convert reads: its tensors under their own names.
Status ReportForeign(Sheet& sheet, const std::string& path) {
  MIEN_ASSIGN(const ForeignFile file, ReadForeign(path));
  sheet.report["kind"] = file.kind;
  sheet.report["tensors"] = Json::array();
  sheet.Print("%s: %s, %zu tensors\n", path.c_str(), file.kind.c_str(), file.tensors.size());
  for (const ForeignTensor& tensor : file.tensors) {
    MIEN_TRY(CheckInterrupt());
    TensorFacts facts{tensor.name, {}, tensor.type, tensor.shape};
    Sha256 hash;
    MIEN_TRY(ForEachPiece(tensor, [&](std::span<const std::byte> bytes) {
      return AddElements(tensor.type, tensor.quantization, bytes, &facts, &hash);
    }));
    facts.hash = HexLower(hash.Finish());
    Report(sheet, facts);
  }
  return {};
}

std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

constexpr const char* kMemoryRow = "  %-12s %-6s %6s %17s %14s %14s %14s %12s %14s\n";

// One row: an engine that has these programs.
void ReportEngine(Sheet& sheet, const std::string& name, const Engine& engine, int programs) {
  uint64_t steps = 0, multiply_adds = 0, scratch = 0;
  for (int i = 0; i < programs; ++i) {
    steps += engine.program(i).executable().steps.size();
    multiply_adds += static_cast<uint64_t>(engine.graph(i).TotalCost().multiply_adds);
    for (const Placement& place : engine.plan(i).scratch) scratch = std::max(scratch, place.bytes);
  }
  const MemoryNeed& need = engine.need();
  sheet.report["memory"]["engines"].push_back({{"network", name},
                                               {"memory", engine.memory()},
                                               {"steps", steps},
                                               {"multiply_adds", multiply_adds},
                                               {"arena", need.arena},
                                               {"scratch", scratch},
                                               {"weights", need.weights},
                                               {"loading", need.loading},
                                               {"total", need.total()}});
  sheet.Print(kMemoryRow, name.c_str(), engine.memory(), Grouped(steps).c_str(),
              Grouped(multiply_adds).c_str(), Grouped(need.arena).c_str(), Grouped(scratch).c_str(),
              Grouped(need.weights).c_str(), Grouped(need.loading).c_str(), Grouped(need.total()).c_str());
}

// What Engine::Create would take: for every network alone, then for all in one engine. Without --memory both
// ways where they differ.
Status ReportMemory(Sheet& sheet, const Session& session, const std::shared_ptr<const ModelFile>& model,
                    int batch) {
  std::vector<std::pair<std::string, std::vector<ProgramOptions>>> engines;
  std::vector<ProgramOptions> all;
  for (const NetworkOptions& network : NetworksOf(model->config())) {
    all.push_back({network});
    engines.push_back({NameOf(network), {all.back()}});
  }
  engines.push_back({"all", all});
  EngineOptions wanted = {session.run, 1, {}};
  wanted.batch = batch;
  wanted.max_memory = 0;  // who asks wants to see also what exceeds it
  const bool both = wanted.memory == "auto";
  const auto store = std::make_shared<WeightStore>(model);
  sheet.report["memory"] = {{"engines", Json::array()}};
  std::unique_ptr<const Engine> engine;
  sheet.Print("\nmemory, in bytes\n");
  sheet.Print(kMemoryRow, "network", "by", "steps", "multiply-adds", "arena", "its scratch", "weights",
              "loading", "total");
  for (const auto& [name, programs] : engines) {
    const int count = static_cast<int>(programs.size());
    wanted.programs = programs;
    if (both) wanted.memory = "layers";
    MIEN_ASSIGN(engine, Engine::Plan(store, wanted));
    ReportEngine(sheet, name, *engine, count);
    MIEN_TRY(CheckInterrupt());
    if (!both) continue;
    const uint64_t by_layers = engine->need().total();
    wanted.memory = "bands";
    MIEN_ASSIGN(engine, Engine::Plan(store, wanted));
    if (engine->banded() || engine->need().total() != by_layers) ReportEngine(sheet, name, *engine, count);
  }
  const BackendChoice& backend = engine->backend();
  Json& memory = sheet.report["memory"];
  memory["backend"] = backend.name;
  memory["precision"] = wanted.precision;
  memory["batch"] = batch;
  memory["threads"] = engine->threads();
  sheet.Print("  on %s (%s), %s, batch %d, %d threads\n", backend.name.c_str(), backend.reason.c_str(),
              wanted.precision.c_str(), batch, engine->threads());
  return {};
}

Status ReportModel(Sheet& sheet, const Session& session, const std::string& path, int batch) {
  MIEN_ASSIGN(const auto model, path.empty() ? OpenBuiltinModel() : ModelFile::Open(path));
  if (path.empty()) {
    sheet.Print("the built-in model\n");
  } else {
    const ByteSource& file = model->file().source();
    MIEN_ASSIGN(const std::string hash, Sha256Hex(file));
    sheet.report["sha256"] = hash;
    sheet.report["bytes"] = file.size();
    sheet.Print("%s: %llu bytes, sha256 %s\n", path.c_str(), static_cast<unsigned long long>(file.size()),
                hash.c_str());
  }
  const std::string& fingerprint = model->file().fingerprint();
  sheet.report["fingerprint"] = fingerprint;
  sheet.Print("fingerprint %s (what pictures name as their model)\n", fingerprint.c_str());
  ReportConfig(sheet, *model);
  MIEN_TRY(ReportTensors(sheet, *model));
  return ReportMemory(sheet, session, model, batch);
}

// The build, and whether a device could run its kernels.
void ReportBuild(Sheet& sheet) {
  const Result<Device> device = OpenDevice(BuildExecutor(), 0);
  const char* found = device.ok() ? device->info.name : device.status().message();
  sheet.report["build"] = {{"version", kThisProgram.version},
                           {"commit", kThisProgram.commit},
                           {"compiler", kThisProgram.compiler},
                           {"simd", SimdTarget()},
                           {"simd_compiled", SimdTargets()},
                           {"cuda", CudaBuild()},
                           {"device", found}};
  sheet.Print("build: mien %s (%s), CPU kernels: %s, CUDA kernels: %s, device: %s\n", kThisProgram.version,
              kThisProgram.commit, SimdInWords().c_str(), CudaBuild(), found);
}

// Streams are taken for models: they can be read once.
bool IsPicture(const std::string& path) {
  if (IsStream(path)) return false;
  const auto file = File::Open(path);
  if (!file.ok()) return false;
  std::byte first[kFirstBytes];
  const auto seen = std::span(first).first(std::min<uint64_t>(kFirstBytes, file->size()));
  return file->ReadAt(0, seen).ok() && KindOfPicture(seen).ok();
}

Status ReportPicture(Sheet& sheet, const std::string& path) {
  PictureNotes notes;
  MIEN_ASSIGN(const Image image, ReadImage(path, &notes));
  Json texts = Json::object();
  for (const PictureText& text : notes.texts) texts[text.keyword] = text.text;
  sheet.report["picture"] = {{"width", image.width},
                             {"height", image.height},
                             {"orientation", notes.orientation},
                             {"warnings", notes.warnings},
                             {"texts", texts}};
  sheet.Print("%s: a picture of %d x %d pixels, upright (EXIF orientation %d)\n", path.c_str(), image.width,
              image.height, notes.orientation);
  for (const std::string& warning : notes.warnings) sheet.Print("warning: %s\n", warning.c_str());
  for (const PictureText& text : notes.texts)
    sheet.Print("%s: %s\n", text.keyword.c_str(), ForTerminal(text.text).c_str());
  if (notes.texts.empty()) sheet.Print("nothing in it says what made it\n");
  return {};
}

Status RunInfo(Session& session, const InfoWords& words) {
  Sheet sheet;
  ReportBuild(sheet);
  const std::string path = words.file.empty() ? session.model : words.file;
  sheet.report["file"] = path.empty() ? "built-in" : path;
  if (words.any && !path.empty()) {
    MIEN_TRY(ReportForeign(sheet, path));
  } else if (IsPicture(path)) {
    MIEN_TRY(ReportPicture(sheet, path));
  } else {
    MIEN_TRY(ReportModel(sheet, session, path, words.batch));
  }
  session.Print("%s", sheet.text.c_str());
  session.report = std::move(sheet.report);
  return {};
}

}  // namespace

void AddInfo(CLI::App& app, Session& session) {
  auto words = std::make_shared<InfoWords>();
  CLI::App* verb = app.add_subcommand(
      "info", "what is inside a model file, and the memory it takes to run; what made a picture");
  verb->add_option("FILE", words->file, "model file (default: that of --model, or the built-in one), or a picture")
      ->type_name("FILE");
  verb->add_flag("--any", words->any, "list the tensors of any checkpoint or tensor file instead");
  verb->add_option("--batch", words->batch, "samples per run, for the memory needed")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, kMaxBatch))
      ->capture_default_str();
  verb->callback([&app, &session, verb, words] {
    session.status = RunInfo(session, *words);
    MentionUnused(session, app, {"--seed", "--max-memory"},
                  "the memory of every way is listed, and nothing runs");
    if (!words->file.empty()) MentionUnused(session, app, {"--model"}, words->file + " is looked at");
    if (session.report.contains("picture")) MentionUnused(session, *verb, {"--batch"}, "a picture is looked at");
    if (words->any) MentionUnused(session, *verb, {"--batch"}, "tensors are listed, no memory");
  });
}

}  // namespace mien
