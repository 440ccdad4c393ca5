// mien run: any program of a model on the tensors of a file. The graph and tensor names are stable; see
// tools/README.md.
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/stream.h"
#include "runtime/engine.h"
#include "runtime/face/random.h"
#include "tools/faces.h"
#include "tools/files.h"
#include "tools/formats.h"
#include "tools/numbers.h"
#include "tools/tensors.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct RunArguments {
  std::string graph, in, out, plan_picture, noise = "const";
  MappingOptions mapping;
  EncoderOptions encoder;
  FaceDetectorOptions detector;
  bool trace = false, plan = false;
  std::optional<int> batch;
};

// Options of one network are in a group of their own.
std::string GroupOf(const std::string& network) { return "Of " + network; }

// The tensor that a graph's input is read from. Of a file with one tensor that has no name, that one; w_plus
// may have the names that the public scripts give it.
const ForeignTensor* FindInput(const ForeignFile& file, const std::string& name) {
  if (const ForeignTensor* const found = file.Find(name)) return found;
  if (name == "w_plus") {
    for (const char* other : {"f", "w"}) {
      if (const ForeignTensor* const found = file.Find(other)) return found;
    }
  }
  const bool nameless =
      file.tensors.size() == 1 && (file.tensors[0].name.empty() || file.tensors[0].name == "arr_0");
  return nameless ? &file.tensors[0] : nullptr;
}

// Noise maps of the synthesis graph: from the input file when it has them, made up with --noise random.
Result<SynthesisOptions> ChooseNoise(const std::string& noise, const ForeignFile& given) {
  const ForeignTensor* map = given.Find("noise.0");
  if (noise == "random") {
    if (map != nullptr)
      return Status::Error(Code::kUsage, "--noise random, but the input file has noise maps");
    return SynthesisOptions{NoiseMode::kInput, true};
  }
  if (map != nullptr) return SynthesisOptions{NoiseMode::kInput, map->shape.rank == 4 && map->shape[0] != 1};
  return SynthesisOptions{noise == "none" ? NoiseMode::kNone : NoiseMode::kConst};
}

// The network, with what was given for it.
Result<NetworkOptions> ChooseNetwork(const RunArguments& options, const ForeignFile& given) {
  MIEN_ASSIGN(NetworkOptions network, NetworkNamed(options.graph));
  if (std::holds_alternative<MappingOptions>(network)) network = options.mapping;
  if (std::holds_alternative<EncoderOptions>(network)) network = options.encoder;
  if (std::holds_alternative<FaceDetectorOptions>(network)) network = options.detector;
  if (std::holds_alternative<SynthesisOptions>(network)) {
    MIEN_ASSIGN(network, ChooseNoise(options.noise, given));
  }
  return network;
}

// The batch is the first dimension of the graph's first input.
Result<int> BatchOf(const RunArguments& options, const ModelConfig& config, const NetworkOptions& network,
                    const ForeignFile& given) {
  if (options.in.empty()) return options.batch.value_or(1);
  if (options.batch) return Status::Error(Code::kUsage, "--batch is for --plan without --in");
  MIEN_ASSIGN(Graph graph, BuildGraph(config, network));
  const std::string& name = graph.values[graph.inputs[0]].name;
  const ForeignTensor* first = FindInput(given, name);
  if (first == nullptr) {
    return Status::Error(Code::kUsage, "%s: graph %s expects a tensor %s, the file has %s",
                         InputName(options.in).c_str(), options.graph.c_str(), name.c_str(),
                         ContentInWords(given).c_str());
  }
  const int64_t batch = first->shape.rank > 0 ? first->shape[0] : 0;
  if (batch < 1 || batch > kMaxBatch) {
    return Status::Error(Code::kUsage, "%s: tensor %s is %s, a batch of 1 to %d expected first",
                         InputName(options.in).c_str(), name.c_str(), first->shape.ToString().c_str(),
                         kMaxBatch);
  }
  return static_cast<int>(batch);
}

// Every input of the graph is there in its shape, or made up by --noise random.
Status CheckInputs(const RunArguments& options, const Graph& graph, const ForeignFile& given) {
  for (size_t k = 0; k < graph.inputs.size(); ++k) {
    if (k > 0 && options.noise == "random") continue;
    const Value& value = graph.values[graph.inputs[k]];
    const ForeignTensor* tensor = FindInput(given, value.name);
    if (tensor != nullptr && tensor->shape == value.shape) continue;
    return Status::Error(Code::kUsage, "%s: graph %s expects %s %s, the file has %s",
                         InputName(options.in).c_str(), graph.name.c_str(), value.name.c_str(),
                         value.shape.ToString().c_str(),
                         tensor == nullptr ? "none" : tensor->shape.ToString().c_str());
  }
  return {};
}

// What the graph needs of the file, and no more, in the order of its inputs.
Result<std::vector<std::vector<float>>> ReadInputs(const Session& session, const RunArguments& options,
                                                   const Graph& graph, const ForeignFile& given) {
  std::vector<std::vector<float>> inputs;
  for (size_t k = 0; k < graph.inputs.size(); ++k) {
    const Value& value = graph.values[graph.inputs[k]];
    if (k > 0 && options.noise == "random") {
      std::vector<float> maps(static_cast<size_t>(value.shape.elements()));
      const size_t plane = static_cast<size_t>(value.shape[2] * value.shape[3]);
      for (int64_t n = 0; n < value.shape[0]; ++n)
        FillNoise(uint64_t{session.seed} + n, k - 1, std::span(maps).subspan(n * plane, plane));
      inputs.push_back(std::move(maps));
      continue;
    }
    auto values = ReadFloats(*FindInput(given, value.name));
    if (!values.ok()) return values.status().Within("%s", InputName(options.in).c_str());
    inputs.push_back(std::move(*values));
  }
  return inputs;
}

Status ShowPlan(Session& session, const RunArguments& options, const Engine& engine) {
  const MemoryNeed& need = engine.need();
  const MemoryPlan& plan = engine.plan(0);
  session.report["memory"] = {{"weights", need.weights},
                              {"arena", need.arena},
                              {"loading", need.loading},
                              {"arena_lower_bound", plan.lower_bound}};
  session.Detail("%s", engine.backend().reason.c_str());
  session.Detail("%s", engine.memory_reason().c_str());
  MentionCpuOptions(session, engine.backend());
  if (options.plan) {
    session.Print("%s", PlanTable(plan).c_str());
    session.Print("weights %llu bytes, arena %llu bytes (lower bound %llu), loading %llu bytes\n",
                  static_cast<unsigned long long>(need.weights), static_cast<unsigned long long>(need.arena),
                  static_cast<unsigned long long>(plan.lower_bound),
                  static_cast<unsigned long long>(need.loading));
  }
  if (options.plan_picture.empty()) return {};
  const std::string title = options.graph + ", batch " + std::to_string(engine.batch()) + ", on " +
                            engine.backend().name + (engine.banded() ? ", in bands" : ", by layers");
  const std::string picture = PlanPicture(plan, title);
  return WriteFileAtomically(options.plan_picture, std::as_bytes(std::span(picture)));
}

Status CheckUsage(const CLI::App& verb, const RunArguments& options) {
  const bool planning = options.plan || !options.plan_picture.empty();
  if (options.in.empty() != options.out.empty())
    return Status::Error(Code::kUsage, "--in and --out go together");
  if (options.in.empty() && !planning) {
    return Status::Error(Code::kUsage, "--in and --out expected (or --plan, or --plan-svg)");
  }
  for (const CLI::Option* option : verb.get_options([](const CLI::Option* o) { return o->count() > 0; })) {
    for (const std::string& other : GraphNames()) {
      if (other == options.graph || option->get_group() != GroupOf(other)) continue;
      return Status::Error(Code::kUsage, "%s is an option of graph %s", option->get_name().c_str(), other.c_str());
    }
  }
  return {};
}

// What was given and changes nothing.
void MentionIdle(Session& session, const CLI::App& verb, const RunArguments& options, const ModelConfig& config,
                 const NetworkOptions& network) {
  if (const auto* const mapping = std::get_if<MappingOptions>(&network); mapping != nullptr && config.generator)
    TruncationWorks(session, *config.generator, mapping->psi, mapping->cutoff);
  if (const auto* const synthesis = std::get_if<SynthesisOptions>(&network);
      synthesis != nullptr && synthesis->noise == NoiseMode::kInput && options.noise == "none")
    WithoutEffect(session, "--noise none", "the input has maps of its own");
  if (options.noise != "random" || options.in.empty())
    MentionUnused(session, *verb.get_parent(), {"--seed"}, "only --noise random depends on it");
  if (!options.encoder.latent_avg && config.encoder && !config.encoder->adds_latent_avg)
    WithoutEffect(session, "--no-latent-avg", "this encoder adds none");
}

Status RunGraph(Session& session, const CLI::App& verb, const RunArguments& options) {
  MIEN_TRY(CheckUsage(verb, options));
  if (!options.out.empty()) MIEN_TRY(CheckFormat(options.out, 1));
  if (!options.plan_picture.empty()) MIEN_TRY(FormatOf(FileKind::kDrawing, options.plan_picture).status());
  MIEN_TRY(CheckFiles(session, {{"tensors", {options.in}}},
                      {{"tensors", {options.out}}, {"drawing", {options.plan_picture}}}));
  MIEN_ASSIGN(auto model, options.graph.starts_with("face_") ? OpenFaceModel(session) : OpenModel(session));
  ForeignFile given;
  if (!options.in.empty()) {
    MIEN_ASSIGN(given, OpenTensors(options.in));
  }
  MIEN_ASSIGN(const NetworkOptions network, ChooseNetwork(options, given));
  MentionIdle(session, verb, options, model->config(), network);
  EngineOptions wanted = {session.run, 1, {}};
  MIEN_ASSIGN(wanted.batch, BatchOf(options, model->config(), network, given));
  wanted.programs = {{network, options.trace}};
  const auto store = std::make_shared<WeightStore>(model);
  if (options.in.empty()) {
    MIEN_ASSIGN(const auto planned, Engine::Plan(store, wanted));
    return ShowPlan(session, options, *planned);
  }
  {
    MIEN_ASSIGN(const Graph expected, BuildGraph(model->config(), network, {wanted.batch, options.trace}));
    MIEN_TRY(CheckInputs(options, expected, given));
    MIEN_TRY(CheckFormat(options.out, expected.outputs.size()));
  }
  MIEN_ASSIGN(const auto engine, Engine::Create(store, wanted));
  MIEN_TRY(ShowPlan(session, options, *engine));
  const Graph& graph = engine->graph(0);
  MIEN_ASSIGN(const auto values, ReadInputs(session, options, graph, given));
  const std::vector<std::span<const float>> inputs(values.begin(), values.end());
  std::vector<NamedTensor> results;
  std::vector<std::span<float>> outputs;
  for (const NamedValue& output : graph.outputs) {
    const Shape& shape = graph.values[output.value].shape;
    results.push_back({output.name, shape, std::vector<float>(static_cast<size_t>(shape.elements()))});
  }
  for (NamedTensor& result : results) outputs.push_back(result.values);
  MIEN_TRY(engine->Run(0, inputs, outputs));
  MIEN_TRY(CheckInterrupt());
  return WriteTensors(options.out, results, {{"mien.graph", options.graph}});
}

}  // namespace

void AddRun(CLI::App& app, Session& session) {
  auto options = std::make_shared<RunArguments>();
  CLI::App* verb = app.add_subcommand("run", "run one network of a model on the tensors of a file");
  verb->add_option("--graph", options->graph, "which network")
      ->required()
      ->check(CLI::IsMember(GraphNames()));
  verb->add_option("--in", options->in,
                   "tensors by the graph's input names (.safetensors, .npz, .npy or a torch file)")
      ->type_name("FILE");
  verb->add_option("--out", options->out, "where its outputs go (.safetensors or .npz; one alone also .npy)")
      ->type_name("FILE");
  verb->add_flag("--trace", options->trace, "the unfused network; every layer's output is written");
  verb->option_defaults()->group(GroupOf(NameOf(options->mapping)));
  verb->add_option("--psi", options->mapping.psi, "truncation")->capture_default_str();
  verb->add_option("--psi-cutoff", options->mapping.cutoff, "rows that are truncated (default: all)")
      ->transform(WholeNumber())
      ->check(CLI::Range(0, 64));
  verb->option_defaults()->group(GroupOf(NameOf(SynthesisOptions{})));
  verb->add_option("--noise", options->noise, "const, none or random (maps noise.{i} in the input are used)")
      ->check(CLI::IsMember({"const", "none", "random"}))
      ->capture_default_str();
  verb->option_defaults()->group(GroupOf(NameOf(options->encoder)));
  verb->add_option("--stages", options->encoder.stages, "how many heads add their rows (default: all)")
      ->transform(WholeNumber())
      ->check(CLI::Range(0, 64));
  verb->add_flag_callback("--no-latent-avg", [options] { options->encoder.latent_avg = false; },
                          "leave the average out");
  verb->option_defaults()->group(GroupOf(NameOf(options->detector)));
  verb->add_option("--size", options->detector.size,
                   "side of the image in pixels, a multiple of 32 (default: the model's)")
      ->transform(WholeNumber())
      ->check(CLI::Range(kFaceCell, kMaxFaceSize));
  verb->option_defaults()->group("Memory plan");
  verb->add_flag("--plan", options->plan, "print the memory plan");
  verb->add_option("--plan-svg", options->plan_picture, "draw the memory plan")->type_name("FILE");
  verb->add_option("--batch", options->batch, "batch of the plan when there is no input (default: 1)")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, kMaxBatch));
  verb->callback([verb, &session, options] { session.status = RunGraph(session, *verb, *options); });
}

}  // namespace mien
