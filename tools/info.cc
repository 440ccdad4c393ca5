// mien info: what is inside a model file: components, config, model card, and every tensor with its range and
// hash.
#include <algorithm>
#include <cmath>

#include "kernels/simd.h"
#include "runtime/base/file.h"
#include "runtime/device.h"
#include "runtime/interrupt.h"
#include "tools/verbs.h"
#include "weights/checksum.h"
#include "weights/import/readers.h"
#include "weights/layout.h"

namespace mien {
namespace {

struct InfoWords {
  std::string file;
  bool any = false;
};

using Json = nlohmann::json;

// One line of the table. Elements that are not finite are counted, not hidden.
struct TensorFacts {
  std::string name, hash;
  DType type = DType::kF32;
  Shape shape;
  float low = HUGE_VALF, high = -HUGE_VALF;
  size_t odd = 0;  // not finite, or not exact in float
};

void AddElements(DType type, std::span<const std::byte> bytes, TensorFacts* facts) {
  constexpr size_t kPiece = 4096;
  float floats[kPiece];
  const size_t size = DTypeBytes(type);
  for (size_t at = 0; at < bytes.size();) {
    const size_t count = std::min(kPiece, (bytes.size() - at) / size);
    size_t bad = 0;
    const bool fine = ConvertToFloats(type, bytes.subspan(at, count * size), {floats, count}, &bad);
    for (size_t i = 0; i < count; ++i) {
      if (!fine && !std::isfinite(floats[i])) {
        ++facts->odd;
        continue;
      }
      facts->low = std::min(facts->low, floats[i]);
      facts->high = std::max(facts->high, floats[i]);
    }
    at += count * size;
  }
  Sha256 hash;
  hash.Update(bytes);
  facts->hash = HexLower(hash.Finish());
}

void Report(Session& session, const TensorFacts& facts) {
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
  session.report["tensors"].push_back(std::move(line));
  std::string range = "-";
  if (some) {
    char text[64];
    std::snprintf(text, sizeof text, "%.6g .. %.6g", static_cast<double>(facts.low),
                  static_cast<double>(facts.high));
    range = text;
  }
  if (facts.odd > 0) range += " (" + std::to_string(facts.odd) + " not finite)";
  session.Print("  %-64s %-4s %-18s %-28s %.16s\n", facts.name.c_str(), DTypeName(facts.type),
                facts.shape.ToString().c_str(), range.c_str(), facts.hash.c_str());
}

// Markdown as it is, but nothing that could steer a terminal.
std::string ForTerminal(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) c = '?';
  }
  return text;
}

void ReportConfig(Session& session, const ModelFile& model) {
  const Json config = Json::parse(ConfigToJson(model.config()), nullptr, false);
  session.report["config"] = config;
  session.report["card"] = model.card();
  session.report["components"] = Json::array();
  for (const auto& item : config.items()) {
    if (!item.value().is_object()) continue;
    session.report["components"].push_back(item.key());
    session.Print("%s: %s\n", item.key().c_str(), item.value().dump().c_str());
  }
  session.report["source_sha256"] = Json::array();
  for (int i = 0;; ++i) {
    const auto found = model.file().metadata().find(kSourceHashKey + std::to_string(i));
    if (found == model.file().metadata().end()) break;
    session.report["source_sha256"].push_back(found->second);
    session.Print("source %d: sha256 %s\n", i, ForTerminal(found->second).c_str());
  }
  if (!model.card().empty()) session.Print("\n%s\n\n", ForTerminal(model.card()).c_str());
}

Status ReportModel(Session& session, const ModelFile& model) {
  ReportConfig(session, model);
  session.report["tensors"] = Json::array();
  session.Print("%zu tensors\n", model.file().tensors().size());
  std::vector<std::byte> bytes;
  for (const TensorEntry& entry : model.file().tensors()) {
    MIEN_TRY(CheckInterrupt());
    TensorFacts facts{entry.name, {}, entry.type, entry.shape};
    bytes.resize(entry.bytes);
    MIEN_TRY(model.file().Read(entry, bytes));
    AddElements(entry.type, bytes, &facts);
    if (facts.odd > 0) {
      return Status::Error(Code::kRefused, "%s: %zu elements are not finite", entry.name.c_str(), facts.odd);
    }
    Report(session, facts);
  }
  return {};
}

// Any file that convert reads: its tensors under their own names.
Status ReportForeign(Session& session, const std::string& path) {
  MIEN_ASSIGN(const ForeignFile file, ReadForeign(path));
  session.report["kind"] = file.kind;
  session.report["tensors"] = Json::array();
  session.Print("%s: %s, %zu tensors\n", path.c_str(), file.kind.c_str(), file.tensors.size());
  std::vector<std::byte> bytes;
  for (const ForeignTensor& tensor : file.tensors) {
    MIEN_TRY(CheckInterrupt());
    TensorFacts facts{ForTerminal(tensor.name), {}, tensor.type, tensor.shape};
    MIEN_TRY(ReadContiguous(tensor, &bytes));
    AddElements(tensor.type, bytes, &facts);
    Report(session, facts);
  }
  return {};
}

// The build, and whether a device could run its kernels.
void ReportBuild(Session& session) {
  const Result<Device> device = OpenDevice(BuildExecutor(), 0);
  const char* found = device.ok() ? device->info.name : device.status().message();
  session.report["build"] = {{"version", MIEN_VERSION}, {"compiler", MIEN_COMPILER}, {"simd", SimdTarget()},
                             {"simd_compiled", SimdTargets()}, {"cuda", CudaBuild()}, {"device", found}};
  session.Print("build: mien " MIEN_VERSION ", CPU kernels: %s, CUDA kernels: %s, device: %s\n", SimdInWords().c_str(),
                CudaBuild(), found);
}

Status RunInfo(Session& session, const InfoWords& words) {
  ReportBuild(session);
  const std::string path = words.file.empty() ? session.model : words.file;
  session.report["file"] = path.empty() ? "built-in" : path;
  if (words.any && !path.empty()) return ReportForeign(session, path);
  if (!path.empty()) {
    MIEN_ASSIGN(const auto model, ModelFile::Open(path));
    MIEN_ASSIGN(const File file, File::Open(path));
    MIEN_ASSIGN(const std::string hash, Sha256Hex(file));
    session.report["sha256"] = hash;
    session.report["bytes"] = file.size();
    session.Print("%s: %llu bytes, sha256 %s\n", path.c_str(), static_cast<unsigned long long>(file.size()),
                  hash.c_str());
    return ReportModel(session, *model);
  }
  MIEN_ASSIGN(const auto model, OpenModel(session));
  session.Print("the built-in model\n");
  return ReportModel(session, *model);
}

}  // namespace

void AddInfo(CLI::App& app, Session& session) {
  auto words = std::make_shared<InfoWords>();
  CLI::App* verb = app.add_subcommand("info", "what is inside a model file");
  verb->add_option("FILE", words->file, "model file (default: that of --model, or the built-in one)");
  verb->add_flag("--any", words->any, "list the tensors of any checkpoint or tensor file instead");
  verb->callback([&session, words] { session.status = RunInfo(session, *words); });
}

}  // namespace mien
