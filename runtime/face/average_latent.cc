#include "runtime/face/average_latent.h"

#include <algorithm>
#include <memory>

#include "runtime/engine.h"
#include "runtime/face/random.h"

namespace mien {

Result<std::vector<float>> AverageLatent(const ModelConfig& config, const WeightSource& read, int threads,
                                         const std::atomic<bool>* stop) {
  const GeneratorConfig& g = *config.generator;
  EngineOptions options;
  options.backend = "cpu";
  options.threads = threads;
  options.batch = kMaxBatch;
  options.stop = stop;
  options.programs = {{MappingOptions{}}};
  MIEN_ASSIGN(const auto engine, Engine::Create(std::make_shared<WeightStore>(config, read), options));
  const auto z_dim = static_cast<size_t>(g.z_dim), labels = static_cast<size_t>(g.label_dim),
             w_dim = static_cast<size_t>(g.w_dim), rows = static_cast<size_t>(g.rows());
  std::vector<float> z(kMaxBatch * z_dim), label(kMaxBatch * labels);
  std::vector<double> sum(w_dim);
  for (int first = 0; first < kAverageSeeds; first += kMaxBatch) {
    std::fill(label.begin(), label.end(), 0.0f);
    for (size_t i = 0; i < kMaxBatch; ++i) {
      const size_t seed = static_cast<size_t>(first) + i;
      RandomState(static_cast<uint32_t>(seed)).Normals(std::span(z).subspan(i * z_dim, z_dim));
      if (labels > 0) label[i * labels + seed % labels] = 1.0f;
    }
    std::vector<std::span<const float>> inputs = {z};
    if (labels > 0) inputs.push_back(label);
    const std::span<float> unwanted;
    MIEN_TRY(engine->Run(0, inputs, std::span(&unwanted, 1)));
    const std::span<const float> w_plus = engine->output(0, 0);
    for (size_t i = 0; i < kMaxBatch && first + static_cast<int>(i) < kAverageSeeds; ++i) {
      for (size_t k = 0; k < w_dim; ++k) sum[k] += static_cast<double>(w_plus[i * rows * w_dim + k]);
    }
  }
  std::vector<float> average(w_dim);
  for (size_t k = 0; k < w_dim; ++k) average[k] = static_cast<float>(sum[k] / kAverageSeeds);
  return average;
}

}  // namespace mien
