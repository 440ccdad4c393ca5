#include "runtime/face/pipeline.h"

#include <algorithm>
#include <array>

#include "runtime/face/attribute_scores.h"
#include "runtime/face/random.h"
#include "runtime/face/resample.h"

namespace mien {
namespace {

Status NeedsComponent(bool wanted, bool present, const char* what, const char* component) {
  if (!wanted || present) return {};
  return Status::Error(Code::kUsage, "%s needs the component %s, which this model file does not have", what,
                       component);
}

Status CheckLabel(const GeneratorConfig& generator, int label) {
  const int labels = generator.label_dim;
  if (labels == 0) {
    if (label == -1) return {};
    return Status::Error(Code::kUsage, "label %d: this generator is not conditional, it has no labels", label);
  }
  if (label >= 0 && label < labels) return {};
  if (label == -1) {
    return Status::Error(Code::kUsage, "a conditional generator draws no face without a label: 0 to %d expected",
                         labels - 1);
  }
  return Status::Error(Code::kUsage, "label %d: 0 to %d expected", label, labels - 1);
}

using Input = std::span<const float>;
using Output = std::span<float>;

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::Create(std::shared_ptr<const ModelFile> model,
                                                   const PipelineOptions& options) {
  const ModelConfig& config = model->config();
  MIEN_TRY(NeedsComponent(options.encode, config.encoder.has_value(), "encoding a picture", "encoder"));
  MIEN_TRY(NeedsComponent(options.edit, config.flow.has_value(), "editing", "flow"));
  MIEN_TRY(NeedsComponent(options.synthesize || options.map, config.generator.has_value(), "synthesis",
                          "generator"));
  MIEN_TRY(NeedsComponent(options.scores, config.attributes.has_value(), "judging attributes", "attributes"));
  if (options.map) MIEN_TRY(CheckLabel(*config.generator, options.label));
  auto pipeline = std::unique_ptr<Pipeline>(new Pipeline);
  pipeline->model_ = std::move(model);
  EngineOptions engine = {options, 1, {}};
  const auto want = [&](bool wanted, ProgramOptions program, int* index) {
    if (!wanted) return;
    *index = static_cast<int>(engine.programs.size());
    engine.programs.push_back(std::move(program));
  };
  SynthesisOptions synthesis = {.resolution = options.resolution};
  if (options.random_noise) synthesis.noise = NoiseMode::kInput;
  if (options.no_noise) synthesis.noise = NoiseMode::kNone;
  want(options.encode, {EncoderOptions{}}, &pipeline->encoder_);
  want(options.map, {MappingOptions{options.psi, options.psi_cutoff}}, &pipeline->mapping_);
  want(options.edit, {FlowOptions{}}, &pipeline->flow_);
  want(options.edit, {FlowInverseOptions{}}, &pipeline->inverse_);
  want(options.synthesize, {.network = synthesis, .incremental = options.incremental}, &pipeline->synthesis_);
  want(options.scores, {AttributesOptions{}}, &pipeline->attributes_);
  const auto store = std::make_shared<WeightStore>(pipeline->model_);
  MIEN_ASSIGN(pipeline->engine_, Engine::Create(store, engine));
  if (options.edit && options.edits != 1) {
    const MemoryNeed& taken = pipeline->engine_->need();
    if (engine.max_memory > 0) engine.max_memory -= taken.total() - taken.loading;
    engine.batch = options.edits;
    engine.programs = {{FlowInverseOptions{}}};
    MIEN_ASSIGN(pipeline->inverses_, Engine::Create(store, engine));
  }

  if (config.generator) {
    pipeline->rows_ = config.generator->rows();
    pipeline->w_dim_ = config.generator->w_dim;
    pipeline->z_.resize(static_cast<size_t>(config.generator->z_dim));
    pipeline->mapping_inputs_ = {pipeline->z_};
    if (options.label >= 0 && options.map) {
      pipeline->label_.resize(static_cast<size_t>(config.generator->label_dim));
      pipeline->label_[static_cast<size_t>(options.label)] = 1.0f;
      pipeline->mapping_inputs_.push_back(pipeline->label_);
    }
  } else if (config.flow) {
    pipeline->rows_ = config.flow->contexts;
    pipeline->w_dim_ = config.flow->features;
  } else if (config.encoder) {
    pipeline->rows_ = config.encoder->rows;
    pipeline->w_dim_ = config.encoder->w_dim;
  }
  if (config.flow) {
    // A flow may know more rows than the model uses; those stay zero. Every row goes through it on its own.
    const size_t numbers =
        static_cast<size_t>(config.flow->contexts) * static_cast<size_t>(config.flow->features);
    pipeline->codes_.resize(numbers);
    pipeline->latent_.resize(numbers * static_cast<size_t>(options.edits));
  }
  if (options.encode) {
    pipeline->photo_.resize(size_t{3} * config.encoder->input_size * config.encoder->input_size);
  }
  if (options.synthesize) {
    const Graph& graph = pipeline->engine_->graph(pipeline->synthesis_);
    pipeline->side_ = static_cast<int>(graph.values[graph.outputs[0].value].shape[3]);
    for (size_t i = 1; i < graph.inputs.size(); ++i) {
      pipeline->noise_.emplace_back(static_cast<size_t>(graph.values[graph.inputs[i]].shape.elements()));
    }
    pipeline->synthesis_inputs_.resize(graph.inputs.size());
  }
  return pipeline;
}

Status Pipeline::CheckCodes(std::span<const float> w_plus, size_t faces) const {
  if (w_plus.size() == faces * static_cast<size_t>(rows_) * static_cast<size_t>(w_dim_)) return {};
  return Status::Error(Code::kUsage, "w_plus has %zu numbers, %zu times %d rows of %d expected",
                       w_plus.size(), faces, rows_, w_dim_);
}

Status Pipeline::Encode(const Image& photo, std::span<float> w_plus) {
  MIEN_TRY(CheckCodes(w_plus));
  const int side = config().encoder->input_size;
  MIEN_ASSIGN(Image square, CropCentreSquare(photo));
  MIEN_ASSIGN(Image resized, ResizeImage(square, side, side));
  ToFloats(resized, photo_);
  return engine_->Run(encoder_, std::array{Input(photo_)}, std::array{w_plus});
}

Status Pipeline::FromSeed(uint32_t seed, std::span<float> w_plus) {
  MIEN_TRY(CheckCodes(w_plus));
  RandomState(seed).Normals(z_);
  return engine_->Run(mapping_, mapping_inputs_, std::array{w_plus});
}

Status Pipeline::ApplyEdit(const std::vector<Edit>& edits, const std::vector<bool>& rows, float strength,
                           std::span<const float> w_plus, std::span<float> edited) {
  return ApplyEdits({&edits, 1}, rows, strength, w_plus, edited);
}

Status Pipeline::ApplyEdits(std::span<const std::vector<Edit>> edits, const std::vector<bool>& rows, float strength,
                            std::span<const float> w_plus, std::span<float> edited) {
  const size_t numbers = codes_.size(), most = latent_.size() / numbers, count = edits.size(), used = w_plus.size();
  if (count < 1 || count > most) {
    return Status::Error(Code::kUsage, "%zu edits together, 1 to %zu expected", count, most);
  }
  MIEN_TRY(CheckCodes(w_plus));
  MIEN_TRY(CheckCodes(edited, count));
  const FlowConfig& flow = *config().flow;
  const auto latent = [&](size_t k) { return std::span(latent_).subspan(k * numbers, numbers); };
  std::copy(w_plus.begin(), w_plus.end(), codes_.begin());
  MIEN_TRY(engine_->Run(flow_, std::array{Input(codes_)}, std::array{latent(0), Output()}));
  const size_t batch = count == 1 ? 1 : most;  // places without an edit hold the face as it is
  for (size_t k = batch; k-- > 0;) {
    if (k > 0) std::copy_n(latent_.begin(), numbers, latent(k).begin());
    if (k < count) MIEN_TRY(mien::ApplyEdits(flow, edits[k], rows, latent(k).first(used)));
  }
  Engine& inverse = count == 1 ? *engine_ : *inverses_;
  const Output all = std::span(latent_).first(batch * numbers);
  MIEN_TRY(inverse.Run(count == 1 ? inverse_ : 0, std::array{Input(all)}, std::array{all, Output()}));
  for (size_t k = 0; k < count; ++k) {
    MIEN_TRY(Blend(flow, rows, strength, std::span(codes_).first(used), latent(k).first(used)));
    std::copy_n(latent(k).begin(), used, edited.subspan(k * used).begin());
  }
  return {};
}

Result<Image> Pipeline::Synthesize(std::span<const float> w_plus, uint64_t noise_seed) {
  MIEN_TRY(CheckCodes(w_plus));
  synthesis_inputs_[0] = w_plus;
  for (size_t i = 0; i < noise_.size(); ++i) {
    FillNoise(noise_seed, i, noise_[i]);
    synthesis_inputs_[i + 1] = noise_[i];
  }
  MIEN_TRY(engine_->Run(synthesis_, synthesis_inputs_, std::array{Output()}));
  return FromFloats(engine_->output(synthesis_, 0), side_, config().generator->rounding);
}

Result<std::vector<double>> Pipeline::Scores() {
  const AttributesConfig& attributes = *config().attributes;
  judged_.resize(size_t{3} * attributes.input_size * attributes.input_size);
  ResizeBilinear(engine_->output(synthesis_, 0), side_, attributes.input_size, judged_);
  std::vector<float> raw(attributes.outputs.size());
  MIEN_TRY(engine_->Run(attributes_, std::array{Input(judged_)}, std::array{Output(raw)}));
  std::vector<double> scores;
  for (size_t i = 0; i < raw.size(); ++i) scores.push_back(CutScore(attributes.outputs[i], double{raw[i]}));
  return scores;
}

Status Pipeline::ReplaceIdentity(std::span<const float> w_plus, std::span<const float> person, std::span<float> out) {
  MIEN_TRY(CheckCodes(w_plus));
  MIEN_TRY(CheckCodes(person));
  MIEN_TRY(CheckCodes(out));
  const size_t used = person.size();
  const Output latent = std::span(latent_).first(codes_.size());
  std::ranges::copy(person, codes_.begin());
  MIEN_TRY(engine_->Run(flow_, std::array{Input(codes_)}, std::array{latent, Output()}));
  const std::vector<float> other(latent.begin(), latent.begin() + static_cast<ptrdiff_t>(used));
  std::ranges::copy(w_plus, codes_.begin());
  MIEN_TRY(engine_->Run(flow_, std::array{Input(codes_)}, std::array{latent, Output()}));
  MIEN_TRY(TakeIdentity(*config().flow, other, latent.first(used)));
  MIEN_TRY(engine_->Run(inverse_, std::array{Input(latent)}, std::array{latent, Output()}));
  std::copy_n(latent.begin(), used, out.begin());
  return {};
}
Result<double> Pipeline::Coordinate(std::span<const float> w_plus, int attribute, const std::vector<bool>& rows) {
  MIEN_TRY(CheckCodes(w_plus));
  std::ranges::copy(w_plus, codes_.begin());
  const Output latent = std::span(latent_).first(codes_.size());
  MIEN_TRY(engine_->Run(flow_, std::array{Input(codes_)}, std::array{latent, Output()}));
  double sum = 0, count = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (!rows[row]) continue;
    sum += double{latent[row * static_cast<size_t>(w_dim_) + static_cast<size_t>(attribute)]};
    ++count;
  }
  return count > 0 ? sum / count : 0.0;
}

}  // namespace mien
