#include "tools/inversion_options.h"

#include "tools/outputs.h"

namespace mien {

Result<std::unique_ptr<PhotoInverter>> MakeInverter(const Session& session,
                                                    const std::shared_ptr<const ModelFile>& model,
                                                    const InversionRules& rules, const Pipeline* pipeline) {
  InversionOptions how;
  how.exact = session.run.exact;
  how.threads = session.run.threads > 0 ? session.run.threads : DefaultThreads();
  how.stop = session.run.stop;
  how.profile = session.run.profile;
  how.max_memory = session.run.max_memory;
  if (how.max_memory > 0 && pipeline != nullptr && pipeline->engine().backend().name == "cpu") {
    const uint64_t taken = pipeline->engine().need().total();
    how.max_memory = how.max_memory > taken ? how.max_memory - taken : 1;
  }
  MIEN_ASSIGN(auto inverter, PhotoInverter::Create(model, rules, how));
  session.Detail("a step of inversion takes %.1f MiB of activations and %.1f MiB of weights",
                 static_cast<double>(inverter->inversion().activation_bytes()) / (1 << 20),
                 static_cast<double>(inverter->inversion().weight_bytes()) / (1 << 20));
  return inverter;
}

Result<InvertedFace> InvertWithProgress(const Session& session, PhotoInverter& inverter, const InversionRules& rules,
                                        const Image& square, std::span<float> w_plus,
                                        const InversionSnapshots& snapshots) {
  Progress progress(session, static_cast<size_t>(rules.steps));
  const auto told = [&](int step, const InversionLosses& losses) {
    char text[96];
    std::snprintf(text, sizeof text, "loss %.5g, mean squared error %.5g", losses.total, losses.squares);
    progress.Step(text);
    if (step % 10 == 0) session.Detail("step %d of %d: %s", step + 1, rules.steps, text);
  };
  return inverter.Invert(square, w_plus, told, snapshots);
}

nlohmann::json Report(const InvertedFace& face) {
  const auto told = [](const InversionLosses& losses, double psnr) {
    return nlohmann::json{{"loss", losses.total},
                          {"mean_squared_error", losses.squares},
                          {"distance_to_start", losses.start},
                          {"psnr", psnr}};
  };
  return {{"before", told(face.before, face.psnr_before)}, {"after", told(face.after, face.psnr_after)}};
}

}  // namespace mien
