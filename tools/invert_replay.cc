// mien invert --replay: the recorded steps of a projector, taken again.
#include <algorithm>
#include <cmath>

#include "runtime/train/photo_inverter.h"
#include "tools/files.h"
#include "tools/invert.h"
#include "tools/tensor_source.h"
#include "weights/header.h"

namespace mien {
namespace {

struct RecordedProjection {
  int64_t steps = 0;
  double total_steps = 0;  // what a step's number is divided by
  double noise_weight = 0, mse_weight = 0;
  LearningRate rate;
  bool same_rows = false;
  Shape latent_shape;
  std::vector<float> target, latent;
  std::vector<std::vector<float>> noise;
  std::vector<Shape> noise_shapes;
};

Status TakeNeeded(const TensorSource& source, const char* key, double least, double most, double* value) {
  if (!source.file().metadata.contains(key)) {
    return Status::Error(Code::kRefused, "%s: metadata %s expected, none found", source.path().c_str(), key);
  }
  MIEN_TRY(source.TakeNumber(key, value));
  if (*value >= least && *value <= most) return {};
  return Status::Error(Code::kRefused, "%s: metadata %s: %g to %g expected, %g found", source.path().c_str(), key,
                       least, most, *value);
}

Status TakeRules(const TensorSource& source, RecordedProjection* recorded) {
  constexpr double kMostSteps = 1e6, kMostWeight = 1e12;
  double steps = 0, random = 0;
  MIEN_TRY(TakeNeeded(source, "steps", 1, kMostSteps, &steps));
  if (steps != std::floor(steps)) {
    return Status::Error(Code::kRefused, "%s: metadata steps: a whole number expected, %g found", source.path().c_str(),
                         steps);
  }
  recorded->steps = static_cast<int64_t>(steps);
  MIEN_TRY(TakeNeeded(source, "total_steps_for_t", 1, kMostSteps, &recorded->total_steps));
  MIEN_TRY(TakeNeeded(source, "noise_regularize", 0, kMostWeight, &recorded->noise_weight));
  MIEN_TRY(TakeNeeded(source, "mse", 0, kMostWeight, &recorded->mse_weight));
  MIEN_TRY(source.TakeNumber("lr", &recorded->rate.most));
  MIEN_TRY(source.TakeNumber("lr_rampup", &recorded->rate.rise));
  MIEN_TRY(source.TakeNumber("lr_rampdown", &recorded->rate.fall));
  if (!(recorded->rate.rise > 0 && recorded->rate.fall > 0)) {
    return Status::Error(Code::kRefused, "%s: metadata lr_rampup and lr_rampdown: above 0 expected, %g and %g found",
                         source.path().c_str(), recorded->rate.rise, recorded->rate.fall);
  }
  MIEN_TRY(source.TakeNumber("latent_noise", &random));
  if (random != 0) {
    return Status::Error(Code::kRefused,
                         "%s: metadata latent_noise: 0 expected, %g found: what was drawn is not in "
                         "the file",
                         source.path().c_str(), random);
  }
  const auto space = source.file().metadata.find("wplus");
  const std::string wplus = space == source.file().metadata.end() ? "True" : space->second;
  if (wplus != "True" && wplus != "False") {
    return Status::Error(Code::kRefused, "%s: metadata wplus: True or False expected, %s found", source.path().c_str(),
                         Printable(wplus).c_str());
  }
  recorded->same_rows = wplus == "False";
  return {};
}

Result<RecordedProjection> ReadProjection(const std::string& path, const GeneratorConfig& g) {
  MIEN_ASSIGN(const TensorSource source, TensorSource::Open(path));
  RecordedProjection recorded;
  MIEN_TRY(TakeRules(source, &recorded));
  const Shape latent = recorded.same_rows ? Shape{-1, g.w_dim} : Shape{-1, g.rows(), g.w_dim};
  MIEN_ASSIGN(recorded.latent, source.ReadFinite("init/latent", latent, &recorded.latent_shape));
  const int64_t batch = recorded.latent_shape[0];
  if (batch > kMaxBatch) {
    return Status::Error(Code::kRefused, "%s: tensor init/latent: at most %d pictures expected, %lld found",
                         path.c_str(), kMaxBatch, static_cast<long long>(batch));
  }
  Shape found;
  MIEN_ASSIGN(recorded.target, source.ReadFinite("target", {batch, 3, g.resolution, g.resolution}, &found));
  const int maps = g.rows() - 1;
  for (int i = 0; i < maps; ++i) {
    const int64_t side = int64_t{4} << ((i + 1) / 2), images = i == 0 ? -1 : recorded.noise_shapes[0][0];
    const std::string name = "init/noise/" + std::to_string(i);
    MIEN_ASSIGN(std::vector<float> map, source.ReadFinite(name, {images, 1, side, side}, &found));
    if (found[0] != 1 && found[0] != batch) {
      return Status::Error(Code::kRefused, "%s: tensor %s: maps for 1 or %lld pictures expected, %s found",
                           path.c_str(), name.c_str(), static_cast<long long>(batch), found.ToString().c_str());
    }
    recorded.noise.push_back(std::move(map));
    recorded.noise_shapes.push_back(found);
  }
  if (const std::string more = "init/noise/" + std::to_string(maps); source.Find(more) != nullptr) {
    return Status::Error(Code::kRefused, "%s: %d noise maps expected, tensor %s found", path.c_str(), maps,
                         more.c_str());
  }
  return recorded;
}

void AddState(const RecordedProjection& recorded, int64_t step, Inversion* inversion,
              std::vector<NamedTensor>* results) {
  const std::string after = "after" + std::to_string(step) + "/";
  const auto copy = [](std::span<const float> values) { return std::vector<float>(values.begin(), values.end()); };
  results->push_back({after + "latent", recorded.latent_shape, copy(inversion->codes())});
  for (size_t i = 0; i < recorded.noise_shapes.size(); ++i) {
    results->push_back({after + "noise/" + std::to_string(i), recorded.noise_shapes[i], copy(inversion->noise(i))});
  }
}

}  // namespace

Status ReplayInversion(Session& session, const std::string& path, const std::string& out) {
  MIEN_TRY(CheckFormat(out, 2));
  MIEN_TRY(CheckFiles(session, {{"recorded steps", {path}}}, {{"results", {out}}}));
  MIEN_ASSIGN(const auto model, OpenModel(session));
  if (!model->config().generator) return Status::Error(Code::kUsage, "the model has no generator");
  MIEN_ASSIGN(RecordedProjection recorded, ReadProjection(path, *model->config().generator));
  InversionOptions options;
  options.batch = static_cast<int>(recorded.latent_shape[0]);
  options.same_rows = recorded.same_rows;
  options.noise_per_sample = recorded.noise_shapes[0][0] > 1;
  options.scales = {recorded.mse_weight};
  options.noise_weight = recorded.noise_weight;
  options.exact = true;
  options.threads = session.run.threads > 0 ? session.run.threads : DefaultThreads();
  options.max_memory = session.run.max_memory;
  options.stop = session.run.stop;
  options.profile = session.run.profile;
  MIEN_ASSIGN(const auto inversion, Inversion::Create(model, options));
  std::ranges::copy(recorded.latent, inversion->codes().begin());
  std::ranges::copy(recorded.target, inversion->target().begin());
  for (size_t i = 0; i < recorded.noise.size(); ++i) std::ranges::copy(recorded.noise[i], inversion->noise(i).begin());
  recorded.noise.clear();

  std::vector<NamedTensor> results = {{"lr_noisereg_mse_loss", {recorded.steps, 4}, {}}};
  for (int64_t step = 0; step < recorded.steps; ++step) {
    const double rate = recorded.rate.At(static_cast<double>(step) / recorded.total_steps);
    const auto losses = inversion->Step(rate);
    if (!losses.ok()) return losses.status().Within("step %lld", static_cast<long long>(step + 1));
    for (const double number : {rate, losses->noise, losses->squares, losses->total})
      results[0].values.push_back(static_cast<float>(number));
    if (step <= 1 || step + 1 == recorded.steps) AddState(recorded, step + 1, inversion.get(), &results);
  }
  MIEN_TRY(WriteTensors(out, results, {}));
  session.report["steps"] = recorded.steps;
  session.report["output"] = out;
  session.Print("%s: %lld steps\n", out.c_str(), static_cast<long long>(recorded.steps));
  return {};
}

}  // namespace mien
