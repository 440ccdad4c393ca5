// mien edit: the main job. Photo -> w_plus -> flow -> attribute coordinates -> inverse flow -> picture.
#include "runtime/base/interrupt.h"
#include "tools/outputs.h"
#include "tools/verbs.h"

namespace mien {
namespace {

constexpr int kMaxSweep = 64;

struct EditOptions {
  std::vector<std::string> inputs, set, add;
  std::string out, layers, sweep, noise = "const";
  float keep_identity = 0.0f;
  int preview = 0;
  bool no_metadata = false;
};

// Everything the options say, checked against the model before the first picture is read.
struct EditPlan {
  std::vector<std::vector<Edit>> edits;  // per picture: one, or those of the contact sheet
  std::vector<bool> rows;
};

// "smile=-2:2:5": from, to, how many; the ends may carry the attribute's unit.
Result<std::vector<std::vector<Edit>>> ParseSweep(const FlowConfig& flow, const std::string& text) {
  const Status wrong = Status::Error(
      Code::kUsage, "sweep %s: ATTRIBUTE=FROM:TO:COUNT expected, count 2 to %d", text.c_str(), kMaxSweep);
  const size_t equals = text.find('='), first = text.find(':'), second = text.find(':', first + 1);
  if (equals == std::string::npos || first == std::string::npos || second == std::string::npos ||
      first < equals) {
    return wrong;
  }
  const std::string digits = text.substr(second + 1);
  if (digits.empty() || digits.size() > 2 || digits.find_first_not_of("0123456789") != std::string::npos)
    return wrong;
  const int count = std::stoi(digits);
  if (count < 2 || count > kMaxSweep) return wrong;
  MIEN_ASSIGN(const Edit from, ParseEdit(flow, text.substr(0, first), Edit::Mode::kSet));
  MIEN_ASSIGN(const Edit to,
              ParseEdit(flow, text.substr(0, equals + 1) + text.substr(first + 1, second - first - 1),
                        Edit::Mode::kSet));
  std::vector<std::vector<Edit>> steps;
  for (int i = 0; i < count; ++i) {
    const float at = static_cast<float>(i) / static_cast<float>(count - 1);
    steps.push_back({{from.attribute, Edit::Mode::kSet, from.value + at * (to.value - from.value)}});
  }
  return steps;
}

Result<EditPlan> PlanEdit(const EditOptions& options, const FlowConfig& flow, int rows) {
  EditPlan plan;
  std::vector<Edit> edits;
  for (const std::string& text : options.set) {
    MIEN_ASSIGN(Edit edit, ParseEdit(flow, text, Edit::Mode::kSet));
    edits.push_back(edit);
  }
  for (const std::string& text : options.add) {
    MIEN_ASSIGN(Edit edit, ParseEdit(flow, text, Edit::Mode::kAdd));
    edits.push_back(edit);
  }
  if (options.sweep.empty()) {
    plan.edits.push_back(std::move(edits));
  } else {
    MIEN_ASSIGN(plan.edits, ParseSweep(flow, options.sweep));
    for (std::vector<Edit>& step : plan.edits) step.insert(step.begin(), edits.begin(), edits.end());
  }
  MIEN_ASSIGN(plan.rows, ParseRows(options.layers, rows));
  return plan;
}

Result<Image> EditPhoto(Pipeline& pipeline, const EditPlan& plan, float keep, uint64_t seed,
                        const Image& photo) {
  const size_t numbers = static_cast<size_t>(pipeline.rows()) * static_cast<size_t>(pipeline.w_dim());
  std::vector<float> codes(numbers), edited(plan.edits.size() * numbers);
  MIEN_TRY(pipeline.Encode(photo, codes));
  MIEN_TRY(CheckInterrupt());
  if (plan.edits[0].empty()) {  // the reconstruction
    edited = codes;
  } else {
    MIEN_TRY(pipeline.ApplyEdits(plan.edits, plan.rows, keep, codes, edited));
  }
  if (plan.edits.size() == 1) return pipeline.Synthesize(edited, seed);
  const int count = static_cast<int>(plan.edits.size()), side = pipeline.image_side();
  MIEN_ASSIGN(ContactSheet sheet, ContactSheet::Create(count, count, side, side, kSheetGap));
  for (int i = 0; i < count; ++i) {
    MIEN_TRY(CheckInterrupt());
    const auto one = std::span<const float>(edited).subspan(static_cast<size_t>(i) * numbers, numbers);
    MIEN_ASSIGN(Image picture, pipeline.Synthesize(one, seed));
    MIEN_TRY(sheet.Place(i, picture));
  }
  return sheet.TakeImage();
}

nlohmann::json Parameters(const Session& session, const EditOptions& options) {
  nlohmann::json parameters = {
      {"verb", "edit"}, {"set", options.set}, {"add", options.add}, {"noise", options.noise}};
  if (!options.layers.empty()) parameters["layers"] = options.layers;
  if (!options.sweep.empty()) parameters["sweep"] = options.sweep;
  if (options.keep_identity > 0.0f) parameters["keep_identity"] = options.keep_identity;
  if (options.noise == "random") parameters["seed"] = session.seed;
  if (options.preview > 0) parameters["preview"] = options.preview;
  return parameters;
}

Status RunEdit(Session& session, const EditOptions& options) {
  std::vector<std::string> names;
  for (const std::string& input : options.inputs) names.push_back(ResultName(input));
  MIEN_ASSIGN(OutputFiles outputs, OutputFiles::Plan(names, options.out, FileKind::kPicture));
  const std::vector<std::string>& paths = outputs.paths();
  MIEN_TRY(CheckFiles(session, {{"photo", options.inputs}}, {{"picture", paths}}));
  if (!(options.keep_identity >= 0.0f && options.keep_identity <= 1.0f)) {
    return Status::Error(Code::kUsage, "keep-identity %g, 0 to 1 expected", options.keep_identity);
  }
  MIEN_ASSIGN(auto model, OpenModel(session));
  PipelineOptions wanted = PipelineFor(session);
  wanted.encode = wanted.edit = wanted.synthesize = true;
  wanted.random_noise = options.noise == "random";
  wanted.no_noise = options.noise == "none";
  wanted.resolution = options.preview;
  const ModelConfig& config = model->config();
  if (!config.flow)
    return Status::Error(Code::kUsage,
                         "editing needs the component flow, which this model file does not have");
  const int rows = config.generator ? config.generator->rows() : config.flow->contexts;
  MIEN_ASSIGN(const EditPlan plan, PlanEdit(options, *config.flow, rows));
  if (plan.edits[0].empty())
    session.Warn("no --set, --add or --sweep: the reconstruction is written");
  wanted.edits = static_cast<int>(plan.edits.size());
  // The pictures of a sweep share the layers before the first row that may change.
  wanted.incremental = plan.edits.size() > 1 && !plan.rows[0];
  MIEN_ASSIGN(auto pipeline, Pipeline::Create(model, wanted));
  ReportChoices(session, *pipeline);

  const nlohmann::json parameters = Parameters(session, options);
  const auto texts = options.no_metadata ? std::vector<PngText>() : Provenance(parameters, true);
  session.report["parameters"] = parameters;
  session.report["files"] = nlohmann::json::array();
  Progress progress(session, paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    MIEN_TRY(CheckInterrupt());
    progress.Step(options.inputs[i]);
    MIEN_ASSIGN(Image photo, ReadPicture(session, options.inputs[i]));
    WarnUnaligned(session, options.inputs[i], photo, config.encoder->input_size);
    MIEN_ASSIGN(Image picture, EditPhoto(*pipeline, plan, options.keep_identity, session.seed, photo));
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WritePicture(session, paths[i], picture, texts));
    session.report["files"].push_back({{"input", options.inputs[i]}, {"output", paths[i]}});
  }
  return {};
}

}  // namespace

void AddEdit(CLI::App& app, Session& session) {
  auto options = std::make_shared<EditOptions>();
  CLI::App* verb = app.add_subcommand("edit", "edit a face in a photo");
  verb->add_option("IN", options->inputs, "photos (PNG; - is stdin)")->required();
  verb->add_option("-o,--output", options->out, "PNG (- is stdout); with several inputs a folder")
      ->required();
  const auto repeated = [&](const char* name, std::vector<std::string>& values, const char* help) {
    verb->add_option(name, values, help)->type_name("ATTRIBUTE=VALUE")->expected(1)->take_all();
  };
  repeated("--set", options->set,
           "set an attribute: smile=1.5, yaw=15deg, age=60y (plain: -1..1 spans the training range)");
  repeated("--add", options->add, "add to an attribute");
  verb->add_option("--layers", options->layers, "only these rows of w_plus may change, e.g. 4-7")
      ->type_name("ROWS");
  verb->add_option("--keep-identity", options->keep_identity, "0: the whole edit, 1: none of it")
      ->capture_default_str();
  verb->add_option("--sweep", options->sweep,
                   "one attribute over a range as a contact sheet, e.g. smile=-2:2:5")
      ->type_name("ATTRIBUTE=FROM:TO:COUNT");
  verb->add_option("--noise", options->noise, "const (the model's maps), none, or random (from --seed)")
      ->check(CLI::IsMember({"const", "none", "random"}))
      ->capture_default_str();
  AddPreview(*verb, options->preview);
  verb->add_flag("--no-metadata", options->no_metadata, "write no text into the PNG");
  verb->callback([&session, options] { session.status = RunEdit(session, *options); });
}

}  // namespace mien
