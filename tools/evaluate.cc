// mien evaluate: what edits reach, and what they change besides.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "base/interrupt.h"
#include "runtime/evaluate/protocol.h"
#include "runtime/face/likeness.h"
#include "tools/batch.h"
#include "tools/codes.h"
#include "tools/evaluation.h"
#include "tools/evaluation_faces.h"
#include "tools/formats.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/page.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct EvaluateOptions {
  FacesToEvaluate faces;
  std::vector<std::string> methods = {"flow"}, directions, attributes, thresholds;
  std::string search = "binary", html, gates;
  int batch = 8, pictures = 4;
};

// "smile=0.8,0.3".
Status SetThresholds(const std::string& text, std::vector<EditGoal>* goals) {
  char attribute[32];
  double up = 0, down = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%31[^=]=%lf,%lf%n", attribute, &up, &down, &used) != 3 ||
      used != static_cast<int>(text.size()) || !std::isfinite(up) || !std::isfinite(down)) {
    return Status::Error(Code::kUsage, "threshold %s: ATTRIBUTE=UP,DOWN expected, such as smile=0.8,0.3", text.c_str());
  }
  std::erase_if(*goals, [&](const EditGoal& goal) { return goal.attribute == attribute; });
  goals->push_back({attribute, 2, up});
  goals->push_back({attribute, -2, down});
  return {};
}

// The edits of all attributes that somebody can make and the classifier sees.
Result<std::vector<EditGoal>> GoalsOf(Session& session, const EvaluateOptions& options, const EditJudge& judge,
                                      const std::vector<std::unique_ptr<EditMethod>>& methods) {
  std::vector<EditGoal> known;
  for (const std::string& attribute : judge.score_names())
    for (const EditGoal& goal : PublicGoals(attribute)) known.push_back(goal);
  for (const std::string& text : options.thresholds) MIEN_TRY(SetThresholds(text, &known));
  const auto possible = [&](const std::string& attribute) {
    return judge.ScoreOf(attribute) >= 0 &&
           std::ranges::any_of(methods, [&](const auto& method) { return method->Edits(attribute); });
  };
  std::vector<EditGoal> goals;
  for (const EditGoal& goal : known) {
    const bool wanted =
        options.attributes.empty() || std::ranges::find(options.attributes, goal.attribute) != options.attributes.end();
    if (wanted && possible(goal.attribute)) goals.push_back(goal);
  }
  for (const std::string& attribute : options.attributes) {
    const auto is = [&](const EditGoal& goal) { return goal.attribute == attribute; };
    if (std::ranges::any_of(goals, is)) continue;
    return Status::Error(Code::kUsage,
                         "attribute %s: one that a method edits, the classifier sees and a threshold is known of "
                         "expected",
                         attribute.c_str());
  }
  if (goals.empty())
    return Status::Error(Code::kUsage,
                         "there is no attribute that is edited, seen by the classifier and has a threshold");
  if (!options.attributes.empty()) return goals;
  for (const std::string& attribute : judge.score_names()) {
    const auto is = [&](const EditGoal& goal) { return goal.attribute == attribute; };
    if (std::ranges::none_of(goals, is)) session.Detail("%s is watched and not edited", attribute.c_str());
  }
  return goals;
}

// "smile=FILE", each with one code.
Result<std::map<std::string, std::vector<float>>> ReadDirections(const Session& session,
                                                                 const std::vector<std::string>& texts,
                                                                 const GeneratorConfig& generator) {
  std::map<std::string, std::vector<float>> directions;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
      return Status::Error(Code::kUsage, "direction %s: ATTRIBUTE=FILE expected", text.c_str());
    const std::string attribute = text.substr(0, equals), path = text.substr(equals + 1);
    MIEN_ASSIGN(const Codes codes, ReadCodes(session, path, generator.rows(), generator.w_dim));
    if (codes.size() != 1)
      return Status::Error(Code::kUsage, "%s: one direction expected, %zu found", path.c_str(), codes.size());
    std::vector<float> direction(static_cast<size_t>(generator.rows()) * static_cast<size_t>(generator.w_dim));
    codes.CopyTo(0, direction);
    directions[attribute] = std::move(direction);
  }
  return directions;
}

constexpr int kPictureSide = 256;  // of the page, not larger than people look at

Result<Image> DifferenceOf(const Image& before, const Image& after) {
  MIEN_ASSIGN(Image difference, Image::Create(before.width, before.height));
  for (size_t i = 0; i < before.bytes().size(); ++i)
    difference.row(0)[i] =
        static_cast<uint8_t>(std::clamp(128 + 2 * (int{after.bytes()[i]} - int{before.bytes()[i]}), 0, 255));
  return difference;
}

class Evaluating {
 public:
  Evaluating(Session& session, const EvaluateOptions& options) : session_(session), options_(options) {}

  Status Run() {
    MIEN_TRY(Open());
    MIEN_TRY(EvaluateAll());
    evaluation_.summary = Summarise(outcomes_, evaluation_.groupings, evaluation_.rules);
    if (!options_.html.empty()) {
      const std::string page = PageOf(evaluation_, session_.model.empty() ? "built-in" : session_.model);
      MIEN_TRY(WriteFileAtomically(options_.html, std::as_bytes(std::span(page))));
      session_.report["html"] = options_.html;
    }
    session_.report.update(ToJson(evaluation_));
    session_.Print("%s%s\n", TableOf(evaluation_).c_str(), GapInWords(evaluation_).c_str());
    return CheckGates(session_, gates_, evaluation_);
  }

 private:
  Status Open();
  Status MakeMethods(const std::shared_ptr<WeightStore>& weights, RunOptions run);
  Status EvaluateAll();
  Status EvaluateFace(size_t i);

  Session& session_;
  const EvaluateOptions& options_;
  std::optional<PhotoFaces> finder_;
  std::optional<EditJudge> judge_;
  std::vector<std::unique_ptr<EditMethod>> methods_;
  std::optional<Protocol> protocol_;
  EvaluatedFaces faces_;
  std::vector<Gate> gates_;
  std::vector<FaceOutcome> outcomes_;
  Evaluation evaluation_;
};

Status Evaluating::MakeMethods(const std::shared_ptr<WeightStore>& weights, RunOptions run) {
  const GeneratorConfig& generator = *weights->config().generator;
  for (const std::string& name : options_.methods) {
    if (std::ranges::find(evaluation_.methods, name) != evaluation_.methods.end())
      return Status::Error(Code::kUsage, "method %s is given twice", name.c_str());
    if (name == "flow") {
      MIEN_ASSIGN(auto method, FlowMethod(weights, run, generator.rows(), options_.batch));
      methods_.push_back(std::move(method));
    } else if (name == "linear") {
      MIEN_ASSIGN(auto directions, ReadDirections(session_, options_.directions, generator));
      if (directions.empty()) return Status::Error(Code::kUsage, "method linear needs --direction ATTRIBUTE=FILE");
      methods_.push_back(LinearMethod(std::move(directions)));
    } else {
      return Status::Error(Code::kUsage, "method %s: flow or linear expected", name.c_str());
    }
    evaluation_.methods.push_back(name);
  }
  return {};
}

Status Evaluating::Open() {
  MIEN_ASSIGN(const auto model, OpenModel(session_));
  if (!model->config().generator)
    return Status::Error(Code::kUsage,
                         "judging edits needs the component generator, which this model file does not have");
  SearchOptions search = options_.faces.search;
  search.aligned |= options_.faces.photos.empty();
  MIEN_ASSIGN(finder_, PhotoFaces::Create(session_, search, true));
  const RunOptions beside = RunBeside(session_.run, finder_->networks());
  MIEN_ASSIGN(faces_, ReadFaces(session_, options_.faces, model, beside, *finder_,
                                options_.html.empty() ? 0 : static_cast<size_t>(options_.pictures)));
  const auto weights = std::make_shared<WeightStore>(model);
  MIEN_ASSIGN(judge_, EditJudge::Create(weights, beside, options_.batch));
  session_.Detail("%s", judge_->engine().engine().backend().reason.c_str());
  MentionCpuOptions(session_, judge_->engine().engine().backend());
  MIEN_TRY(MakeMethods(weights, judge_->engine().Beside(beside)));
  SummaryRules& rules = evaluation_.rules;
  MIEN_ASSIGN(rules.goals, GoalsOf(session_, options_, *judge_, methods_));
  MIEN_ASSIGN(gates_, ParseGates(options_.gates, evaluation_.methods, rules.goals));
  const LikenessRule& person = RuleOf(Portrayed(session_));
  rules.methods = methods_.size();
  rules.score_names = judge_->score_names();
  rules.same_person = person.threshold;
  rules.seed = session_.seed;
  evaluation_.same_person_source = person.source;
  evaluation_.search = options_.search == "linear" ? SearchKind::kLinear : SearchKind::kBinary;
  evaluation_.has_recognizer = judge_->has_recognizer();
  evaluation_.faces = faces_.names.size();
  evaluation_.groupings = faces_.groupings;
  for (const auto& method : methods_) {
    evaluation_.costs.push_back({judge_->multiply_adds() + method->multiply_adds(),
                                 judge_->bytes() + method->bytes() + finder_->networks().engine().need().total()});
  }
  return {};
}

Status Evaluating::EvaluateAll() {
  std::vector<EditMethod*> methods;
  for (const auto& method : methods_) methods.push_back(method.get());
  protocol_.emplace(*judge_, finder_->networks(), methods, evaluation_.rules.goals, SearchRules{evaluation_.search});
  Progress progress(session_, faces_.names.size());
  for (size_t i = 0; i < faces_.names.size(); ++i) {
    progress.Step(faces_.names[i]);
    MIEN_TRY(CheckInterrupt());
    const Status evaluated = EvaluateFace(i);
    if (!evaluated.ok()) return evaluated.Within("%s", faces_.names[i].c_str());
  }
  return {};
}

Status Evaluating::EvaluateFace(size_t i) {
  const size_t numbers = judge_->code_numbers();
  const std::span<const float> codes = std::span(faces_.codes).subspan(i * numbers, numbers);
  if (options_.html.empty() || i >= static_cast<size_t>(options_.pictures)) {
    MIEN_ASSIGN(FaceOutcome outcome, protocol_->Evaluate(codes));
    outcomes_.push_back(std::move(outcome));
    return {};
  }
  const std::vector<PictureText> texts = Provenance(nlohmann::json{{"evaluated", faces_.names[i]}}, true);
  ShownFace shown;
  shown.name = faces_.names[i];
  if (i < faces_.squares.size()) {
    MIEN_ASSIGN(shown.original, PictureData(faces_.squares[i], kPictureSide, {}));
  }
  Status drawn;
  Image before;
  const auto watch = [&](int method, int goal, const Image& picture) -> Status {
    if (method < 0) {
      MIEN_ASSIGN(before, picture.Copy());
      MIEN_ASSIGN(shown.reconstruction, PictureData(picture, kPictureSide, texts));
      return {};
    }
    ShownFace::Edit edit = {static_cast<size_t>(method), static_cast<size_t>(goal), 0, false, {}, {}};
    MIEN_ASSIGN(edit.picture, PictureData(picture, kPictureSide, texts));
    MIEN_ASSIGN(const Image difference, DifferenceOf(before, picture));
    MIEN_ASSIGN(edit.difference, PictureData(difference, kPictureSide, texts));
    shown.edits.push_back(std::move(edit));
    return {};
  };
  MIEN_ASSIGN(FaceOutcome outcome, protocol_->Evaluate(codes, watch));
  for (ShownFace::Edit& edit : shown.edits) {
    const EditOutcome& found = outcome.edits[edit.method * evaluation_.rules.goals.size() + edit.goal];
    edit.reached = found.reached;
    edit.distance = found.measures[0];
  }
  evaluation_.shown.push_back(std::move(shown));
  outcomes_.push_back(std::move(outcome));
  return {};
}

Status RunEvaluate(Session& session, EvaluateOptions& options) {
  if (!options.html.empty()) MIEN_TRY(FormatOf(FileKind::kPage, options.html).status());
  if (!options.faces.photos.empty()) {
    MIEN_ASSIGN(options.faces.photos, ExpandPhotos(options.faces.photos));
  }
  std::vector<std::string> directions;
  for (const std::string& text : options.directions)
    if (const size_t equals = text.find('='); equals != std::string::npos)
      directions.push_back(text.substr(equals + 1));
  MIEN_TRY(CheckFiles(session,
                      {{"data", options.faces.data},
                       {"photo", options.faces.photos},
                       {"codes", options.faces.made.codes},
                       {"direction", directions}},
                      {{"page", {options.html}}}));
  return Evaluating(session, options).Run();
}

void AddHow(CLI::App& verb, EvaluateOptions& o) {
  const auto list = [&](const char* name, std::vector<std::string>& values, const char* type, const char* what) {
    return verb.add_option(name, values, what)->type_name(type)->delimiter(',')->expected(1)->take_all();
  };
  list("--method", o.methods, "NAME,...", "who edits: flow (the model's), linear (along --direction)")
      ->default_str("flow");
  const auto repeated = [&](const char* name, std::vector<std::string>& values, const char* type, const char* what) {
    verb.add_option(name, values, what)->type_name(type)->expected(1)->take_all();
  };
  repeated("--direction", o.directions, "ATTRIBUTE=FILE",
           "of method linear: [D] or [L,D] as .npy, .npz, .safetensors or torch file");
  list("--attributes", o.attributes, "NAME,...", "edit these (default: all that can be judged)");
  repeated("--threshold", o.thresholds, "ATTRIBUTE=UP,DOWN", "other thresholds of the classifier's score");
  verb.add_option("--search", o.search, "binary (up to 31 values), linear (40 values)")
      ->check(CLI::IsMember({"binary", "linear"}))
      ->capture_default_str();
  verb.add_option("--batch", o.batch, "edits that are drawn together")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, kMaxBatch))
      ->capture_default_str();
  verb.add_option("--html", o.html, "one page with numbers, plots and pictures")->type_name("FILE");
  verb.add_option("--pictures", o.pictures, "faces whose pictures the page shows")
      ->transform(WholeNumber())
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  verb.add_option("--gate", o.gates,
                  "exit code 6 unless [METHOD.]MEASURE[.EDIT] holds, e.g. identity>=0.9,success.smile>=0.9; measures: "
                  "success, identity, distance, cosine, arcface, mse, psnr, ssim")
      ->type_name("GATE,...");
}

}  // namespace

void AddEvaluate(CLI::App& app, Session& session) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* verb = app.add_subcommand("evaluate", "what edits reach, and what they change besides");
  AddFacesToEvaluate(*verb, options->faces);
  AddHow(*verb, *options);
  verb->footer(
      "For each face and edit the value is searched at which the classifier sees the attribute cross a threshold; the\n"
      "edit is measured against the generator's picture of the unedited codes. Times alone differ from run to run.");
  verb->callback([&session, verb, options] {
    if (options->html.empty() && verb->count("--pictures") > 0)
      WithoutEffect(session, "--pictures", "there is no --html to show them");
    session.status = RunEvaluate(session, *options);
  });
}

}  // namespace mien
