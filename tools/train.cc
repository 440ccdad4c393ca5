// mien train: a flow from codes of pictures with labels.
#include "tools/train.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "tools/formats.h"
#include "tools/numbers.h"
#include "tools/training_file.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct TrainOptions {
  std::vector<std::string> data;
  std::string output, replay, snapshot, log, curves, base = "conditional";
  int epochs = 1500, batch = 512, snapshot_every = 100;
  int layers = 10, hidden = 512, blocks = 2;
  bool resume = false;
  TrainingRules rules;
  PlateauRules plateau;
};

int ThreadsOf(const Session& session) { return session.run.threads > 0 ? session.run.threads : DefaultThreads(); }

class Training {
 public:
  Training(Session* session, const TrainOptions& options) : session_(*session), options_(options) {}
  Status Run();

 private:
  Status Open();
  Status RunEpoch(int epoch);
  Status Save();
  std::string Settings() const;
  std::string Card() const;

  Session& session_;
  TrainOptions options_;
  TrainingData data_;
  FlowConfig config_;
  std::string settings_;
  std::unique_ptr<FlowTrainer> trainer_;
  TrainingProgress progress_;
};

// What the numbers depend on.
std::string Training::Settings() const {
  const auto crc = [](const auto& numbers) { return Crc32c(std::as_bytes(std::span(numbers))); };
  const TrainingRules& r = options_.rules;
  const nlohmann::json settings = {
      {"seed", session_.seed},
      {"data", {crc(data_.w_plus), crc(data_.people), crc(data_.labels)}},
      {"images", data_.images},
      {"attributes", data_.attributes},
      {"batch", options_.batch},
      {"flow", {data_.rows, data_.features, config_.hidden, config_.layers, config_.blocks}},
      {"base", options_.base},
      {"sigma", {r.sigma, r.sigma_decay}},
      {"attribute_epoch", r.attribute_epoch},
      {"clip", r.clip},
      {"adam", {r.adam.learning_rate, r.adam.weight_decay}},
      {"plateau",
       {options_.plateau.factor, options_.plateau.threshold, options_.plateau.patience, options_.plateau.cooldown,
        options_.plateau.least}}};
  return settings.dump();
}

std::string Training::Card() const {
  std::string card = "# A flow trained by mien\n\nTrained on " + std::to_string(data_.images) + " pictures of " +
                     std::to_string(1 + *std::ranges::max_element(data_.people)) + " people, " +
                     std::to_string(progress_.epochs.size()) + " epochs. Attributes:";
  for (const std::string& name : data_.attributes) card += " " + name;
  card += ".\n\n";
  for (const auto& [words, count] : data_.consents) card += "* " + std::to_string(count) + " people: " + words + "\n";
  return card + "\nSettings: `" + settings_ + "`\n";
}

Status Training::Open() {
  MIEN_ASSIGN(data_, ReadTrainingFiles(options_.data));
  config_.features = static_cast<int>(data_.features);
  config_.contexts = static_cast<int>(data_.rows);
  config_.hidden = options_.hidden;
  config_.layers = options_.layers;
  config_.blocks = options_.blocks;
  config_.attributes = data_.attributes;
  MIEN_TRY(data_.Ranges(&config_.attribute_min, &config_.attribute_max));
  ModelConfig alone;
  alone.flow = config_;
  MIEN_TRY(CheckConfig(alone));
  if (const int64_t people = data_.alone(); people > 0) {
    session_.Note("%lld people have one picture: they add nothing to the identity loss",
                  static_cast<long long>(people));
  }
  options_.rules.conditional = options_.base == "conditional";
  options_.batch = static_cast<int>(std::min<int64_t>(options_.batch, data_.images));
  settings_ = Settings();
  MIEN_ASSIGN(trainer_, FlowTrainer::Create(config_, static_cast<int>(data_.attributes.size()), options_.rules,
                                            ThreadsOf(session_), session_.run.stop));
  MIEN_ASSIGN(const uint64_t bytes, trainer_->StepBytes(options_.batch));
  session_.Detail("a step on %d pictures takes %.1f MiB of activations", options_.batch,
                  static_cast<double>(bytes) / (1 << 20));
  if (session_.run.max_memory > 0 && bytes > session_.run.max_memory) {
    return Status::Error(Code::kMemory,
                         "%llu bytes of activations needed, at most %llu allowed; a smaller --batch "
                         "takes less",
                         static_cast<unsigned long long>(bytes),
                         static_cast<unsigned long long>(session_.run.max_memory));
  }
  progress_.rate = options_.rules.adam.learning_rate;
  struct stat found;
  if (options_.resume && stat(options_.snapshot.c_str(), &found) == 0) {
    MIEN_TRY(ReadSnapshot(options_.snapshot, settings_, &trainer_->state(), &progress_));
    session_.Note("%s: goes on after epoch %zu", options_.snapshot.c_str(), progress_.epochs.size());
  } else {
    trainer_->state().Initialise(session_.seed);
  }
  return {};
}

Status Training::RunEpoch(int epoch) {
  const std::vector<int64_t> order = OrderOf(data_, session_.seed, epoch);
  const auto batch = static_cast<size_t>(options_.batch);
  trainer_->rules().adam.learning_rate = progress_.rate;
  EpochLosses losses = {{}, progress_.rate, options_.rules.sigma * std::pow(options_.rules.sigma_decay, epoch + 1)};
  int steps = 0;
  for (size_t begin = 0; begin < order.size(); begin += batch, ++steps) {
    const BatchOfImages images(data_, config_.attribute_min, config_.attribute_max,
                               std::span(order).subspan(begin, std::min(batch, order.size() - begin)));
    MIEN_ASSIGN(const StepLosses step, trainer_->Step(images.batch(), epoch));
    losses.mean.flow += step.flow;
    losses.mean.identity += step.identity;
    losses.mean.attributes += step.attributes;
    losses.mean.total += step.total;
    losses.mean.gradient_norm += step.gradient_norm;
  }
  for (double* sum : {&losses.mean.flow, &losses.mean.identity, &losses.mean.attributes, &losses.mean.total,
                      &losses.mean.gradient_norm})
    *sum /= steps;
  progress_.epochs.push_back(losses);
  progress_.rate = progress_.plateau.Next(options_.plateau, losses.mean.total, progress_.rate);
  session_.Note("epoch %d of %d: flow %.5g, identity %.5g, attributes %.5g, total %.5g", epoch + 1, options_.epochs,
                losses.mean.flow, losses.mean.identity, losses.mean.attributes, losses.mean.total);
  return {};
}

// The snapshot, and what is told of all epochs so far.
Status Training::Save() {
  MIEN_TRY(WriteSnapshot(options_.snapshot, trainer_->state(), progress_, settings_));
  const auto write = [](const std::string& path, const std::string& text) {
    return path.empty() ? Status() : WriteFileAtomically(path, std::as_bytes(std::span(text)));
  };
  MIEN_TRY(write(options_.log, LossLines(progress_.epochs)));
  return write(options_.curves, LossCurves(progress_.epochs));
}

Status Training::Run() {
  if (options_.data.empty() || options_.output.empty()) {
    return Status::Error(Code::kUsage, "data files and --output, or --replay and --output expected");
  }
  MIEN_TRY(FormatOf(FileKind::kModel, options_.output).status());
  if (options_.snapshot.empty()) options_.snapshot = options_.output + ".snapshot";
  MIEN_TRY(CheckFiles(session_, {{"data", options_.data}},
                      {{"model", {options_.output}},
                       {"snapshot", {options_.snapshot}},
                       {"log", {options_.log}},
                       {"curves", {options_.curves}}}));
  std::shared_ptr<const ModelFile> others;
  if (!session_.model.empty()) {
    MIEN_ASSIGN(others, OpenModel(session_));
  }
  MIEN_TRY(Open());
  const int done = static_cast<int>(progress_.epochs.size());
  for (int epoch = done; epoch < options_.epochs; ++epoch) {
    const Status ran = RunEpoch(epoch);
    if (!ran.ok()) return ran.Within("epoch %d", epoch + 1);
    if ((epoch + 1) % options_.snapshot_every == 0 || epoch + 1 == options_.epochs) MIEN_TRY(Save());
  }
  MIEN_TRY(WriteFlowModel(options_.output, config_, trainer_->state(), others, Card()));
  session_.report["epochs"] = progress_.epochs.size();
  session_.report["output"] = options_.output;
  session_.report["snapshot"] = options_.snapshot;
  session_.report["total"] = progress_.epochs.empty() ? 0.0 : progress_.epochs.back().mean.total;
  session_.Print("%s: a flow after %zu epochs\n", options_.output.c_str(), progress_.epochs.size());
  return {};
}

void AddRules(CLI::App& verb, TrainOptions& o) {
  verb.option_defaults()->group("How it is trained (defaults: those of the paper's code)");
  const auto count = [&](const char* name, int& value, int least, int most, const char* what) {
    verb.add_option(name, value, what)->transform(WholeNumber())->check(CLI::Range(least, most))->capture_default_str();
  };
  const auto number = [&](const char* name, double& value, double least, double most, const char* what) {
    verb.add_option(name, value, what)->check(CLI::Range(least, most))->capture_default_str();
  };
  count("--epochs", o.epochs, 1, 1000000, "how often all pictures are seen");
  count("--batch", o.batch, 1, 65536, "pictures of a step");
  number("--learning-rate", o.rules.adam.learning_rate, 1e-9, 1, "of Adam, before it falls on a plateau");
  number("--weight-decay", o.rules.adam.weight_decay, 0, 1, "of Adam");
  number("--clip", o.rules.clip, 1e-9, 1e9, "largest norm of the gradients");
  number("--sigma", o.rules.sigma, 1e-6, 100, "deviation of the attributes' likelihood before the first epoch");
  number("--sigma-decay", o.rules.sigma_decay, 0.5, 1, "what it is multiplied by in every epoch");
  count("--attribute-epoch", o.rules.attribute_epoch, 0, 1000000, "epochs before the attributes have a likelihood");
  verb.add_option("--base", o.base, "distribution of the other coordinates: conditional (one per row) or standard")
      ->check(CLI::IsMember({"conditional", "standard"}))
      ->capture_default_str();
  count("--layers", o.layers, 1, 64, "couplings");
  count("--hidden", o.hidden, 1, 8192, "width of their nets");
  count("--blocks", o.blocks, 0, 16, "residual blocks of a net");
  verb.option_defaults()->group("Options");
}

}  // namespace

void AddTrain(CLI::App& app, Session& session) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* verb = app.add_subcommand("train", "a flow from codes of pictures with labels");
  verb->add_option("DATA", options->data,
                   "codes w_plus [N,L,D], identity [N] and attributes [N,K], NaN for unknown, as .safetensors or .npz")
      ->type_name("FILE");
  verb->add_option("-o,--output", options->output, "model file to write, with --replay the results")->type_name("FILE");
  verb->add_option("--snapshot", options->snapshot, "where the run is kept (default: OUTPUT.snapshot)")
      ->type_name("FILE");
  verb->add_option("--snapshot-every", options->snapshot_every, "epochs between two snapshots")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  verb->add_flag("--resume", options->resume, "go on from the snapshot where there is one; the same bytes come out");
  verb->add_option("--log", options->log, "losses of every epoch, a JSON object a line")->type_name("FILE");
  verb->add_option("--curves", options->curves, "SVG of the losses")->type_name("FILE");
  verb->add_option("--replay", options->replay, "take the recorded steps of a file instead")
      ->type_name("FILE")
      ->excludes("DATA");
  AddRules(*verb, *options);
  verb->footer(
      "With -m MODEL the result has that model's other components, too, and `mien edit` takes it; without, the flow\n"
      "alone. Seed and data decide every bit, --threads none.");
  verb->callback([&app, &session, options] {
    MentionUnused(session, app, {"--backend", "--precision", "--exact", "--memory", "--graphs"},
                  "training runs on the CPU in fp32");
    if (options->replay.empty()) {
      session.status = Training(&session, *options).Run();
    } else if (options->output.empty()) {
      session.status = Status::Error(Code::kUsage, "--replay needs --output");
    } else {
      session.status = ReplaySteps(session, options->replay, options->output, ThreadsOf(session));
    }
  });
}

}  // namespace mien
