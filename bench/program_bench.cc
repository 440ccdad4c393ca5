// Times one program of a model, from inputs in host memory to outputs in host memory:
//   program_bench MODEL GRAPH [--in TENSORS] [--threads N] [--batch N] [--exact] [--runs N | --steps N]
// Without --runs and --steps it runs once for every line on stdin and answers with "WALL_MS CPU_MS" (the time
// of all threads), so that a driver can interleave it with other programs (synth_rivals.py). --runs:
// quantiles of N runs.
// --steps: how N runs divide among the steps, by op and by layer.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>

#include "runtime/engine.h"

namespace mien {
namespace {

struct Options {
  std::string model, graph, inputs;
  int threads = 0, batch = 1, runs = 0, steps = 0;
  bool exact = false;
};

struct Time {
  double wall = 0.0, cpu = 0.0;  // milliseconds; cpu: of all threads
};

double Milliseconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

Time Now() { return {Milliseconds(CLOCK_MONOTONIC), Milliseconds(CLOCK_PROCESS_CPUTIME_ID)}; }

Time Since(const Time& start) {
  const Time now = Now();
  return {now.wall - start.wall, now.cpu - start.cpu};
}

// The smallest time that at least `share` of the runs did not exceed.
double Quantile(const std::vector<Time>& times, double Time::*clock, double share) {
  std::vector<double> sorted;
  for (const Time& time : times) sorted.push_back(time.*clock);
  std::sort(sorted.begin(), sorted.end());
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

class Bench {
 public:
  Status Open(const Options& options);
  Status Serve();
  Status Quantiles(int runs);
  Status Steps(int runs);

 private:
  Status ReadInputs(const std::string& path);
  Result<Time> Run();

  std::unique_ptr<Engine> engine_;
  std::vector<std::vector<float>> in_, out_;
  std::vector<std::span<const float>> in_spans_;
  std::vector<std::span<float>> out_spans_;
};

Status Bench::Open(const Options& options) {
  MIEN_ASSIGN(std::shared_ptr<const ModelFile> model, ModelFile::Open(options.model));
  EngineOptions engine;
  engine.backend = "cpu";
  engine.threads = options.threads;
  engine.batch = options.batch;
  engine.exact = options.exact;
  engine.programs = {{.graph = options.graph}};
  MIEN_ASSIGN(engine_, Engine::Create(std::make_shared<WeightStore>(model), engine));
  const Graph& graph = engine_->graph(0);
  const auto elements = [&](ValueId id) { return static_cast<size_t>(graph.values[id].shape.elements()); };
  for (const ValueId id : graph.inputs) {
    auto& input = in_.emplace_back(elements(id));
    for (size_t i = 0; i < input.size(); ++i)
      input[i] = static_cast<float>(i * 40503 % 65536) / 32768.0f - 1.0f;
  }
  for (const NamedValue& output : graph.outputs) out_.emplace_back(elements(output.value));
  in_spans_.assign(in_.begin(), in_.end());
  out_spans_.assign(out_.begin(), out_.end());
  return options.inputs.empty() ? Status() : ReadInputs(options.inputs);
}

// Every input by its name, repeated for the batch.
Status Bench::ReadInputs(const std::string& path) {
  MIEN_ASSIGN(File source, File::Open(path));
  MIEN_ASSIGN(TensorFile file,
              TensorFile::Open(std::make_shared<File>(std::move(source)), TensorFile::Profile::kPlain));
  const Graph& graph = engine_->graph(0);
  for (size_t i = 0; i < in_.size(); ++i) {
    const Value& value = graph.values[graph.inputs[i]];
    const TensorEntry* entry = file.Find(value.name);
    if (entry == nullptr || entry->shape.elements() == 0 ||
        value.shape.elements() % entry->shape.elements() != 0) {
      return Status::Error(Code::kRefused, "%s: a tensor %s for %s expected, %s found", path.c_str(),
                           value.name.c_str(), value.shape.ToString().c_str(),
                           entry == nullptr ? "none" : entry->shape.ToString().c_str());
    }
    const auto once = static_cast<size_t>(entry->shape.elements());
    MIEN_TRY(file.ReadFloats(*entry, {in_[i].data(), once}));
    for (size_t k = once; k < in_[i].size(); ++k) in_[i][k] = in_[i][k - once];
  }
  return {};
}

Result<Time> Bench::Run() {
  const Time start = Now();
  MIEN_TRY(engine_->Run(0, in_spans_, out_spans_));
  return Since(start);
}

Status Bench::Serve() {
  for (int c = std::getchar(); c != EOF; c = std::getchar()) {
    if (c != '\n') continue;
    MIEN_ASSIGN(const Time time, Run());
    std::printf("%.3f %.3f\n", time.wall, time.cpu);
    std::fflush(stdout);
  }
  return {};
}

Status Bench::Quantiles(int runs) {
  std::vector<Time> times;
  for (int run = -1; run < runs; ++run) {
    MIEN_ASSIGN(const Time time, Run());
    if (run >= 0) times.push_back(time);
  }
  std::printf("%s, batch %d, %d threads, %d runs: wall p50 %.3f p99 %.3f max %.3f ms, cpu p50 %.3f ms\n",
              engine_->graph(0).name.c_str(), engine_->batch(), engine_->threads(), runs,
              Quantile(times, &Time::wall, 0.5), Quantile(times, &Time::wall, 0.99),
              Quantile(times, &Time::wall, 1.0), Quantile(times, &Time::cpu, 0.5));
  return {};
}

// Medians per step, and their sums per op.
Status Bench::Steps(int runs) {
  const Program& program = *engine_->program(0);
  const Graph& graph = program.graph();
  ThreadPool threads(engine_->threads());
  std::vector<std::vector<Time>> times(graph.nodes.size());
  for (int run = -1; run < runs; ++run) {
    for (size_t i = 0; i < in_.size(); ++i)  // again, for later values may lie where they were
      std::copy(in_[i].begin(), in_[i].end(), program.input(static_cast<int>(i)).begin());
    for (size_t n = 0; n < times.size(); ++n) {
      const Time start = Now();
      program.RunStep(n, &threads);
      if (run >= 0) times[n].push_back(Since(start));
    }
  }
  struct Sum {
    int calls = 0;
    double wall = 0.0, cpu = 0.0, multiply_adds = 0.0;
  };
  std::map<std::string, Sum> ops;
  for (size_t n = 0; n < times.size(); ++n) {
    const Node& node = graph.nodes[n];
    const double wall = Quantile(times[n], &Time::wall, 0.5), cpu = Quantile(times[n], &Time::cpu, 0.5);
    const auto multiply_adds = static_cast<double>(OpCount(node.op, graph.InputShapes(node)).multiply_adds);
    std::printf("%-17s %-52s %-18s wall %9.4f ms  cpu %9.4f ms  %8.1f GFLOP/s\n", OpName(node.op),
                graph.values[node.out[0]].name.c_str(), graph.values[node.out[0]].shape.ToString().c_str(),
                wall, cpu, 2e-6 * multiply_adds / wall);
    Sum& sum = ops[OpName(node.op)];
    sum = {sum.calls + 1, sum.wall + wall, sum.cpu + cpu, sum.multiply_adds + multiply_adds};
  }
  for (const auto& [op, sum] : ops) {
    std::printf("all %-17s %4d calls  wall %9.3f ms  cpu %9.3f ms  %8.1f GFLOP/s\n", op.c_str(), sum.calls,
                sum.wall, sum.cpu, 2e-6 * sum.multiply_adds / sum.wall);
  }
  return {};
}

Status RunBench(const Options& options) {
  Bench bench;
  MIEN_TRY(bench.Open(options));
  if (options.steps > 0) return bench.Steps(options.steps);
  return options.runs > 0 ? bench.Quantiles(options.runs) : bench.Serve();
}

}  // namespace
}  // namespace mien

int main(int count, char** words) {
  mien::Options options;
  CLI::App app("times one program of a model");
  app.add_option("model", options.model)->required();
  app.add_option("graph", options.graph)->required();
  app.add_option("--in", options.inputs, "inputs by name; default: made up");
  app.add_option("--threads", options.threads, "0: all processors");
  app.add_option("--batch", options.batch);
  app.add_flag("--exact", options.exact);
  app.add_option("--runs", options.runs, "quantiles of so many runs");
  app.add_option("--steps", options.steps, "medians of so many runs, step by step");
  CLI11_PARSE(app, count, words);
  const mien::Status status = mien::RunBench(options);
  if (!status.ok()) std::fprintf(stderr, "program_bench: %s\n", status.message());
  return mien::ExitCode(status.code());
}
