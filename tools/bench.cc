// mien bench: how long each program takes, from inputs in host memory to outputs in host memory; by layers also what
// the processor or device can do at the most, and how long each step takes beside that.
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/interrupt.h"
#include "kernels/cpu/simd.h"
#include "runtime/check/cpu_times.h"
#include "runtime/check/rival_times.h"
#include "runtime/engine.h"
#include "tools/bench_report.h"
#include "tools/numbers.h"
#include "tools/verbs.h"
#include "tools/version.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct BenchOptions {
  std::string graph, format = "md", sort = "order", compare;
  std::optional<std::string> step;
  int batch = 1, repeat = 30;
  bool layers = false, rivals = false;
};

std::vector<std::vector<float>> InputsOf(const Graph& graph) {
  std::vector<std::vector<float>> inputs;
  for (const ValueId id : graph.inputs) {
    auto& input = inputs.emplace_back(static_cast<size_t>(graph.values[static_cast<size_t>(id)].shape.elements()));
    for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i * 40503 % 65536) / 32768.0f - 1.0f;
  }
  return inputs;
}

// Milliseconds of `repeat` runs of program 0, after one that does not count.
Result<std::vector<double>> TimeRuns(Engine& engine, int repeat) {
  const Graph& graph = engine.graph(0);
  const std::vector<std::vector<float>> inputs = InputsOf(graph);
  std::vector<std::vector<float>> outputs;
  for (const NamedValue& output : graph.outputs)
    outputs.emplace_back(static_cast<size_t>(graph.values[static_cast<size_t>(output.value)].shape.elements()));
  const std::vector<std::span<const float>> in(inputs.begin(), inputs.end());
  const std::vector<std::span<float>> out(outputs.begin(), outputs.end());
  std::vector<double> times;
  for (int run = -1; run < repeat; ++run) {
    MIEN_TRY(CheckInterrupt());
    const auto start = std::chrono::steady_clock::now();
    MIEN_TRY(engine.Run(0, in, out));
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    if (run >= 0) times.push_back(time.count());
  }
  return times;
}

// What is measured once, and the tables that grow with each program.
struct Report {
  Ceilings ceilings;
  std::optional<Rivals> rivals;
  BenchTable programs{{{"program"},
                       {"precision"},
                       {"batch"},
                       {"ms", 3},
                       {"p10 ms", 3},
                       {"p90 ms", 3},
                       {"p99 ms", 3},
                       {"p99.9 ms", 3},
                       {"eager ms", 3},
                       {"launches"},
                       {"bound ms", 3},
                       {"% of bound"},
                       {"arena MiB", 1}}};
  BenchTable steps{{{"program"},
                    {"layer"},
                    {"op"},
                    {"runs"},
                    {"us", 1},
                    {"p10 us", 1},
                    {"p90 us", 1},
                    {"million products", 1},
                    {"MB", 2},
                    {"GB/s", 1},
                    {"GFLOP/s", 1},
                    {"bound by"},
                    {"% of bound"}}};
};

Result<std::vector<StepTime>> TimeLayers(const BenchOptions& options, const Engine& engine, const Report& report) {
  const Program& program = engine.program(0);
  if (const auto& device = engine.backend().device) return TimeSteps(*device, program, options.step, report.ceilings);
  return TimeCalls(program, InputsOf(engine.graph(0)), options.repeat, options.step, report.ceilings, engine.threads());
}

// Returns the milliseconds that all steps cannot be faster than.
Result<double> AddSteps(const BenchOptions& options, const Engine& engine, Report* report) {
  const Program& program = engine.program(0);
  MIEN_ASSIGN(const std::vector<StepTime> times, TimeLayers(options, engine, *report));
  std::vector<RivalTime> rivals;
  if (report->rivals) {
    MIEN_ASSIGN(rivals, TimeRivals(*engine.backend().device, program, *report->rivals));
  }
  double bound = 0.0;
  for (const StepTime& step : times) {
    bound += step.bound.milliseconds;
    const double took = step.milliseconds.median, bytes = static_cast<double>(step.cost.bytes),
                 products = static_cast<double>(step.cost.multiply_adds);
    nlohmann::json::array_t row = {program.graph().name, step.layer, step.op, step.cost.launches};
    AppendSpread(row, step.milliseconds, 1e3);
    for (const double number : {1e-6 * products, 1e-6 * bytes, 1e-6 * bytes / took, 2e-6 * products / took})
      row.push_back(number);
    row.push_back(step.bound.milliseconds > 0.0 ? nlohmann::json(step.bound.by) : nlohmann::json());
    row.push_back(100.0 * step.bound.milliseconds / took);
    if (!rivals.empty()) {
      const RivalTime& rival = rivals[static_cast<size_t>(step.call)];
      const bool there = !rival.rival.empty();
      row.push_back(there ? nlohmann::json(rival.rival) : nlohmann::json());
      row.push_back(there ? nlohmann::json(1e3 * rival.milliseconds) : nlohmann::json());
      row.push_back(there ? nlohmann::json(rival.milliseconds / took) : nlohmann::json());
    }
    report->steps.AddRow(std::move(row));
  }
  return bound;
}

Status BenchProgram(const Session& session, const BenchOptions& options, const NetworkOptions& network,
                    const std::shared_ptr<WeightStore>& store, Report* report) {
  EngineOptions wanted = {session.run, 1, {}};
  wanted.batch = options.batch;
  wanted.programs = {{network}};
  MIEN_ASSIGN(const auto engine, Engine::Create(store, wanted));
  MIEN_ASSIGN(const std::vector<double> times, TimeRuns(*engine, options.step ? 1 : options.repeat));
  nlohmann::json eager, launches, bound, share;
  if (engine->backend().device && !options.step) {
    wanted.device_graphs = false;
    MIEN_ASSIGN(const auto uncaptured, Engine::Create(store, wanted));
    MIEN_ASSIGN(const std::vector<double> eager_times, TimeRuns(*uncaptured, options.repeat));
    launches = engine->program(0).executable().TotalCost().launches;
    eager = Quantile(eager_times, 0.5);
  }
  if (options.layers) {
    MIEN_ASSIGN(const double steps_bound, AddSteps(options, *engine, report));
    bound = steps_bound;
    share = 100.0 * steps_bound / Quantile(times, 0.5);
  }
  if (options.step) return {};
  nlohmann::json::array_t row = {NameOf(network), session.run.precision, options.batch};
  AppendSpread(row, SpreadOf(times), 1.0);
  for (const double quantile : {0.99, 0.999}) row.push_back(Quantile(times, quantile));
  for (const nlohmann::json& cell : {eager, launches, bound, share}) row.push_back(cell);
  row.push_back(static_cast<double>(engine->plan(0).arena_bytes) / (1 << 20));
  report->programs.AddRow(std::move(row));
  return {};
}

Status AskDevice(Session& session, const Device& device, void* stream, const BenchOptions& options,
                 Report* report) {
  MIEN_ASSIGN(report->ceilings, MeasureCeilings(device, stream));
  const Ceilings& c = report->ceilings;
  const auto tera = [&](Precision unit) { return 2e-12 * c.multiply_adds[static_cast<size_t>(unit)]; };
  const double fp32 = tera(Precision::kFloat), tf32 = tera(Precision::kTf32), fp16 = tera(Precision::kHalf);
  session.report["ceilings"] = {{"memory_gb_per_s", 1e-9 * c.memory},
                                {"cache_gb_per_s", 1e-9 * c.cache},
                                {"fp32_tflop_per_s", fp32},
                                {"tf32_tflop_per_s", tf32},
                                {"fp16_tflop_per_s", fp16}};
  session.Note(
      "%s at the most, measured: memory %.1f GB/s, cache %.1f GB/s, fmaf %.2f TFLOP/s, mma.sync %.2f in "
      "tf32, %.2f "
      "in fp16; bytes and operations of the steps are those of the model",
      device.info.name, 1e-9 * c.memory, 1e-9 * c.cache, fp32, tf32, fp16);
  if (!options.rivals) return {};
  report->rivals = OpenRivals(stream);
  for (const std::string& line : report->rivals->lines) session.Note("rival %s", line.c_str());
  session.report["rivals"] = report->rivals->lines;
  report->steps.AddColumns({{"rival"}, {"rival us", 1}, {"x rival", 2}});
  return {};
}

Status AskCpu(Session& session, Report* report) {
  MIEN_ASSIGN(const auto pool, ThreadPool::Create(session.run.threads > 0 ? session.run.threads : DefaultThreads()));
  MIEN_ASSIGN(report->ceilings, MeasureCpuCeilings(*pool));
  const Ceilings& c = report->ceilings;
  const double fp32 = 2e-9 * c.multiply_adds[0];
  session.report["ceilings"] = {
      {"memory_gb_per_s", 1e-9 * c.memory}, {"cache_gb_per_s", 1e-9 * c.cache}, {"fp32_gflop_per_s", fp32}};
  session.Note(
      "this processor at the most, measured on %d threads: reading memory %.1f GB/s, the last cache %.1f GB/s, "
      "multiply-adds %.0f GFLOP/s; what the cores' own caches hold is bound by its products alone",
      pool->threads(), 1e-9 * c.memory, 1e-9 * c.cache, fp32);
  return {};
}

// What the numbers depend on, beside the numbers.
void DescribeRun(Session& session, const BenchOptions& options, const BackendChoice& backend) {
  const CpuCaches caches = CachesOfThisCpu();
  session.report["machine"] = {{"device", backend.device ? backend.device->info.name : "cpu"},
                               {"processor", ProcessorName()},
                               {"vectors", SimdTarget()},
                               {"processors", DefaultThreads()},
                               {"own_cache_bytes", caches.own},
                               {"last_cache_bytes", caches.last}};
  session.report["build"] = {{"version", kThisProgram.version},
                             {"commit", kThisProgram.commit},
                             {"compiler", kThisProgram.compiler},
                             {"cuda", CudaBuild()}};
  session.report["options"] = {{"model", session.model},         {"precision", session.run.precision},
                               {"exact", session.run.exact},     {"memory", session.run.memory},
                               {"threads", session.run.threads}, {"graphs", session.run.device_graphs},
                               {"batch", options.batch},         {"repeat", options.repeat}};
  session.report["backend"] = backend.name;
}

void PrintTables(Session& session, const BenchOptions& options, const std::optional<nlohmann::json>& old,
                 Report& report) {
  if (options.sort == "time") report.steps.SortBy("us");
  session.report["programs"] = report.programs.Json();
  if (options.layers) session.report["steps"] = report.steps.Json();
  const BenchTable compared = CompareReports(old ? *old : nlohmann::json::object(), session.report);
  if (old) session.report["compared"] = compared.Json();
  session.json = session.json || options.format == "json";
  for (const BenchTable* table : {&std::as_const(report.programs), &std::as_const(report.steps), &compared}) {
    if (!table->empty()) session.Print("%s\n", table->Text(options.format == "md").c_str());
  }
}

Status RunBench(Session& session, BenchOptions options) {
  MIEN_ASSIGN(const BackendChoice backend, ChooseBackend(session.run.backend));
  if (options.rivals && !backend.device)
    return Status::Error(Code::kUsage, "--rivals: there are rivals on a device only");
  if (options.step && options.graph.empty())
    return Status::Error(Code::kUsage, "--step names a layer of one network: --graph is needed too");
  options.layers = options.layers || options.rivals || options.step;
  std::optional<nlohmann::json> old;
  if (!options.compare.empty()) {
    MIEN_ASSIGN(old, ReadBenchReport(options.compare));
  }
  MIEN_ASSIGN(const auto model, OpenModel(session));
  const auto store = std::make_shared<WeightStore>(model);
  MentionCpuOptions(session, backend);
  session.Note("backend %s: %s; %d runs each, host to host", backend.name.c_str(), backend.reason.c_str(),
               options.repeat);
  DeviceHandle stream;  // of the rivals, which go before it
  Report report;
  if (options.layers && backend.device) {
    MIEN_ASSIGN(stream, CreateStream(backend.device->api()));
    MIEN_TRY(AskDevice(session, *backend.device, stream.get(), options, &report));
  } else if (options.layers) {
    MIEN_TRY(AskCpu(session, &report));
  }
  std::vector<NetworkOptions> networks = NetworksOf(model->config());
  if (!options.graph.empty()) {
    MIEN_ASSIGN(const NetworkOptions one, NetworkNamed(options.graph));
    networks = {one};
  }
  for (const NetworkOptions& network : networks) MIEN_TRY(BenchProgram(session, options, network, store, &report));
  DescribeRun(session, options, backend);
  PrintTables(session, options, old, report);
  return {};
}

}  // namespace

void AddBench(CLI::App& app, Session& session) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* verb = app.add_subcommand("bench", "how long each network of a model takes on this machine");
  verb->add_option("--graph", options->graph, "one network (default: all the model has)")
      ->check(CLI::IsMember(GraphNames()));
  verb->add_option("--batch", options->batch, "samples per run")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, kMaxBatch))
      ->capture_default_str();
  verb->add_option("--repeat", options->repeat, "timed runs")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  verb->add_flag("--layers", options->layers,
                 "also each step: its time, products and bytes, and the peak of this machine that bounds it");
  verb->add_option("--step", options->step, "that layer of --graph alone, again and again, for profilers")
      ->type_name("LAYER");
  verb->add_option("--sort", options->sort, "steps in order, or the slowest first (time)")
      ->check(CLI::IsMember({"order", "time"}))
      ->capture_default_str();
  verb->add_option("--compare", options->compare,
                   "an earlier report (-o json): ratios, and what differs by more than the noise")
      ->type_name("FILE");
  verb->add_flag("--rivals", options->rivals,
                 "on a device: time cuBLAS and cuDNN, where they are installed, on the same shapes");
  verb->add_option("-o,--output", options->format, "md, csv or json")
      ->check(CLI::IsMember({"md", "csv", "json"}))
      ->capture_default_str();
  verb->callback([&app, &session, options] {
    MentionUnused(session, app, {"--seed"}, "nothing here is random");
    session.status = RunBench(session, *options);
  });
}

}  // namespace mien
