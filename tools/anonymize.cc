// mien anonymize: the faces of a photo become those of people who do not exist, with the attributes they had.
#include <cmath>
#include <memory>
#include <optional>

#include "base/stream.h"
#include "runtime/face/photo_editor.h"
#include "tools/batch.h"
#include "tools/faces.h"
#include "tools/outputs.h"
#include "tools/photo_faces.h"
#include "tools/picture_options.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"
#include "weights/checksum.h"

namespace mien {
namespace {

using Json = nlohmann::json;

struct AnonymizeOptions {
  std::vector<std::string> photos;
  SearchOptions search = {"all"};
  PictureOptions picture;
  std::string out, key;
  float psi = 0.7f;
  bool crop = false;
  BatchOptions batch;
};

// A seed of the mapping network that follows from a text and from nothing else.
uint32_t SeedOf(const std::string& text) {
  Sha256 hash;
  hash.Update(std::as_bytes(std::span(text)));
  const auto digest = hash.Finish();
  return uint32_t{digest[0]} << 24 | uint32_t{digest[1]} << 16 | uint32_t{digest[2]} << 8 | digest[3];
}

// Whether the classifier sees the same: angles and years within ten, shares on the same side of a half.
bool Held(const std::string& attribute, double before, double after) {
  if (attribute == "yaw" || attribute == "pitch" || attribute == "roll" || attribute == "age")
    return std::fabs(before - after) <= 10;
  return (before >= 0.5) == (after >= 0.5);
}

class Anonymizing {
 public:
  Anonymizing(Session& session, const AnonymizeOptions& options, Json parameters, Pipeline& pipeline,
              const PhotoFaces& finder)
      : session_(session),
        options_(options),
        parameters_(std::move(parameters)),
        pipeline_(pipeline),
        finder_(finder),
        editor_(pipeline, &finder.networks(), How()) {}

  Status Make(const std::string& path, const std::string& overlay) {
    input_ = path;
    report_ = {{"input", path}};
    MIEN_ASSIGN(photo_, ReadPicture(session_, path));
    photo_.exif.clear();  // where and by which camera
    photo_.xmp.clear();
    std::vector<PhotoFace> found;
    if (!options_.search.aligned) {
      MIEN_ASSIGN(found, finder_.Find(session_, path, photo_, overlay, &report_));
    }
    editor_.Take(std::move(found));
    MIEN_ASSIGN(const std::vector<EditedFace> edited, editor_.EditPhoto({}, &photo_));
    report_["faces"] = Json::array();
    for (const EditedFace& face : edited) Tell(face);
    return {};
  }

  // Of the last photo.
  const Image& picture() const { return photo_; }
  const Json& parameters() const { return parameters_; }
  Json& report() { return report_; }

 private:
  PhotoEditOptions How() {
    PhotoEditOptions how;
    how.rows.assign(static_cast<size_t>(pipeline_.rows()), true);
    how.noise_seed = session_.seed;
    how.paste = PasteMode::kReplace;
    how.crop = options_.crop;
    how.likeness = true;
    how.scores = pipeline_.config().attributes.has_value();
    how.exchange = [this](size_t face, std::span<float> w_plus) -> Status {
      const std::string own = std::to_string(session_.seed) + ":" + input_ + ":" + std::to_string(face);
      std::vector<float> person(w_plus.size());
      MIEN_TRY(pipeline_.FromSeed(SeedOf(options_.key.empty() ? own : "key:" + options_.key), person));
      return pipeline_.ReplaceIdentity(w_plus, person, w_plus);
    };
    return how;
  }

  void Tell(const EditedFace& face) {
    const EditLikeness& likeness = *face.likeness;
    const LikenessRule& rule = RuleOf(Portrayed(session_));
    Json entry = {{"photo_reconstruction", likeness.photo_reconstruction},
                  {"photo_result", likeness.photo_edit},
                  {"reconstruction_result", likeness.reconstruction_edit},
                  {"judgement", InWords(Judge(likeness.photo_edit, rule))}};
    std::string lost;
    for (size_t i = 0; i < face.scores_before.size(); ++i) {
      const std::string& name = pipeline_.config().attributes->outputs[i];
      const bool held = Held(name, face.scores_before[i], face.scores_after[i]);
      entry["attributes"][name] = {{"before", face.scores_before[i]}, {"after", face.scores_after[i]}, {"held", held}};
      if (!held) lost += (lost.empty() ? "" : ", ") + name;
    }
    report_["faces"].push_back(std::move(entry));
    session_.Note("%s: photo and result: distance %.3f, %s%s%s", InputName(input_).c_str(), likeness.photo_edit,
                  JudgementInWords(likeness.photo_edit, rule).c_str(),
                  lost.empty() ? "" : "; did not hold: ", lost.c_str());
    if (Judge(likeness.photo_edit, rule) == Judgement::kSamePerson)
      session_.Warn("%s: the recogniser still takes a face for the same person", InputName(input_).c_str());
  }

  Session& session_;
  const AnonymizeOptions& options_;
  const Json parameters_;
  Pipeline& pipeline_;
  const PhotoFaces& finder_;
  std::string input_;
  PhotoEditor editor_;
  Image photo_;
  Json report_;
};

Status RunAnonymize(Session& session, const CLI::App& verb, AnonymizeOptions& options) {
  MIEN_TRY(ParseShard(options.batch.shard).status());
  MIEN_TRY(ExpandInto(&options.photos, &options.out));
  MIEN_ASSIGN(const auto model, OpenModel(session));
  MIEN_TRY(CheckEditable(model->config()));
  std::vector<std::string> names, overlays;
  for (const std::string& photo : options.photos) names.push_back(ResultName(photo));
  MIEN_ASSIGN(OutputFiles outputs,
              OutputFiles::Plan(names, options.out, FileKind::kPicture, options.picture.format.ending()));
  for (const std::string& path : outputs.paths())
    overlays.push_back(options.search.aligned || path == "-" ? "" : Beside(path, ".faces.png"));
  const FileGroup pictures = outputs.Group("picture");
  MIEN_TRY(
      CheckFiles(session, {{"photo", options.photos}},
                 {pictures, {"overlay", overlays, pictures.makes_folder}, {"manifest", {options.batch.manifest}}}));
  const PictureFormat format = ChooseFormat(session, verb, options.picture.format, options.out, outputs.paths()[0]);
  MIEN_ASSIGN(const PhotoFaces finder, PhotoFaces::Create(session, options.search, true));
  if (finder.all() && !options.search.aligned && (options.crop || !options.key.empty()))
    return Status::Error(Code::kUsage, "--face all: %s is for one face; largest, its number or a point expected",
                         options.crop ? "--crop" : "--key");
  PipelineOptions wanted = {RunBeside(session.run, finder.networks())};
  wanted.encode = wanted.edit = wanted.synthesize = wanted.map = true;
  wanted.psi = options.psi;
  wanted.scores = model->config().attributes.has_value();
  Json parameters = {{"anonymize", true}, {"model", model->file().fingerprint()}, {"psi", options.psi}};
  ChoosePicture(session, options.picture, *model->config().generator, &wanted, &parameters);
  MIEN_ASSIGN(const auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);
  Anonymizing anonymizing(session, options, std::move(parameters), *pipeline, finder);
  session.report["files"] = Json::array();
  const auto make = [&](size_t i) -> Status {
    if (!overlays[i].empty()) MIEN_TRY(outputs.MakeFolder());
    return anonymizing.Make(options.photos[i], overlays[i]);
  };
  const auto write = [&](size_t i) -> Status {
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WritePicture(
        outputs.paths()[i], anonymizing.picture(),
        options.picture.no_metadata ? std::vector<PictureText>() : Provenance(anonymizing.parameters(), true), format));
    anonymizing.report()["output"] = outputs.paths()[i];
    session.report["files"].push_back(anonymizing.report());
    return {};
  };
  return RunBatch(session, options.photos, options.batch,
                  {make, write, [&](size_t) { return anonymizing.report(); }, {}});
}

}  // namespace

void AddAnonymize(CLI::App& app, Session& session) {
  auto options = std::make_shared<AnonymizeOptions>();
  CLI::App* verb =
      app.add_subcommand("anonymize", "faces to those of people who do not exist, with the same attributes");
  verb->add_option("IN", options->photos, "photos (PNG or JPEG; - is stdin), or folders of them")
      ->type_name("FILE")
      ->required();
  verb->add_option("-o,--output", options->out, "PNG or .jpg (- is stdout); with several photos a folder")
      ->type_name("PATH")
      ->required();
  verb->add_option("--key", options->key,
                   "the same key gives the same person in all photos of somebody; without one every face gets a person "
                   "of its own, by --seed, the photo's path and the place of the face")
      ->type_name("TEXT");
  verb->add_option("--psi", options->psi, "truncation of the new people towards the average face")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  AddSearchOptions(*verb, options->search);
  AddAligned(*verb, options->search);
  verb->add_flag("--crop", options->crop, "write the new face alone, as the generator draws it");
  AddPictureOptions(*verb, options->picture);
  AddBatchOptions(*verb, options->batch);
  verb->footer(
      "EXIF and XMP are left out. It does not promise that nobody is recognised: clothes, hair outside of the face's\n"
      "square, body, place and company stay; faces that are not found stay; who has the photo or guesses the key can\n"
      "make the same picture; another recogniser may see more than the one that is asked here.");
  verb->callback([&app, &session, verb, options] {
    if (!options->key.empty() && options->picture.noise != "random")
      MentionUnused(session, app, {"--seed"}, "the person has a key, and the noise is not random");
    MentionUnusedSearch(session, *verb, options->search);
    session.status = RunAnonymize(session, *verb, *options);
  });
}

}  // namespace mien
