// mien encode: photos to w_plus files.
#include <memory>
#include <optional>

#include "tools/batch.h"
#include "tools/outputs.h"
#include "tools/photo_faces.h"
#include "tools/tensors.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct EncodeOptions {
  std::vector<std::string> inputs;
  SearchOptions search;
  std::string out;
  bool npz = false;
  BatchOptions batch;
};

// Where the codes go, compared with what is read; `overlays` gets where a photo without a face goes.
Result<OutputFiles> PlanOutputs(const Session& session, const EncodeOptions& options,
                                std::vector<std::string>* overlays) {
  std::vector<std::string> names;
  for (const std::string& input : options.inputs) names.push_back(ResultName(input));
  MIEN_ASSIGN(OutputFiles outputs,
              OutputFiles::Plan(names, options.out, FileKind::kTensors, options.npz ? ".npz" : ""));
  for (const std::string& path : outputs.paths())
    overlays->push_back(options.search.aligned ? "" : Beside(path, ".faces.png"));
  const FileGroup codes = outputs.Group("codes");
  const bool makes_folder = codes.makes_folder;
  MIEN_TRY(CheckFiles(session, {{"photo", options.inputs}},
                      {codes, {"overlay", *overlays, makes_folder}, {"manifest", {options.batch.manifest}}}));
  return outputs;
}

// The squares that are encoded of one photo.
Result<std::vector<FaceCrop>> CropsOf(Session& session, const PhotoFaces* finder, const std::string& path,
                                      const std::string& overlay) {
  MIEN_ASSIGN(const Image photo, ReadPicture(session, path));
  std::vector<FaceCrop> crops(1);
  if (finder == nullptr) {
    MIEN_ASSIGN(crops[0], CutCentre(photo));
    return crops;
  }
  nlohmann::json report = nlohmann::json::object();
  MIEN_ASSIGN(const std::vector<PhotoFace> faces, finder->Find(session, path, photo, overlay, &report));
  crops.resize(faces.size());
  for (size_t i = 0; i < faces.size(); ++i) {
    MIEN_ASSIGN(crops[i], CutFaceOf(session, path, photo, faces[i]));
  }
  return crops;
}

Status RunEncode(Session& session, EncodeOptions options) {
  MIEN_TRY(ParseShard(options.batch.shard).status());
  MIEN_TRY(ExpandInto(&options.inputs, &options.out));
  std::vector<std::string> overlays;
  MIEN_ASSIGN(OutputFiles outputs, PlanOutputs(session, options, &overlays));
  const std::vector<std::string>& paths = outputs.paths();
  if (options.npz && options.inputs.size() == 1 && !IsFolder(options.out))
    WithoutEffect(session, "--npz", "the name of the file decides");
  MIEN_ASSIGN(auto model, OpenModel(session));
  PipelineOptions wanted = {session.run};
  wanted.encode = true;
  std::optional<PhotoFaces> finder;
  if (!options.search.aligned) {
    MIEN_ASSIGN(finder, PhotoFaces::Create(session, options.search));
    static_cast<RunOptions&>(wanted) = RunBeside(session.run, finder->networks());
  }
  MIEN_ASSIGN(auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);
  NamedTensor codes = {"w_plus", {}, {}};
  session.report["files"] = nlohmann::json::array();
  const auto make = [&](size_t i) -> Status {
    if (!overlays[i].empty()) MIEN_TRY(outputs.MakeFolder());
    MIEN_ASSIGN(const std::vector<FaceCrop> crops,
                CropsOf(session, finder ? &*finder : nullptr, options.inputs[i], overlays[i]));
    codes.shape = {static_cast<int64_t>(crops.size()), pipeline->rows(), pipeline->w_dim()};
    codes.values.resize(static_cast<size_t>(codes.shape.elements()));
    const size_t numbers = codes.values.size() / crops.size();
    for (size_t k = 0; k < crops.size(); ++k)
      MIEN_TRY(pipeline->Encode(crops[k].picture, std::span(codes.values).subspan(k * numbers, numbers)));
    return {};
  };
  const auto write = [&](size_t i) -> Status {
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WriteTensors(paths[i], {codes}, {{"mien.source", "encode"}}));
    session.report["files"].push_back(paths[i]);
    return {};
  };
  const auto entry = [&](size_t i) {
    return nlohmann::json{{"input", options.inputs[i]}, {"output", paths[i]}, {"faces", codes.shape[0]}};
  };
  return RunBatch(session, options.inputs, options.batch, {make, write, entry, {}});
}

}  // namespace

void AddEncode(CLI::App& app, Session& session) {
  auto options = std::make_shared<EncodeOptions>();
  CLI::App* verb = app.add_subcommand("encode", "photos to latent codes (w_plus)");
  verb->add_option("IN", options->inputs, "photos (PNG or JPEG; - is stdin), or folders of them")
      ->type_name("FILE")
      ->required();
  verb->add_option("-o,--output", options->out, "FILE.safetensors, .npz or .npy, or a folder")
      ->type_name("PATH")
      ->required();
  AddSearchOptions(*verb, options->search);
  AddAligned(*verb, options->search);
  verb->add_flag("--npz", options->npz, "write .npz into the folder");
  AddBatchOptions(*verb, options->batch);
  verb->callback([&app, &session, verb, options] {
    MentionUnusedSearch(session, *verb, options->search);
    MentionUnused(session, app, {"--seed"}, "nothing here is random");
    session.status = RunEncode(session, *options);
  });
}

}  // namespace mien
