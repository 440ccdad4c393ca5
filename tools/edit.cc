// mien edit: the main job. Photo (or saved codes, or a seed) -> w_plus -> flow -> attribute coordinates ->
// inverse flow -> picture.
#include <algorithm>
#include <memory>

#include "base/interrupt.h"
#include "tools/batch.h"
#include "tools/edit_plan.h"
#include "tools/faces.h"
#include "tools/outputs.h"
#include "tools/picture_options.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct EditOptions {
  std::vector<std::string> photos;
  FaceOptions faces;
  EditWords words;
  PictureOptions picture;
  std::string out;
  bool fail_fast = false;
};

// The picture of a face, or all those of its contact sheet.
Status EditFace(Pipeline& pipeline, const EditPlan& plan, const Face& face, std::span<const float> codes,
                ContactSheet& result) {
  const size_t numbers = codes.size();
  std::vector<float> edited(std::min(plan.pictures.size(), size_t{kMaxBatch}) * numbers);
  for (size_t first = 0; first < plan.pictures.size(); first += kMaxBatch) {
    const auto together =
        std::span(plan.pictures).subspan(first, std::min(plan.pictures.size() - first, size_t{kMaxBatch}));
    MIEN_TRY(CheckInterrupt());
    if (plan.edits()) {
      MIEN_TRY(pipeline.ApplyEdits(together, plan.rows, plan.keep_identity, codes,
                                   std::span(edited).first(together.size() * numbers)));
    } else {
      std::ranges::copy(codes, edited.begin());
    }
    for (size_t i = 0; i < together.size(); ++i) {
      MIEN_TRY(CheckInterrupt());
      MIEN_ASSIGN(const Image picture,
                  pipeline.Synthesize(std::span(edited).subspan(i * numbers, numbers), face.noise_seed));
      MIEN_TRY(result.Place(plan.places[first + i], picture));
    }
  }
  return {};
}

Result<std::vector<Face>> FacesOf(const Session& session, const EditOptions& options,
                                  const GeneratorConfig& generator) {
  const bool saved = !options.faces.seeds.empty() || !options.faces.codes.empty();
  if (saved == !options.photos.empty())
    return Status::Error(Code::kUsage, "either photos or --codes and --seeds expected");
  if (saved) return SelectFaces(session, options.faces, generator);
  std::vector<Face> faces;
  for (const std::string& path : options.photos) {
    Face face;
    face.name = ResultName(path);
    face.input = path;
    face.photo = true;
    face.noise_seed = session.seed;
    faces.push_back(std::move(face));
  }
  return faces;
}

// What the options want of the pipeline; `record` gets what will be done.
PipelineOptions Wanted(Session& session, const CLI::App& verb, const EditOptions& options,
                       const EditPlan& plan, const std::vector<Face>& faces, const GeneratorConfig& generator,
                       nlohmann::json* record) {
  PipelineOptions wanted = {session.run};
  wanted.encode = faces[0].photo;
  wanted.edit = wanted.synthesize = true;
  ChooseMapping(session, verb, options.faces, faces, generator, &wanted, record);
  ChoosePicture(session, options.picture, generator, &wanted, record);
  wanted.edits = static_cast<int>(std::min(plan.pictures.size(), size_t{kMaxBatch}));
  // The pictures of a sheet share the layers before the first row that may change.
  wanted.incremental = plan.sheet() && !plan.rows[0];
  const bool seeded =
      wanted.random_noise && std::ranges::any_of(faces, [](const Face& face) { return !face.seed; });
  if (seeded) {
    (*record)["seed"] = session.seed;
  } else {
    MentionUnused(session, *verb.get_parent(), {"--seed"},
                  wanted.random_noise ? "the faces and their noise have seeds of their own"
                                      : "only --noise random depends on it");
  }
  return wanted;
}

Status RunEdit(Session& session, const CLI::App& verb, const EditOptions& options) {
  if (options.photos.size() <= 1 && !IsFolder(options.out))
    MIEN_TRY(FormatOf(FileKind::kPicture, options.out).status());
  MIEN_ASSIGN(const auto model, OpenModel(session));
  const ModelConfig& config = model->config();
  if (!config.flow || !config.generator) {
    return Status::Error(Code::kUsage, "editing needs the component %s, which this model file does not have",
                         config.flow ? "generator" : "flow");
  }
  MIEN_ASSIGN(const std::vector<Face> faces, FacesOf(session, options, *config.generator));
  std::vector<std::string> names, inputs;
  for (const Face& face : faces) {
    names.push_back(face.name);
    inputs.push_back(face.input);
  }
  MIEN_ASSIGN(OutputFiles outputs, OutputFiles::Plan(names, options.out, FileKind::kPicture,
                                                     options.picture.format.ending()));
  MIEN_TRY(CheckFiles(session, {{"photo", options.photos}, {"codes", options.faces.codes}},
                      {outputs.Group("picture")}));
  const PictureFormat format =
      ChooseFormat(session, verb, options.picture.format, options.out, outputs.paths()[0]);
  MIEN_ASSIGN(EditPlan plan, PlanEdits(session, options.words, *config.flow, config.generator->rows()));
  nlohmann::json& record = plan.record;
  const PipelineOptions wanted = Wanted(session, verb, options, plan, faces, *config.generator, &record);
  MIEN_ASSIGN(const auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);
  const int side = pipeline->image_side();
  MIEN_ASSIGN(ContactSheet sheet, ContactSheet::Create(plan.columns * plan.lines, plan.columns, side, side,
                                                       plan.sheet() ? kSheetGap : 0));
  session.report["parameters"] = record;
  session.report["files"] = nlohmann::json::array();
  std::vector<float> codes(static_cast<size_t>(pipeline->rows()) * static_cast<size_t>(pipeline->w_dim()));
  const auto make = [&](size_t i) -> Status {
    MIEN_TRY(MakeCodes(session, *pipeline, faces[i], codes));
    return EditFace(*pipeline, plan, faces[i], codes, sheet);
  };
  const auto write = [&](size_t i) -> Status {
    nlohmann::json done = record;
    if (wanted.random_noise) done["seed"] = faces[i].noise_seed;
    if (!faces[i].photo) done["pictures"] = {faces[i].name};
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WritePicture(
        outputs.paths()[i], sheet.image(),
        options.picture.no_metadata ? std::vector<PictureText>() : Provenance(done, !faces[i].seed.has_value()),
        format));
    session.report["files"].push_back({{"input", faces[i].input}, {"output", outputs.paths()[i]}});
    return {};
  };
  return RunBatch(session, inputs, options.fail_fast, make, write);
}

}  // namespace

void AddEdit(CLI::App& app, Session& session) {
  auto options = std::make_shared<EditOptions>();
  CLI::App* verb = app.add_subcommand("edit", "edit a face in a photo, or one of saved codes or of a seed");
  verb->add_option("IN", options->photos, "photos (PNG or JPEG; - is stdin)")->type_name("FILE");
  verb->add_option("-o,--output", options->out, "PNG or .jpg (- is stdout); with several faces a folder")
      ->type_name("PATH")
      ->required();
  AddEditWords(*verb, options->words);
  AddFaceOptions(*verb, options->faces);
  AddPictureOptions(*verb, options->picture);
  AddFailFast(*verb, options->fail_fast);
  verb->footer(
      "To edit a mix of two faces or a step between them: mien synth --save-codes, then mien edit --codes.");
  verb->callback([&session, verb, options] { session.status = RunEdit(session, *verb, *options); });
}

}  // namespace mien
