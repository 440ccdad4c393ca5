// mien bench: how long each program takes, from inputs in host memory to outputs in host memory. On a device
// also what it can do at the most, and how long each step takes beside that.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "base/interrupt.h"
#include "runtime/check/rival_times.h"
#include "runtime/engine.h"
#include "tools/numbers.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct BenchOptions {
  std::string graph, format = "md";
  int batch = 1, repeat = 30;
  bool rivals = false;
};

// Rows of equal length under named columns, in one of three forms.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  void Print(const Session& session, const std::string& format) const {
    const auto line = [&](const std::vector<std::string>& cells) {
      std::string text = format == "md" ? "|" : "";
      for (size_t i = 0; i < cells.size(); ++i)
        text += format == "md" ? " " + cells[i] + " |" : (i == 0 ? "" : ",") + cells[i];
      session.Print("%s\n", text.c_str());
    };
    line(columns);
    if (format == "md") line(std::vector<std::string>(columns.size(), "---"));
    for (const auto& row : rows) line(row);
    session.Print("\n");
  }
  nlohmann::json Json() const {
    nlohmann::json all = nlohmann::json::array();
    for (const auto& row : rows) {
      nlohmann::json one = nlohmann::json::object();
      for (size_t i = 0; i < row.size(); ++i) one[columns[i]] = row[i];
      all.push_back(std::move(one));
    }
    return all;
  }
};

std::string Number(double value, const char* format = "%.3f") {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// The smallest time that at least `share` of the runs did not exceed.
double Quantile(std::vector<double> times, double share) {
  std::sort(times.begin(), times.end());
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(times.size())));
  return times[std::max<size_t>(rank, 1) - 1];
}

// Milliseconds of `repeat` runs of program 0, after one that does not count.
Result<std::vector<double>> TimeRuns(Engine& engine, int repeat) {
  const Graph& graph = engine.graph(0);
  std::vector<std::vector<float>> inputs, outputs;
  const auto elements = [&](ValueId id) {
    return static_cast<size_t>(graph.values[static_cast<size_t>(id)].shape.elements());
  };
  for (const ValueId id : graph.inputs) {
    auto& input = inputs.emplace_back(elements(id));
    for (size_t i = 0; i < input.size(); ++i)
      input[i] = static_cast<float>(i * 40503 % 65536) / 32768.0f - 1.0f;
  }
  for (const NamedValue& output : graph.outputs) outputs.emplace_back(elements(output.value));
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

// What a device is asked once, and the tables that grow with each program.
struct Report {
  Ceilings ceilings;
  std::optional<Rivals> rivals;
  Table programs = {{"program", "precision", "batch", "p50 ms", "p99 ms", "p99.9 ms", "eager p50 ms",
                     "launches", "bound ms", "% of bound", "arena MiB"},
                    {}};
  Table steps = {{"program", "layer", "op", "launches", "us", "GB/s", "TFLOP/s", "bound by", "% of bound"},
                 {}};
};

// Returns the milliseconds that all steps cannot be faster than.
Result<double> AddSteps(const Device& device, const Program& program, Report* report) {
  MIEN_ASSIGN(const std::vector<StepTime> times, TimeSteps(device, program, report->ceilings));
  std::vector<RivalTime> rivals;
  if (report->rivals) {
    MIEN_ASSIGN(rivals, TimeRivals(device, program, *report->rivals));
  }
  double bound = 0.0;
  for (size_t n = 0; n < times.size(); ++n) {
    const StepTime& step = times[n];
    bound += step.bound.milliseconds;
    auto& row = report->steps.rows.emplace_back();
    row = {program.graph().name,
           step.layer,
           step.op,
           std::to_string(step.cost.launches),
           Number(1e3 * step.milliseconds, "%.1f"),
           Number(1e-6 * static_cast<double>(step.cost.bytes) / step.milliseconds, "%.1f"),
           Number(2e-9 * static_cast<double>(step.cost.multiply_adds) / step.milliseconds, "%.2f"),
           step.bound.by,
           Number(100.0 * step.bound.milliseconds / step.milliseconds, "%.0f")};
    if (rivals.empty()) continue;
    const RivalTime& rival = rivals[n];
    const bool there = !rival.rival.empty();
    row.push_back(there ? rival.rival : "-");
    row.push_back(there ? Number(1e3 * rival.milliseconds, "%.1f") : "-");
    row.push_back(there ? Number(rival.milliseconds / step.milliseconds, "%.2f") : "-");
  }
  return bound;
}

Status BenchProgram(const Session& session, const BenchOptions& options, const NetworkOptions& network,
                    const std::shared_ptr<WeightStore>& store, Report* report) {
  EngineOptions wanted = {session.run, 1, {}};
  wanted.batch = options.batch;
  wanted.programs = {{network}};
  MIEN_ASSIGN(const auto engine, Engine::Create(store, wanted));
  MIEN_ASSIGN(const std::vector<double> times, TimeRuns(*engine, options.repeat));
  const Program& program = engine->program(0);
  const std::optional<Device>& device = engine->backend().device;
  const double median = Quantile(times, 0.5);
  std::string launches = "-", eager = "-", bound = "-", share = "-";
  if (device) {
    wanted.device_graphs = false;
    MIEN_ASSIGN(const auto uncaptured, Engine::Create(store, wanted));
    MIEN_ASSIGN(const std::vector<double> eager_times, TimeRuns(*uncaptured, options.repeat));
    launches = std::to_string(program.executable().TotalCost().launches);
    eager = Number(Quantile(eager_times, 0.5));
    MIEN_ASSIGN(const double steps_bound, AddSteps(*device, program, report));
    bound = Number(steps_bound);
    share = Number(100.0 * steps_bound / median, "%.0f");
  }
  report->programs.rows.push_back(
      {NameOf(network), session.run.precision, std::to_string(options.batch), Number(median),
       Number(Quantile(times, 0.99)),
       Number(Quantile(times, 0.999)), eager, launches, bound, share,
       Number(static_cast<double>(engine->plan(0).arena_bytes) / (1 << 20), "%.1f")});
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
  for (const char* column : {"rival", "rival us", "x rival"}) report->steps.columns.push_back(column);
  return {};
}

Status RunBench(Session& session, const BenchOptions& options) {
  MIEN_ASSIGN(const BackendChoice backend, ChooseBackend(session.run.backend));
  if (options.rivals && !backend.device)
    return Status::Error(Code::kUsage, "--rivals: there are rivals on a device only");
  MIEN_ASSIGN(const auto model, OpenModel(session));
  const auto store = std::make_shared<WeightStore>(model);
  MentionCpuOptions(session, backend);
  session.Note("backend %s: %s; %d runs each, host to host", backend.name.c_str(), backend.reason.c_str(),
               options.repeat);
  DeviceHandle stream;  // of the rivals, which go before it
  Report report;
  if (backend.device) {
    MIEN_ASSIGN(stream, CreateStream(backend.device->api()));
    MIEN_TRY(AskDevice(session, *backend.device, stream.get(), options, &report));
  }
  std::vector<NetworkOptions> networks = NetworksOf(model->config());
  if (!options.graph.empty()) {
    MIEN_ASSIGN(const NetworkOptions one, NetworkNamed(options.graph));
    networks = {one};
  }
  for (const NetworkOptions& network : networks) MIEN_TRY(BenchProgram(session, options, network, store, &report));
  session.report["backend"] = backend.name;
  session.report["repeat"] = options.repeat;
  session.report["programs"] = report.programs.Json();
  if (backend.device) session.report["steps"] = report.steps.Json();
  if (options.format == "json") {
    session.json = true;
    return {};
  }
  report.programs.Print(session, options.format);
  if (backend.device) report.steps.Print(session, options.format);
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
