// Times programs of a model one after the other, from inputs in host memory to outputs in host memory:
//   program_bench MODEL GRAPH,GRAPH,... [--in TENSORS] [--out TENSORS] [--edit] [--threads N] [--batch N]
//   [--exact] [--memory MODE]
//                 [--runs N | --steps N]
// An input that an earlier program of the list gives under the same name is taken from there, so that
// encoder,flow,flow_inverse,synthesis is a whole edit; --edit then rewrites two attributes of every row of
// the latent. Without --runs and --steps it says "ready MULTIPLY_ADDS PRODUCTS" (of the direct algorithms,
// and executed), runs once for every line on stdin and answers with "WALL_MS CPU_MS" (the time of all
// threads), so that a driver can interleave it with other programs (compare.py). --runs: quantiles of N runs.
// --steps: how N runs of one program divide among the steps, by op and by layer (with the shapes of the
// result, the input and the weight).
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
  std::string model, inputs, outputs, memory = "auto";
  std::vector<std::string> graphs;
  int threads = 0, batch = 1, runs = 0, steps = 0;
  bool exact = false, edit = false;
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

// The columns that --edit rewrites in every row, as in the recorded edit of the flow.
constexpr std::pair<size_t, float> kEdits[] = {{0, -2.0f}, {5, 2.0f}};

class Bench {
 public:
  Status Open(const Options& options);
  Status Serve();
  Status Quantiles(int runs);
  Status Steps(int runs);

 private:
  // What a program of the list reads and writes; inputs from outside have memory of their own.
  struct Wiring {
    std::vector<std::vector<float>> own_inputs, outputs;
    std::vector<std::span<const float>> in;
    std::vector<std::span<float>> out;
    std::span<const float> latent;  // to be edited into:
    std::vector<float> edited;
    size_t width = 0;
  };
  void Wire(int program, bool edit);
  std::span<const float> FromEarlier(int program, const Value& value) const;
  Status ReadInputs(const std::string& path);
  Status WriteOutputs(const std::string& path);
  Result<Time> Run();

  int programs() const { return static_cast<int>(wiring_.size()); }

  std::unique_ptr<Engine> engine_;
  std::vector<Wiring> wiring_;
};

Status Bench::Open(const Options& options) {
  MIEN_ASSIGN(std::shared_ptr<const ModelFile> model, ModelFile::Open(options.model));
  EngineOptions engine;
  engine.backend = "cpu";
  engine.threads = options.threads;
  engine.batch = options.batch;
  engine.exact = options.exact;
  engine.memory = options.memory;
  for (const std::string& graph : options.graphs) {
    MIEN_ASSIGN(NetworkOptions network, NetworkNamed(graph));
    engine.programs.push_back({std::move(network)});
  }
  MIEN_ASSIGN(engine_, Engine::Create(std::make_shared<WeightStore>(model), engine));
  wiring_.resize(options.graphs.size());
  for (int i = 0; i < programs(); ++i) Wire(i, options.edit);
  if (!options.inputs.empty()) MIEN_TRY(ReadInputs(options.inputs));
  return options.outputs.empty() ? Status() : WriteOutputs(options.outputs);
}

// The latest output of that name and size before `program`; empty: there is none.
std::span<const float> Bench::FromEarlier(int program, const Value& value) const {
  for (int i = program - 1; i >= 0; --i) {
    const std::vector<NamedValue>& outputs = engine_->graph(i).outputs;
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (outputs[k].name == value.name &&
          wiring_[i].out[k].size() == static_cast<size_t>(value.shape.elements()))
        return wiring_[i].out[k];
    }
  }
  return {};
}

void Bench::Wire(int program, bool edit) {
  const Graph& graph = engine_->graph(program);
  Wiring& wiring = wiring_[program];
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.values[id];
    wiring.in.push_back(FromEarlier(program, value));
    auto& own = wiring.own_inputs.emplace_back();
    if (wiring.in.back().empty()) {
      own.resize(static_cast<size_t>(value.shape.elements()));
      for (size_t i = 0; i < own.size(); ++i)
        own[i] = static_cast<float>(i * 40503 % 65536) / 32768.0f - 1.0f;
      wiring.in.back() = own;
    } else if (edit && value.name == "latent") {
      wiring.latent = wiring.in.back();
      wiring.edited.resize(wiring.latent.size());
      wiring.width = static_cast<size_t>(value.shape[value.shape.rank - 1]);
      wiring.in.back() = wiring.edited;
    }
  }
  wiring.out.resize(graph.outputs.size());
  if (program + 1 == programs()) return;  // nobody comes after it: its outputs stay where they are
  for (size_t k = 0; k < graph.outputs.size(); ++k) {
    const Shape& shape = graph.values[graph.outputs[k].value].shape;
    wiring.out[k] = wiring.outputs.emplace_back(static_cast<size_t>(shape.elements()));
  }
}

// Every input from outside by its name, repeated for the batch.
Status Bench::ReadInputs(const std::string& path) {
  MIEN_ASSIGN(File source, File::Open(path));
  MIEN_ASSIGN(TensorFile file,
              TensorFile::Open(std::make_shared<File>(std::move(source)), TensorFile::Profile::kPlain));
  for (int program = 0; program < programs(); ++program) {
    const Graph& graph = engine_->graph(program);
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      std::vector<float>& input = wiring_[program].own_inputs[i];
      if (input.empty()) continue;
      const Value& value = graph.values[graph.inputs[i]];
      const TensorEntry* entry = file.Find(value.name);
      if (entry == nullptr || entry->shape.elements() == 0 ||
          value.shape.elements() % entry->shape.elements() != 0) {
        return Status::Error(Code::kRefused, "%s: a tensor %s for %s expected, %s found", path.c_str(),
                             value.name.c_str(), value.shape.ToString().c_str(),
                             entry == nullptr ? "none" : entry->shape.ToString().c_str());
      }
      const auto once = static_cast<size_t>(entry->shape.elements());
      MIEN_TRY(file.ReadFloats(*entry, {input.data(), once}));
      for (size_t k = once; k < input.size(); ++k) input[k] = input[k - once];
    }
  }
  return {};
}

// All outputs of one run, as PROGRAM/NAME.
Status Bench::WriteOutputs(const std::string& path) {
  MIEN_ASSIGN([[maybe_unused]] const Time time, Run());
  std::vector<TensorToWrite> tensors;
  for (int program = 0; program < programs(); ++program) {
    const Graph& graph = engine_->graph(program);
    for (size_t k = 0; k < graph.outputs.size(); ++k) {
      const std::span<float> copy = wiring_[program].out[k];
      const std::span<const float> output =
          copy.empty() ? engine_->output(program, static_cast<int>(k)) : copy;
      tensors.push_back({graph.name + "/" + graph.outputs[k].name, DType::kF32,
                         graph.values[graph.outputs[k].value].shape, std::as_bytes(output)});
    }
  }
  return WriteTensorFile(path, tensors, {}, TensorFile::Profile::kPlain);
}

Result<Time> Bench::Run() {
  const Time start = Now();
  for (int program = 0; program < programs(); ++program) {
    Wiring& wiring = wiring_[program];
    std::copy(wiring.latent.begin(), wiring.latent.end(), wiring.edited.begin());
    for (size_t row = 0; row < wiring.edited.size(); row += wiring.width) {
      for (const auto& [column, to] : kEdits) wiring.edited[row + column] = to;
    }
    MIEN_TRY(engine_->Run(program, wiring.in, wiring.out));
  }
  return Since(start);
}

Status Bench::Serve() {
  int64_t multiply_adds = 0, products = 0;
  for (int program = 0; program < programs(); ++program) {
    multiply_adds += engine_->graph(program).TotalCost().multiply_adds;
    products += engine_->program(program).executable().TotalCost().multiply_adds;
  }
  std::printf("ready %lld %lld\n", static_cast<long long>(multiply_adds), static_cast<long long>(products));
  std::fflush(stdout);
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
  std::string names;
  for (int program = 0; program < programs(); ++program) names += engine_->graph(program).name + ", ";
  std::printf("%sbatch %d, %d threads, %d runs: wall p50 %.3f p99 %.3f max %.3f ms, cpu p50 %.3f ms\n",
              names.c_str(), engine_->batch(), engine_->threads(), runs, Quantile(times, &Time::wall, 0.5),
              Quantile(times, &Time::wall, 0.99), Quantile(times, &Time::wall, 1.0),
              Quantile(times, &Time::cpu, 0.5));
  return {};
}

// Medians of the steps of each node, and their sums per op.
Status Bench::Steps(int runs) {
  const Program& program = engine_->program(0);
  const Graph& graph = program.graph();
  const std::vector<Executable::Step>& steps = program.executable().steps;
  std::vector<std::vector<Time>> times(steps.size());
  for (int run = -1; run < runs; ++run) {
    const auto& in = wiring_[0].in;
    for (size_t i = 0; i < in.size(); ++i)  // again, for later values may lie where they were
      std::copy(in[i].begin(), in[i].end(), program.input(static_cast<int>(i)).begin());
    for (size_t s = 0; s < times.size(); ++s) {
      const Time start = Now();
      MIEN_TRY(program.RunStep(s));
      if (run >= 0) times[s].push_back(Since(start));
    }
  }
  std::vector<Time> medians(graph.nodes.size());
  for (size_t s = 0; s < times.size(); ++s) {
    Time& node = medians[static_cast<size_t>(steps[s].call)];
    node.wall += Quantile(times[s], &Time::wall, 0.5);
    node.cpu += Quantile(times[s], &Time::cpu, 0.5);
  }
  struct Sum {
    int calls = 0;
    double wall = 0.0, cpu = 0.0, multiply_adds = 0.0;
  };
  std::map<std::string, Sum> ops;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const double wall = medians[n].wall, cpu = medians[n].cpu;
    const auto multiply_adds = static_cast<double>(OpCount(node.op, graph.InputShapes(node)).multiply_adds);
    std::string shapes = graph.values[node.out[0]].shape.ToString();
    shapes += " " + graph.values[node.in[0]].shape.ToString();
    const auto weight = std::find_if(node.in.begin(), node.in.end(), [&](ValueId id) {
      return id != kAbsent && graph.values[id].kind == Value::Kind::kWeight &&
             graph.values[id].shape.rank > 1;
    });
    if (weight != node.in.end()) shapes += " " + graph.values[*weight].shape.ToString();
    std::printf("%-17s %-52s %-55s wall %9.4f ms  cpu %9.4f ms  %8.1f GFLOP/s\n", OpName(node.op),
                graph.values[node.out[0]].name.c_str(), shapes.c_str(), wall, cpu,
                2e-6 * multiply_adds / wall);
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
  if (options.steps > 0 && options.graphs.size() != 1)
    return Status::Error(Code::kUsage, "--steps: expected one graph, found %zu", options.graphs.size());
  Bench bench;
  MIEN_TRY(bench.Open(options));
  if (options.steps > 0) return bench.Steps(options.steps);
  return options.runs > 0 ? bench.Quantiles(options.runs) : bench.Serve();
}

}  // namespace
}  // namespace mien

int main(int count, char** words) {
  mien::Options options;
  CLI::App app("times programs of a model");
  app.add_option("model", options.model)->required();
  app.add_option("graphs", options.graphs, "in this order")->required()->delimiter(',');
  app.add_option("--in", options.inputs, "inputs by name; default: made up");
  app.add_option("--out", options.outputs, "where the outputs of a first run go");
  app.add_flag("--edit", options.edit, "rewrite two attributes between the flow and its inverse");
  app.add_option("--threads", options.threads, "0: all processors");
  app.add_option("--batch", options.batch);
  app.add_option("--memory", options.memory, "auto, layers or bands");
  app.add_flag("--exact", options.exact);
  app.add_option("--runs", options.runs, "quantiles of so many runs");
  app.add_option("--steps", options.steps, "medians of so many runs, step by step");
  CLI11_PARSE(app, count, words);
  const mien::Status status = mien::RunBench(options);
  if (!status.ok()) std::fprintf(stderr, "program_bench: %s\n", status.message());
  return mien::ExitCode(status.code());
}
