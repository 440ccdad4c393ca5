// mien encode: photos to w_plus files.
#include "tools/batch.h"

#include <memory>
#include "tools/outputs.h"
#include "tools/tensors.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct EncodeOptions {
  std::vector<std::string> inputs;
  std::string out;
  bool npz = false, fail_fast = false;
};

Status RunEncode(Session& session, const EncodeOptions& options) {
  std::vector<std::string> names;
  for (const std::string& input : options.inputs) names.push_back(ResultName(input));
  MIEN_ASSIGN(OutputFiles outputs,
              OutputFiles::Plan(names, options.out, FileKind::kTensors, options.npz ? ".npz" : ""));
  const std::vector<std::string>& paths = outputs.paths();
  MIEN_TRY(CheckFiles(session, {{"photo", options.inputs}}, {outputs.Group("codes")}));
  if (options.npz && options.inputs.size() == 1 && !IsFolder(options.out))
    WithoutEffect(session, "--npz", "the name of the file decides");
  MIEN_ASSIGN(auto model, OpenModel(session));
  PipelineOptions wanted = {session.run};
  wanted.encode = true;
  MIEN_ASSIGN(auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);
  NamedTensor codes = {"w_plus", {1, pipeline->rows(), pipeline->w_dim()}, {}};
  codes.values.resize(static_cast<size_t>(codes.shape.elements()));
  session.report["files"] = nlohmann::json::array();
  const auto make = [&](size_t i) -> Status {
    MIEN_ASSIGN(Image photo, ReadPicture(session, options.inputs[i]));
    WarnUnaligned(session, options.inputs[i], photo, pipeline->config().encoder->input_size);
    return pipeline->Encode(photo, codes.values);
  };
  const auto write = [&](size_t i) -> Status {
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WriteTensors(paths[i], {codes}, {{"mien.source", "encode"}}));
    session.report["files"].push_back(paths[i]);
    return {};
  };
  return RunBatch(session, options.inputs, options.fail_fast, make, write);
}

}  // namespace

void AddEncode(CLI::App& app, Session& session) {
  auto options = std::make_shared<EncodeOptions>();
  CLI::App* verb = app.add_subcommand("encode", "photos to latent codes (w_plus)");
  verb->add_option("IN", options->inputs, "photos (PNG or JPEG; - is stdin)")->type_name("FILE")->required();
  verb->add_option("-o,--output", options->out, "FILE.safetensors, .npz or .npy, or a folder")
      ->type_name("PATH")
      ->required();
  verb->add_flag("--npz", options->npz, "write .npz into the folder");
  AddFailFast(*verb, options->fail_fast);
  verb->callback([&app, &session, options] {
    MentionUnused(session, app, {"--seed"}, "nothing here is random");
    session.status = RunEncode(session, *options);
  });
}

}  // namespace mien
