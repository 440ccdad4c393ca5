// mien convert: public checkpoints to one model file, or any container's tensors to plain safetensors.
#include "weights/import/convert.h"

#include <memory>

#include "base/interrupt.h"
#include "base/stream.h"
#include "runtime/face/average_latent.h"
#include "tools/files.h"
#include "tools/formats.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

constexpr uint64_t kMaxCardBytes = 512 << 10;  // it shares the header with everything else

struct ConvertWords {
  std::vector<std::string> sources;
  std::string output, card;
  bool fp16 = false, tensors_only = false;
};

Status RunConvert(Session& session, const ConvertWords& words) {
  ConvertOptions options;
  options.fp16 = words.fp16;
  options.interrupted = [] { return InterruptFlag().load(); };
  options.average_latent = [&session](const ModelConfig& config, const WeightSource& read) {
    return AverageLatent(config, read, session.run.threads, &InterruptFlag());
  };
  MIEN_ASSIGN(const std::vector<std::string> sources, ExpandFolders(words.sources));
  if (words.tensors_only && (sources.size() != 1 || words.fp16 || !words.card.empty())) {
    return Status::Error(Code::kUsage, "--tensors-only takes one source and neither --fp16 nor --card");
  }
  MIEN_TRY(FormatOf(FileKind::kModel, words.output).status());
  std::vector<std::string> read;
  for (const std::string& source : sources) {
    MIEN_ASSIGN(const std::vector<std::string> files, FilesOf(source));
    read.insert(read.end(), files.begin(), files.end());
  }
  MIEN_TRY(CheckFiles(session, {{"checkpoint", read}, {"card", {words.card}}},
                      {{"model", {words.output}}}));
  if (!words.card.empty()) {
    MIEN_ASSIGN(const auto card, OpenInput(words.card, kMaxCardBytes, Code::kRefused));
    options.card.resize(card->size());
    MIEN_TRY(card->ReadAt(0, std::as_writable_bytes(std::span(options.card))));
  }
  auto converted = words.tensors_only ? ConvertTensorsOnly(sources[0], words.output, options)
                                      : Convert(sources, words.output, options);
  if (!converted.ok()) return converted.status();
  const ConvertReport& report = *converted;
  for (const std::string& note : report.notes) session.Note("%s", note.c_str());
  session.report["output"] = words.output;
  session.report["tensors"] = report.tensors;
  session.report["bytes"] = report.bytes;
  session.report["notes"] = report.notes;
  if (!words.tensors_only) {
    session.report["config"] = nlohmann::json::parse(ConfigToJson(report.config), nullptr, false);
    session.report["source_sha256"] = report.hashes;
  }
  session.Print("%s: %zu tensors, %.1f MiB\n", words.output.c_str(), report.tensors,
                static_cast<double>(report.bytes) / (1 << 20));
  return {};
}

}  // namespace

void AddConvert(CLI::App& app, Session& session) {
  auto words = std::make_shared<ConvertWords>();
  CLI::App* verb = app.add_subcommand("convert", "public checkpoints to one model file");
  verb->add_option(
          "SRC", words->sources,
          "rosinality, e4e, pSp, PluGeN4Faces, classifier or ArcFace .pt, NVIDIA .pkl, or safetensors "
          "with their keys")
      ->type_name("FILE")
      ->required();
  verb->add_option("-o,--output", words->output, "model file to write")->type_name("FILE")->required();
  verb->add_flag("--fp16", words->fp16, "store weights in half precision where nothing overflows");
  verb->add_flag("--tensors-only", words->tensors_only, "dump all tensors of one file as plain safetensors");
  verb->add_option("--card", words->card, "Markdown file that becomes the model card")->type_name("FILE");
  verb->footer(
      "Checkpoints are read as data: nothing in them is ever run, and what is unknown is refused by name.");
  verb->callback([&app, &session, words] {
    MentionUnused(
        session, app,
        {"--model", "--backend", "--precision", "--exact", "--memory", "--graphs", "--seed", "--max-memory"},
        "a conversion does not depend on it");
    session.status = RunConvert(session, *words);
  });
}

}  // namespace mien
