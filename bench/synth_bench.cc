// Times the synthesis of one image: reads w_plus from a tensor file, then runs once for every line on stdin and answers
// with "WALL_MS CPU_MS", so that a driver (synth_rivals.py) can interleave it with other programs.
//   synth_bench MODEL W_PLUS.safetensors THREADS
#include <ctime>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "runtime/engine.h"

namespace mien {
namespace {

double Milliseconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

Result<std::vector<float>> ReadInput(const std::string& path) {
  MIEN_ASSIGN(File source, File::Open(path));
  MIEN_ASSIGN(TensorFile file,
              TensorFile::Open(std::make_shared<File>(std::move(source)), TensorFile::Profile::kPlain));
  const TensorEntry* entry = file.Find("w_plus");
  if (entry == nullptr) return Status::Error(Code::kRefused, "%s: no tensor w_plus", path.c_str());
  std::vector<float> values(static_cast<size_t>(entry->shape.elements()));
  MIEN_TRY(file.ReadFloats(*entry, values));
  return values;
}

Status Serve(const std::string& model_path, const std::string& input_path, int threads) {
  MIEN_ASSIGN(std::vector<float> w_plus, ReadInput(input_path));
  MIEN_ASSIGN(std::shared_ptr<const ModelFile> model, ModelFile::Open(model_path));
  if (!model->config().generator) return Status::Error(Code::kUsage, "%s: no generator", model_path.c_str());
  const auto side = static_cast<size_t>(model->config().generator->resolution);
  EngineOptions options;
  options.threads = threads;
  options.programs.resize(1);
  options.programs[0].graph = "synthesis";
  MIEN_ASSIGN(std::unique_ptr<Engine> engine, Engine::Create(std::make_shared<WeightStore>(model), options));
  std::vector<float> image(3 * side * side);
  std::span<const float> in(w_plus);
  std::span<float> out(image);
  for (int c = std::getchar(); c != EOF; c = std::getchar()) {
    if (c != '\n') continue;
    double wall = Milliseconds(CLOCK_MONOTONIC), cpu = Milliseconds(CLOCK_PROCESS_CPUTIME_ID);
    MIEN_TRY(engine->Run(0, {&in, 1}, {&out, 1}));
    std::printf("%.3f %.3f\n", Milliseconds(CLOCK_MONOTONIC) - wall,
                Milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    std::fflush(stdout);
  }
  return {};
}

}  // namespace
}  // namespace mien

int main(int count, char** words) {
  if (count != 4) {
    std::fprintf(stderr, "usage: synth_bench MODEL W_PLUS.safetensors THREADS\n");
    return mien::ExitCode(mien::Code::kUsage);
  }
  mien::Status status = mien::Serve(words[1], words[2], std::atoi(words[3]));
  if (!status.ok()) std::fprintf(stderr, "synth_bench: %s\n", status.message());
  return mien::ExitCode(status.code());
}
