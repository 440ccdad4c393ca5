// mien gallery: one page that shows what the model does with faces: each as a photo, as the generator draws it again,
// with every attribute moved both ways, along a sweep, and put back into its photo.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "base/interrupt.h"
#include "base/stream.h"
#include "runtime/face/photo_editor.h"
#include "tools/batch.h"
#include "tools/faces.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/page.h"
#include "tools/photo_faces.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

using Json = nlohmann::json;

constexpr int kSmall = 256, kLarge = 1024;  // sides of the pictures on the page

struct GalleryOptions {
  std::vector<std::string> photos, attributes;
  std::string out, sweep;
  SearchOptions search;
  FaceOptions faces;
  float reach = 1.0f;
  int steps = 7;
};

// What is shown of each face: the edits of the table, row by row down and up, then those of the sweep.
struct GalleryPlan {
  std::vector<std::string> attributes;
  std::vector<std::vector<Edit>> edits;
  std::vector<float> values;  // of each
  std::string sweep;          // empty: none
};

Result<GalleryPlan> PlanGallery(const GalleryOptions& options, const FlowConfig& flow) {
  GalleryPlan plan;
  plan.attributes = options.attributes.empty() ? flow.attributes : options.attributes;
  plan.sweep = options.sweep;
  if (plan.sweep.empty() && std::ranges::find(flow.attributes, "yaw") != flow.attributes.end()) plan.sweep = "yaw";
  const auto add = [&](const std::string& attribute, float value) -> Status {
    MIEN_ASSIGN(const Edit edit, MakeEdit(flow, attribute, Edit::Mode::kSet, value, false));
    plan.edits.push_back({edit});
    plan.values.push_back(value);
    return {};
  };
  for (const std::string& attribute : plan.attributes) {
    MIEN_TRY(add(attribute, -options.reach));
    MIEN_TRY(add(attribute, options.reach));
  }
  for (int i = 0; i < options.steps && !plan.sweep.empty(); ++i) {
    const float part = static_cast<float>(2 * i) / static_cast<float>(options.steps - 1) - 1.0f;
    MIEN_TRY(add(plan.sweep, options.reach * part));
  }
  return plan;
}

std::string ValueText(const std::string& attribute, float value) {
  char text[64];
  std::snprintf(text, sizeof text, "%s %+.2g", attribute.c_str(), static_cast<double>(value));
  return text;
}

std::string DistanceText(double distance) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", distance);
  return text;
}

// Makes the section of one face after the other.
class Gallery {
 public:
  // `record`: what the pictures say of how they were made.
  Gallery(Session& session, const GalleryOptions& options, const GalleryPlan& plan, Json record, Pipeline& pipeline,
          const PhotoFaces& finder)
      : session_(session),
        options_(options),
        plan_(plan),
        pipeline_(pipeline),
        finder_(finder),
        record_(std::move(record)),
        codes_(static_cast<size_t>(pipeline.rows()) * static_cast<size_t>(pipeline.w_dim())) {}

  Status Add(const Face& face) {
    entry_ = {{"input", face.input}};
    Json record = record_;
    if (!face.photo) record["pictures"] = {face.name};
    texts_ = Provenance(record, !face.seed.has_value());
    std::string section = "<h2>" + Escaped(face.photo ? InputName(face.input) : face.name) + "</h2>\n";
    if (face.photo) {
      MIEN_ASSIGN(const std::string pictures, StartFromPhoto(face));
      section += pictures;
    } else {
      MIEN_TRY(MakeCodes(pipeline_, face, codes_));
      MIEN_ASSIGN(const std::string drawn, DrawUnedited());
      section += "<div class=\"faces\">\n" + Figure(drawn, "as it is") + "</div>\n";
    }
    MIEN_TRY(DrawEdits());
    section += Edits();
    if (face.photo && !options_.search.aligned) {
      MIEN_ASSIGN(const std::string pasted, PastedPhotos());
      section += pasted;
    }
    html_ += section;
    session_.report["faces"].push_back(entry_);
    return {};
  }

  const std::string& html() const { return html_; }

 private:
  Result<std::string> StartFromPhoto(const Face& face) {
    MIEN_ASSIGN(photo_, ReadPicture(session_, face.input));
    FaceCrop crop;
    found_.clear();
    if (options_.search.aligned) {
      MIEN_ASSIGN(crop, CutCentre(photo_));
    } else {
      MIEN_ASSIGN(found_, finder_.Find(session_, face.input, photo_, "", &entry_));
      MIEN_ASSIGN(crop, CutFaceOf(session_, face.input, photo_, found_[0]));
    }
    MIEN_TRY(pipeline_.Encode(crop.picture, codes_));
    MIEN_ASSIGN(const std::vector<float> person, DescribeCrop(finder_.networks(), crop.picture));
    std::string html = "<div class=\"faces\">\n";
    if (!options_.search.aligned) {
      MIEN_ASSIGN(const std::string whole, PictureData(photo_, kLarge, {}));
      html += Figure(whole, "photo", "large");
    }
    MIEN_ASSIGN(const std::string aligned, PictureData(crop.picture, kSmall, {}));
    MIEN_ASSIGN(const std::string drawn, DrawUnedited());
    const double distance = Distance(person, person_);
    entry_["reconstruction"] = distance;
    return html + Figure(aligned, "aligned face") + Figure(drawn, "reconstruction, " + DistanceText(distance)) +
           "</div>\n";
  }

  // What the generator makes of the codes.
  Result<std::string> DrawUnedited() {
    MIEN_ASSIGN(const Image picture, pipeline_.Synthesize(codes_, session_.seed));
    MIEN_ASSIGN(person_, DescribeCrop(finder_.networks(), picture));
    return PictureData(picture, kSmall, texts_);
  }

  Status DrawEdits() {
    drawn_.clear();
    entry_["edits"] = Json::array();
    const size_t numbers = codes_.size();
    const std::vector<bool> rows(static_cast<size_t>(pipeline_.rows()), true);
    std::vector<float> edited(std::min(plan_.edits.size(), size_t{kMaxBatch}) * numbers);
    for (size_t first = 0; first < plan_.edits.size(); first += kMaxBatch) {
      const auto together =
          std::span(plan_.edits).subspan(first, std::min(plan_.edits.size() - first, size_t{kMaxBatch}));
      MIEN_TRY(pipeline_.ApplyEdits(together, rows, 1.0f, codes_, std::span(edited).first(together.size() * numbers)));
      for (size_t i = 0; i < together.size(); ++i)
        MIEN_TRY(DrawEdit(first + i, std::span(edited).subspan(i * numbers, numbers)));
    }
    return {};
  }

  Status DrawEdit(size_t i, std::span<const float> codes) {
    MIEN_TRY(CheckInterrupt());
    MIEN_ASSIGN(const Image picture, pipeline_.Synthesize(codes, session_.seed));
    MIEN_ASSIGN(const std::vector<float> person, DescribeCrop(finder_.networks(), picture));
    const double distance = Distance(person_, person);
    const std::string& attribute = i < 2 * plan_.attributes.size() ? plan_.attributes[i / 2] : plan_.sweep;
    MIEN_ASSIGN(const std::string data, PictureData(picture, kSmall, texts_));
    drawn_.push_back(Figure(data, ValueText(attribute, plan_.values[i]) + ", " + DistanceText(distance)));
    entry_["edits"].push_back({{"attribute", attribute}, {"value", plan_.values[i]}, {"distance", distance}});
    return {};
  }

  std::string Edits() const {
    const size_t in_table = 2 * plan_.attributes.size();
    std::string html = "<div class=\"faces\">\n";
    for (size_t i = 0; i < in_table; i += 2) html += "<div class=\"pair\">" + drawn_[i] + drawn_[i + 1] + "</div>\n";
    html += "</div>\n<div class=\"faces\">\n";
    for (size_t i = in_table; i < drawn_.size(); ++i) html += drawn_[i];
    return html + "</div>\n";
  }

  // The photo with its face edited by the upper value of each attribute.
  Result<std::string> PastedPhotos() {
    PhotoEditOptions how;
    how.rows.assign(static_cast<size_t>(pipeline_.rows()), true);
    how.noise_seed = session_.seed;
    PhotoEditor editor(pipeline_, nullptr, how);
    editor.Take(found_);
    std::string html = "<div class=\"faces\">\n";
    for (size_t a = 0; a < plan_.attributes.size(); ++a) {
      MIEN_TRY(CheckInterrupt());
      MIEN_ASSIGN(Image edited, photo_.Copy());
      MIEN_TRY(editor.EditPhoto(plan_.edits[2 * a + 1], &edited).status());
      MIEN_ASSIGN(const std::string data, PictureData(edited, kLarge, texts_));
      html += Figure(data, ValueText(plan_.attributes[a], plan_.values[2 * a + 1]), "large");
    }
    return html + "</div>\n";
  }

  Session& session_;
  const GalleryOptions& options_;
  const GalleryPlan& plan_;
  Pipeline& pipeline_;
  const PhotoFaces& finder_;
  const Json record_;
  std::string html_;
  // Of the face in work.
  Json entry_;
  std::vector<PictureText> texts_;
  std::vector<float> codes_, person_;  // person_: the reconstruction's descriptor
  Image photo_;
  std::vector<PhotoFace> found_;
  std::vector<std::string> drawn_;  // figures of the plan's edits
};

std::string Introduction(const Session& session, const GalleryPlan& plan, float reach) {
  const LikenessRule& rule = RuleOf(Portrayed(session));
  char values[200], judgement[300];
  std::snprintf(values, sizeof values,
                "Every attribute is set to %g and to %g; -1 and 1 are the ends of what was seen in training",
                static_cast<double>(-reach), static_cast<double>(reach));
  std::snprintf(judgement, sizeof judgement, "below %g (%s) they show the same person%s", rule.threshold, rule.source,
                rule.error_rate > kMostErrors ? ", but so many are judged wrongly that nothing can be concluded" : "");
  const std::string model = session.model.empty() ? "built-in" : Escaped(ResultName(session.model));
  return "<p>Model " + model + ". " + values +
         (plan.sweep.empty() ? "" : "; the last row of faces is a sweep of " + Escaped(plan.sweep)) +
         ". Numbers are distances of the face recogniser, of the reconstruction to the photo and of an edit to the "
         "reconstruction: " +
         judgement + ".</p>\n";
}

Result<std::vector<Face>> FacesToShow(const Session& session, const GalleryOptions& options,
                                      const GeneratorConfig& generator) {
  std::vector<Face> faces;
  for (const std::string& path : options.photos) faces.push_back(FaceInPhoto(path));
  MIEN_ASSIGN(std::vector<Face> made, SelectFaces(session, options.faces, generator));
  std::ranges::move(made, std::back_inserter(faces));
  if (faces.empty()) return Status::Error(Code::kUsage, "photos, --seeds or --codes expected");
  return faces;
}

Status RunGallery(Session& session, const CLI::App& verb, GalleryOptions& options) {
  MIEN_TRY(FormatOf(FileKind::kPage, options.out).status());
  if (!options.photos.empty()) {
    MIEN_ASSIGN(options.photos, ExpandPhotos(options.photos));
  }
  MIEN_TRY(CheckFiles(session, {{"photo", options.photos}, {"codes", options.faces.codes}}, {{"page", {options.out}}}));
  MIEN_ASSIGN(const auto model, OpenModel(session));
  const ModelConfig& config = model->config();
  MIEN_TRY(CheckEditable(config));
  MIEN_ASSIGN(const GalleryPlan plan, PlanGallery(options, *config.flow));
  MIEN_ASSIGN(const std::vector<Face> faces, FacesToShow(session, options, *config.generator));
  SearchOptions search = options.search;
  search.aligned |= options.photos.empty();
  MIEN_ASSIGN(const PhotoFaces finder, PhotoFaces::Create(session, search, true));
  if (finder.all()) return Status::Error(Code::kUsage, "--face all: a gallery shows one face of a photo");
  PipelineOptions wanted = {RunBeside(session.run, finder.networks())};
  wanted.encode = !options.photos.empty();
  wanted.edit = wanted.synthesize = true;
  wanted.edits = static_cast<int>(std::min(plan.edits.size(), size_t{kMaxBatch}));
  Json record = {{"gallery", options.reach}, {"model", model->file().fingerprint()}};
  ChooseMapping(session, verb, options.faces, faces, *config.generator, &wanted, &record);
  MIEN_ASSIGN(const auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);
  session.report["faces"] = Json::array();
  Gallery gallery(session, options, plan, std::move(record), *pipeline, finder);
  Progress progress(session, faces.size());
  for (const Face& face : faces) {
    progress.Step(face.name);
    const Status added = gallery.Add(face);
    if (!added.ok()) return Named(added, face.input);
  }
  const std::string page = PageHead("mien gallery") + "<h1>What mien makes of faces</h1>\n" +
                           Introduction(session, plan, options.reach) + gallery.html() + kPageEnd;
  MIEN_TRY(WriteFileAtomically(options.out, std::as_bytes(std::span(page))));
  session.report["page"] = options.out;
  return {};
}

}  // namespace

void AddGallery(CLI::App& app, Session& session) {
  auto options = std::make_shared<GalleryOptions>();
  CLI::App* verb = app.add_subcommand("gallery", "one page of faces: reconstructions, every attribute both ways");
  verb->add_option("IN", options->photos, "photos (PNG or JPEG), or folders of them")->type_name("FILE");
  verb->add_option("-o,--output", options->out, "the page (.html), which needs no other file")
      ->type_name("FILE")
      ->required();
  verb->add_option("--attributes", options->attributes, "show these (default: all of the model)")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->expected(1)
      ->take_all();
  verb->add_option("--reach", options->reach, "how far each goes; 1 is the end of the training range")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  verb->add_option("--sweep", options->sweep, "shown step by step (default: yaw)")->type_name("NAME");
  verb->add_option("--steps", options->steps, "of the sweep")
      ->transform(WholeNumber())
      ->check(CLI::Range(2, 64))
      ->capture_default_str();
  AddSearchOptions(*verb, options->search);
  AddAligned(*verb, options->search);
  AddFaceOptions(*verb, options->faces);
  verb->callback([&session, &app, verb, options] {
    MentionUnused(session, app, {"--seed"}, "nothing here is random");
    if (options->photos.empty()) {
      MentionUnused(session, *verb, {"--aligned", "--face", "--detector"}, "it is for photos");
    } else {
      MentionUnusedSearch(session, *verb, options->search);
    }
    session.status = RunGallery(session, *verb, *options);
  });
}

}  // namespace mien
