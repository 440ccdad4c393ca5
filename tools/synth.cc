// mien synth: seeds or saved codes to pictures, two of them mixed, or steps between two. Several pictures
// make a contact sheet, or one file each in a folder.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "base/interrupt.h"
#include "tools/batch.h"
#include "tools/blend.h"
#include "tools/faces.h"
#include "tools/files.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/picture_options.h"
#include "tools/tensors.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

constexpr int kMaxFrames = 4096;

struct SynthOptions {
  FaceOptions faces;
  std::vector<std::string> between;
  std::string mix, out, save_codes;
  int frames = 8, columns = 0;
  PictureOptions picture;
  bool fail_fast = false;
};

// What is to be made.
struct SynthPlan {
  std::vector<Face> faces;         // one per picture; of --mix and --between the two
  std::vector<bool> mix;           // rows of the first; empty: no mix
  std::vector<std::string> names;  // of the pictures
  bool blend = false;              // --mix or --between
  nlohmann::json record = {{"verb", "synth"}};
};

Status PlanMix(const std::string& rows, int all_rows, SynthPlan* plan) {
  if (plan->faces.size() != 2)
    return Status::Error(Code::kUsage, "mix: two faces of --seeds and --codes expected, not %zu",
                         plan->faces.size());
  for (const Face& face : plan->faces) MIEN_TRY(face.problem);
  MIEN_ASSIGN(plan->mix, ParseRows(rows, all_rows));
  plan->blend = true;
  plan->names = {plan->faces[0].name + "-" + plan->faces[1].name};
  plan->record["mix"] = {{"rows", rows}, {"first", plan->faces[0].name}, {"second", plan->faces[1].name}};
  return {};
}

void PlanFrames(int frames, SynthPlan* plan) {
  plan->blend = true;
  const std::string first = plan->faces[0].name, second = plan->faces[1].name;
  for (int i = 1; i <= frames; ++i) {
    char number[16];
    std::snprintf(number, sizeof number, "_%04d", i);
    plan->names.push_back(first + "-" + second + number);
  }
  plan->record["between"] = {first, second};
  plan->record["frames"] = frames;
}

Result<SynthPlan> PlanSynth(const Session& session, const SynthOptions& options,
                            const GeneratorConfig& generator) {
  SynthPlan plan;
  if (!options.between.empty()) {
    std::vector<std::string> codes = options.between;
    std::erase_if(codes, IsSeed);
    MIEN_TRY(CheckFiles(session, {{"codes", codes}}, {}));  // a pipe read twice would wait for ever
    for (const std::string& end : options.between) {
      MIEN_ASSIGN(Face face, SelectFace(session, end, generator));
      face.noise_seed = session.seed;  // noise that stays as it is from frame to frame
      plan.faces.push_back(std::move(face));
    }
    PlanFrames(options.frames, &plan);
    return plan;
  }
  FaceOptions chosen = options.faces;
  if (chosen.seeds.empty() && chosen.codes.empty()) chosen.seeds = {std::to_string(session.seed)};
  MIEN_ASSIGN(plan.faces, SelectFaces(session, chosen, generator));
  if (!options.mix.empty()) {
    MIEN_TRY(PlanMix(options.mix, generator.rows(), &plan));
  } else {
    for (const Face& face : plan.faces) plan.names.push_back(face.name);
  }
  return plan;
}

// The faces of a plan, one picture after the other.
class Synthesis {
 public:
  Synthesis(Session& session, const SynthPlan& plan, Pipeline& pipeline, bool keep_codes)
      : session_(session), plan_(plan), pipeline_(pipeline), keep_codes_(keep_codes) {
    codes_.resize(static_cast<size_t>(pipeline.rows()) * static_cast<size_t>(pipeline.w_dim()));
  }

  // The codes of the two that are blended.
  Status Prepare() {
    for (size_t end = 0; end < 2 && plan_.blend; ++end) {
      ends_[end].resize(codes_.size());
      MIEN_TRY(MakeCodes(pipeline_, plan_.faces[end], ends_[end]));
    }
    return {};
  }

  // Picture i; the codes of the good ones are kept.
  Result<Image> Make(size_t i) {
    MIEN_TRY(CheckInterrupt());
    if (!plan_.mix.empty()) {
      MixRows(plan_.mix, ends_[0], ends_[1], codes_);
    } else if (plan_.blend) {
      Between(static_cast<float>(i) / static_cast<float>(plan_.names.size() - 1), ends_[0], ends_[1], codes_);
    } else {
      MIEN_TRY(MakeCodes(pipeline_, plan_.faces[i], codes_));
    }
    MIEN_ASSIGN(Image picture, pipeline_.Synthesize(codes_, plan_.faces[plan_.blend ? 0 : i].noise_seed));
    if (keep_codes_) kept_.insert(kept_.end(), codes_.begin(), codes_.end());
    return picture;
  }

  Status SaveCodes(const std::string& path) const {
    const auto count = static_cast<int64_t>(kept_.size() / codes_.size());
    if (count == 0) return {};
    return WriteTensors(path, {{"w_plus", {count, pipeline_.rows(), pipeline_.w_dim()}, kept_}},
                        {{"mien.source", "synth"}});
  }

 private:
  Session& session_;
  const SynthPlan& plan_;
  Pipeline& pipeline_;
  const bool keep_codes_;
  std::vector<float> codes_, kept_, ends_[2];
};

std::vector<PictureText> Texts(const SynthOptions& options, nlohmann::json record,
                           const std::vector<std::string>& names) {
  if (options.picture.no_metadata) return {};
  record["pictures"] = names;
  return Provenance(record, false);
}

// One file per picture in a folder.
Status WriteFolder(Session& session, const SynthOptions& options, const PictureFormat& format, const SynthPlan& plan,
                   OutputFiles& outputs, Synthesis& synthesis) {
  session.report["files"] = nlohmann::json::array();
  Image picture;
  const auto make = [&](size_t i) -> Status {
    MIEN_ASSIGN(picture, synthesis.Make(i));
    return {};
  };
  const auto write = [&](size_t i) -> Status {
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WritePicture(outputs.paths()[i], picture, Texts(options, plan.record, {plan.names[i]}), format));
    session.report["files"].push_back(outputs.paths()[i]);
    return {};
  };
  std::vector<std::string> words = plan.names;  // a file that cannot be read has its path in the messages
  for (size_t i = 0; i < words.size() && !plan.blend; ++i) {
    if (!plan.faces[i].problem.ok()) words[i] = plan.faces[i].input;
  }
  return RunBatch(session, words, {options.fail_fast, {}, {}}, {make, write, {}, {}});
}

// One file: the picture, or a contact sheet, which is whole or not there.
Status WriteSheet(Session& session, const SynthOptions& options, const PictureFormat& format, const SynthPlan& plan,
                  int side, Synthesis& synthesis) {
  const int count = static_cast<int>(plan.names.size());
  const int square = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(count))));
  MIEN_ASSIGN(ContactSheet sheet, ContactSheet::Create(count, options.columns > 0 ? options.columns : square,
                                                       side, side, count > 1 ? kSheetGap : 0));
  // What the format has no room for shows before the first picture is made.
  const std::vector<PictureText> texts = Texts(options, plan.record, plan.names);
  MIEN_ASSIGN(const Image dot, Image::Create(1, 1));
  MIEN_TRY(EncodePicture(dot, texts, format).status());
  session.report["files"] = {options.out};
  Progress progress(session, plan.names.size());
  for (int i = 0; i < count; ++i) {
    progress.Step(plan.names[static_cast<size_t>(i)]);
    MIEN_ASSIGN(const Image picture, synthesis.Make(static_cast<size_t>(i)));
    MIEN_TRY(sheet.Place(i, picture));
  }
  return WritePicture(options.out, sheet.image(), texts, format);
}

// All files are checked before the first picture is made.
Result<OutputFiles> PlanFiles(const Session& session, const SynthOptions& options, const SynthPlan& plan) {
  std::vector<std::string> names = plan.names, codes = options.faces.codes;
  if (!IsFolder(options.out)) names.resize(1);  // a contact sheet
  for (size_t i = 0; i < options.between.size(); ++i) {
    if (!plan.faces[i].seed) codes.push_back(options.between[i]);
  }
  MIEN_ASSIGN(OutputFiles outputs, OutputFiles::Plan(names, options.out, FileKind::kPicture,
                                                     options.picture.format.ending()));
  MIEN_TRY(
      CheckFiles(session, {{"codes", codes}}, {outputs.Group("picture"), {"codes", {options.save_codes}}}));
  return outputs;
}

void MentionSeed(Session& session, const CLI::App& verb, const SynthOptions& options, bool random_noise) {
  const bool draws = options.between.empty() && options.faces.seeds.empty() && options.faces.codes.empty();
  const bool noise = random_noise && (!options.between.empty() || !options.faces.codes.empty());
  if (draws || noise) return;
  MentionUnused(session, *verb.get_parent(), {"--seed"},
                random_noise ? "the noise has the seeds of the faces"
                             : "the faces are given, and the noise is not random");
}

Status RunSynth(Session& session, const CLI::App& verb, const SynthOptions& options) {
  if (!IsFolder(options.out)) MIEN_TRY(FormatOf(FileKind::kPicture, options.out).status());
  if (!options.save_codes.empty()) MIEN_TRY(FormatOf(FileKind::kTensors, options.save_codes).status());
  MIEN_ASSIGN(const auto model, OpenModel(session));
  if (!model->config().generator) {
    return Status::Error(Code::kUsage,
                         "synthesis needs the component generator, which this model file does not have");
  }
  const GeneratorConfig& generator = *model->config().generator;
  MIEN_ASSIGN(SynthPlan plan, PlanSynth(session, options, generator));
  MIEN_ASSIGN(OutputFiles outputs, PlanFiles(session, options, plan));
  const PictureFormat format = ChooseFormat(session, verb, options.picture.format, options.out, outputs.paths()[0]);
  PipelineOptions wanted = {session.run};
  wanted.synthesize = true;
  ChooseMapping(session, verb, options.faces, plan.faces, generator, &wanted, &plan.record);
  ChoosePicture(session, options.picture, generator, &wanted, &plan.record);
  plan.record["model"] = model->file().fingerprint();
  MentionSeed(session, verb, options, wanted.random_noise);
  const bool folder = IsFolder(options.out);
  if (options.columns > 0 && (folder || plan.names.size() == 1))
    WithoutEffect(session, "--columns", folder ? "every picture is a file" : "there is one picture");
  MIEN_ASSIGN(const auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);
  session.report["parameters"] = plan.record;
  Synthesis synthesis(session, plan, *pipeline, !options.save_codes.empty());
  MIEN_TRY(synthesis.Prepare());
  const Status made = folder ? WriteFolder(session, options, format, plan, outputs, synthesis)
                             : WriteSheet(session, options, format, plan, pipeline->image_side(), synthesis);
  if (options.save_codes.empty() || made.code() == Code::kInterrupted || (!made.ok() && !folder)) return made;
  const Status saved = synthesis.SaveCodes(options.save_codes);
  return made.ok() ? saved : made;
}

}  // namespace

void AddSynth(CLI::App& app, Session& session) {
  auto options = std::make_shared<SynthOptions>();
  CLI::App* verb = app.add_subcommand("synth", "seeds or saved codes to pictures");
  verb->add_option("-o,--output", options->out,
                   "PNG or .jpg (several pictures: a contact sheet; - is stdout), or a folder")
      ->type_name("PATH")
      ->required();
  AddFaceOptions(*verb, options->faces);
  verb->option_defaults()->group("Two faces");
  CLI::Option* const mix =
      verb->add_option(
              "--mix", options->mix,
              "of two faces one: these rows of w_plus from the first, e.g. 0-7, the others from the second "
              "(--seeds come before --codes)")
          ->type_name("ROWS");
  CLI::Option* const between =
      verb->add_option(
              "--between", options->between,
              "steps from A to B, each a seed or a file with one code: linear in w_plus, both included; in a "
              "folder A-B_0001.png and so on")
          ->type_name("A B")
          ->expected(2)
          ->allow_extra_args(false);
  for (const char* other : {"--seeds", "--codes"}) between->excludes(verb->get_option(other));
  between->excludes(mix);
  verb->add_option("--frames", options->frames, "how many pictures --between makes")
      ->transform(WholeNumber())
      ->check(CLI::Range(2, kMaxFrames))
      ->needs(between)
      ->capture_default_str();
  verb->option_defaults()->group("Options");
  AddPictureOptions(*verb, options->picture);
  verb->add_option("--columns", options->columns,
                   "pictures in a row of the contact sheet (default: about square)")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 1024));
  verb->add_option("--save-codes", options->save_codes, "write the w_plus of all pictures")
      ->type_name("FILE");
  AddFailFast(*verb, options->fail_fast);
  verb->footer("Without --seeds, --codes or --between: the face of the global --seed.");
  verb->callback([&session, verb, options] { session.status = RunSynth(session, *verb, *options); });
}

}  // namespace mien
