#include "runtime/train/inversion.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "graph/gradient/derived_weights.h"
#include "graph/gradient/inversion_step.h"
#include "runtime/train/noise_maps.h"

namespace mien {

Inversion::Learnt::Learnt(const Shape& of, bool is_learnt) : shape(of) {
  const auto count = static_cast<size_t>(of.elements());
  values.resize(count);
  if (!is_learnt) return;
  gradient.resize(count);
  first.resize(count);
  second.resize(count);
}

Result<std::unique_ptr<Inversion>> Inversion::Create(const std::shared_ptr<const ModelFile>& model,
                                                     const InversionOptions& options) {
  auto inversion = std::unique_ptr<Inversion>(new Inversion);
  inversion->model_ = model;
  inversion->options_ = options;
  MIEN_TRY(inversion->Prepare());
  MIEN_TRY(inversion->Reset());
  return inversion;
}

Status Inversion::Reset() {
  steps_ = 0;
  start_.clear();
  const auto forget = [](Learnt& learnt) {
    std::ranges::fill(learnt.first, 0.0f);
    std::ranges::fill(learnt.second, 0.0f);
  };
  forget(codes_);
  std::ranges::for_each(noise_, forget);
  return FillNoise();
}

Status Inversion::Prepare() {
  InversionStepOptions wanted;
  wanted.batch = options_.batch;
  wanted.noise_per_sample = options_.noise_per_sample;
  wanted.noise_gradients = options_.learn_noise;
  wanted.scales = options_.scales;
  MIEN_ASSIGN(Graph graph, BuildInversionStep(model_->config(), wanted));
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.values[static_cast<size_t>(id)];
    inputs_.emplace(value.name, static_cast<int>(inputs_.size()));
    if (value.name.starts_with("noise.")) noise_.emplace_back(value.shape, options_.learn_noise);
    if (value.name == "target") target_.resize(static_cast<size_t>(value.shape.elements()));
    if (value.name != "w_plus") continue;
    rows_ = value.shape[1];
    codes_ = Learnt(options_.same_rows ? Shape{value.shape[0], value.shape[2]} : value.shape, true);
  }
  for (const NamedValue& output : graph.outputs) outputs_.emplace(output.name, static_cast<int>(outputs_.size()));

  MIEN_ASSIGN(pool_, ThreadPool::Create(options_.threads));
  if (options_.profile != nullptr) {
    options_.profile->PrepareThreads(options_.threads);
    pool_->Observe(&options_.profile->observer());
  }
  backend_ = CpuBackend(options_.threads);
  CpuLowering how;
  how.exact = options_.exact;
  how.on_the_fly = true;
  MIEN_ASSIGN(program_, Program::Create(std::move(graph), how, backend_, options_.profile));
  MIEN_TRY(backend_.open(backend_.state.get(), pool_.get()));
  for (const WeightForm& form : program_.executable().forms) weight_bytes_ += form.bytes;
  const uint64_t bytes = program_.plan().arena_bytes;
  if (options_.max_memory > 0 && bytes + weight_bytes_ > options_.max_memory) {
    return Status::Error(
        Code::kMemory, "inversion: %llu bytes needed (weights %llu, a step %llu), at most %llu allowed",
        static_cast<unsigned long long>(bytes + weight_bytes_), static_cast<unsigned long long>(weight_bytes_),
        static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(options_.max_memory));
  }
  MIEN_ASSIGN(arena_, backend_.allocate(backend_.state.get(), bytes, true, "activations of a step"));
  WeightStore store(model_->config(), WithDerivedWeights(model_->config(), [model = model_](const std::string& tensor,
                                                                                            std::span<float> out) {
                      return model->ReadFloats(tensor, out);
                    }));
  const auto check = [this] {
    const bool stop = options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
    return stop ? Status::Error(Code::kInterrupted, "interrupted") : Status();
  };
  const std::span<std::byte> workspace = {static_cast<std::byte*>(arena_.get()), bytes};
  MIEN_ASSIGN(std::vector<WeightHandle> weights, store.Get(backend_, program_.executable().forms, check, workspace));
  program_.Bind(arena_.get(), nullptr, std::move(weights));
  return {};
}

// The model's maps, for every picture the same.
Status Inversion::FillNoise() {
  const GeneratorConfig& g = *model_->config().generator;
  const bool nvidia = g.convention == Convention::kNvidia;
  if (nvidia && !g.has_noise_maps) return {};
  for (size_t i = 0; i < noise_.size(); ++i) {
    Learnt& map = noise_[i];
    const auto side = static_cast<size_t>(map.shape[2]), plane = side * side;
    const std::string name =
        nvidia ? "synthesis.b" + std::to_string(side) + (i % 2 == 1 ? ".conv0" : ".conv1") + ".noise_const"
               : "noises.noise_" + std::to_string(i);
    MIEN_TRY(model_->ReadFloats("generator." + name, std::span(map.values).first(plane)));
    for (size_t at = plane; at < map.values.size(); at += plane)
      std::copy_n(map.values.begin(), plane, map.values.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return {};
}

// The mean squared distance to the codes it began with, and its derivative.
void Inversion::AddStart(InversionLosses* losses) {
  const auto count = static_cast<double>(codes_.values.size());
  double squares = 0;
  for (size_t i = 0; i < codes_.values.size(); ++i) {
    const double moved = double{codes_.values[i]} - start_[i];
    squares += moved * moved;
    codes_.gradient[i] += static_cast<float>(2 * options_.start_weight * moved / count);
  }
  losses->start = squares / count;
}

void Inversion::TakeGradients() {
  const std::span<const float> by_codes = program_.output(outputs_.at("gradient/w_plus"));
  if (options_.same_rows) {  // the sum over the rows
    const auto features = static_cast<size_t>(codes_.shape[1]), rows = static_cast<size_t>(rows_);
    for (size_t i = 0; i < codes_.gradient.size(); ++i) {
      double sum = 0;
      for (size_t l = 0; l < rows; ++l) sum += by_codes[(i / features * rows + l) * features + i % features];
      codes_.gradient[i] = static_cast<float>(sum);
    }
  } else {
    std::ranges::copy(by_codes, codes_.gradient.begin());
  }
  if (!options_.learn_noise) return;
  for (size_t i = 0; i < noise_.size(); ++i)
    std::ranges::copy(program_.output(outputs_.at("gradient/noise." + std::to_string(i))), noise_[i].gradient.begin());
}

std::vector<Inversion::NumbersOfState> Inversion::State() {
  std::vector<NumbersOfState> state;
  const auto add = [&](const std::string& name, Learnt& learnt) {
    state.push_back({name, learnt.shape, learnt.values});
    state.push_back({"adam/first/" + name, learnt.shape, learnt.first});
    state.push_back({"adam/second/" + name, learnt.shape, learnt.second});
  };
  add("codes", codes_);
  for (size_t i = 0; i < noise_.size() && options_.learn_noise; ++i) add("noise." + std::to_string(i), noise_[i]);
  return state;
}

Result<InversionLosses> Inversion::Losses() {
  if (start_.empty()) start_ = codes_.values;
  const std::span<float> w_plus = program_.input(inputs_.at("w_plus"));
  const auto features = static_cast<size_t>(codes_.shape[codes_.shape.rank - 1]), rows = static_cast<size_t>(rows_);
  for (size_t i = 0; i < w_plus.size(); ++i) {
    w_plus[i] = codes_.values[options_.same_rows ? i / (rows * features) * features + i % features : i];
  }
  std::ranges::copy(target_, program_.input(inputs_.at("target")).begin());
  for (size_t i = 0; i < noise_.size(); ++i)
    std::ranges::copy(noise_[i].values, program_.input(inputs_.at("noise." + std::to_string(i))).begin());
  MIEN_TRY(program_.Run(options_.stop));

  InversionLosses losses;
  for (size_t k = 0; k < options_.scales.size(); ++k) {
    const double squares = program_.output(outputs_.at("mse/" + std::to_string(k)))[0];
    if (k == 0) losses.squares = squares;
    losses.scales += options_.scales[k] * squares;
  }
  TakeGradients();
  AddStart(&losses);
  if (options_.learn_noise) {
    std::vector<double> of_map(noise_.size());
    pool_->ParallelFor(static_cast<int>(noise_.size()), [&](int task, int) {
      const size_t i = noise_.size() - 1 - static_cast<size_t>(task);  // the largest first
      of_map[i] = NoiseAutocorrelation(noise_[i].values, noise_[i].shape[2], options_.noise_weight, noise_[i].gradient);
    });
    for (const double value : of_map) losses.noise += value;
  }
  losses.total = losses.scales + options_.noise_weight * losses.noise + options_.start_weight * losses.start;
  if (std::isfinite(losses.total)) return losses;
  return Status::Error(Code::kNumeric, "inversion: a finite loss expected, %g of the pictures, %g of the noise found",
                       losses.scales, losses.noise);
}

Result<InversionLosses> Inversion::Step(double learning_rate) {
  MIEN_ASSIGN(const InversionLosses losses, Losses());
  AdamOptions adam;
  adam.learning_rate = learning_rate;
  adam.weight_decay = 0;
  const AdamStep step(adam, ++steps_);
  const auto take = [&](Learnt& learnt) {
    step.Take(learnt.values.size(), learnt.gradient.data(), learnt.values.data(), learnt.first.data(),
              learnt.second.data());
  };
  take(codes_);
  if (!options_.learn_noise) return losses;
  pool_->ParallelFor(static_cast<int>(noise_.size()), [&](int task, int) {
    Learnt& map = noise_[noise_.size() - 1 - static_cast<size_t>(task)];
    take(map);
    NormaliseNoise(map.values);
  });
  return losses;
}

}  // namespace mien
