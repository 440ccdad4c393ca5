// mien bench: how long each program takes, from inputs in host memory to outputs in host memory, and on a device how long
// each of its steps takes beside the copy speed that the same device reaches.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "runtime/engine.h"
#include "runtime/interrupt.h"
#include "tools/verbs.h"

namespace mien {
namespace {

struct BenchOptions {
  std::string graph, format = "md";
  int batch = 1, repeat = 30;
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
      nlohmann::json one;
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
    for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i * 40503 % 65536) / 32768.0f - 1.0f;
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

// Median milliseconds between two events around what `enqueue` puts into the stream.
template <class Enqueue>
Result<double> TimeOnDevice(const DeviceApi& api, void* stream, const Enqueue& enqueue) {
  constexpr int kRuns = 9;
  void *first = nullptr, *second = nullptr;
  MIEN_TRY(DeviceStatus(api, api.create_event(&first), "creating an event"));
  const DeviceHandle own_first(first, {api.destroy_event});
  MIEN_TRY(DeviceStatus(api, api.create_event(&second), "creating an event"));
  const DeviceHandle own_second(second, {api.destroy_event});
  std::vector<double> times;
  for (int run = 0; run < kRuns; ++run) {
    float milliseconds = 0.0f;
    MIEN_TRY(DeviceStatus(api, api.record(first, stream), "recording an event"));
    MIEN_TRY(enqueue());
    MIEN_TRY(DeviceStatus(api, api.record(second, stream), "recording an event"));
    MIEN_TRY(DeviceStatus(api, api.synchronize(stream), "timing"));
    MIEN_TRY(DeviceStatus(api, api.elapsed(&milliseconds, first, second), "timing"));
    times.push_back(milliseconds);
  }
  return Quantile(times, 0.5);
}

// GB/s of y = a + b on vectors that no cache holds: the ceiling of everything that moves bytes.
Result<double> CopySpeed(const Device& device, void* stream) {
  const DeviceApi& api = device.api();
  const Shape shape = {1, int64_t{1} << 26};
  const uint64_t bytes = sizeof(float) * static_cast<uint64_t>(shape.elements());
  MIEN_ASSIGN(const DeviceHandle memory, AllocateOnDevice(api, 3 * bytes, "vectors for the copy speed"));
  auto* const start = static_cast<std::byte*>(memory.get());
  const std::array<void*, 2> in = {start, start + bytes};
  const std::array<void*, 1> out = {start + 2 * bytes};
  const FastOp add = PlainOp{OpCall<Add>{}, {shape, shape}, {shape}};
  const auto enqueue = [&] { return device.executor->run(add, in, out, nullptr, {&api, stream}); };
  MIEN_ASSIGN(const double milliseconds, TimeOnDevice(api, stream, enqueue));
  return 3e-6 * static_cast<double>(bytes) / milliseconds;
}

Status AddSteps(const Device& device, void* stream, double copy_speed, const DeviceProgram& program, Table* table) {
  const auto& nodes = program.device_graph().nodes;
  for (size_t n = 0; n < nodes.size(); ++n) {
    MIEN_TRY(CheckInterrupt());
    MIEN_ASSIGN(const double milliseconds,
                TimeOnDevice(device.api(), stream, [&] { return program.Enqueue(n); }));
    const FastCost cost = FastCount(nodes[n].op);
    const double speed = 1e-6 * static_cast<double>(cost.bytes) / milliseconds;
    table->rows.push_back({program.graph().name, nodes[n].layer, FastName(nodes[n].op), std::to_string(cost.launches),
                           Number(1e3 * milliseconds, "%.1f"), Number(speed, "%.0f"),
                           Number(100.0 * speed / copy_speed, "%.0f"),
                           Number(2e-9 * static_cast<double>(cost.multiply_adds) / milliseconds, "%.2f")});
  }
  return {};
}

EngineOptions OptionsFor(const Session& session, const BenchOptions& options, const std::string& graph) {
  EngineOptions engine;
  engine.backend = session.backend;
  engine.precision = session.precision;
  engine.exact = session.exact;
  engine.threads = session.threads;
  engine.max_memory = session.max_memory;
  engine.batch = options.batch;
  engine.stop = &InterruptFlag();
  engine.programs = {{.graph = graph}};
  return engine;
}

Status BenchProgram(const Session& session, const BenchOptions& options, const std::string& graph,
                    const std::shared_ptr<WeightStore>& store, double* copy_speed, Table* programs, Table* steps) {
  EngineOptions wanted = OptionsFor(session, options, graph);
  MIEN_ASSIGN(const auto engine, Engine::Create(store, wanted));
  MIEN_ASSIGN(const std::vector<double> times, TimeRuns(*engine, options.repeat));
  const DeviceProgram* const program = engine->device_program(0);
  std::string launches = "-", eager = "-";
  if (program != nullptr) {
    wanted.device_graphs = false;
    MIEN_ASSIGN(const auto uncaptured, Engine::Create(store, wanted));
    MIEN_ASSIGN(const std::vector<double> eager_times, TimeRuns(*uncaptured, options.repeat));
    launches = std::to_string(program->device_graph().TotalCost().launches);
    eager = Number(Quantile(eager_times, 0.5));
    const Device& device = *engine->backend().device;
    void* const stream = program->stream().handle;
    if (*copy_speed == 0.0) {
      MIEN_ASSIGN(*copy_speed, CopySpeed(device, stream));
    }
    MIEN_TRY(AddSteps(device, stream, *copy_speed, *program, steps));
  }
  programs->rows.push_back({graph, session.precision, std::to_string(options.batch), Number(Quantile(times, 0.5)),
                            Number(Quantile(times, 0.99)), Number(Quantile(times, 0.999)), eager, launches,
                            Number(static_cast<double>(engine->plan(0).arena_bytes) / (1 << 20), "%.1f")});
  return {};
}

bool HasNetwork(const ModelConfig& config, const std::string& graph) {
  if (graph == "mapping" || graph == "synthesis") return config.generator.has_value();
  if (graph == "encoder") return config.encoder.has_value();
  if (graph == "attributes") return config.attributes.has_value();
  return graph == "recognizer" ? config.recognizer.has_value() : config.flow.has_value();
}

Status RunBench(Session& session, const BenchOptions& options) {
  MIEN_ASSIGN(const BackendChoice backend, ChooseBackend(session.backend));
  MIEN_ASSIGN(const auto model, OpenModel(session));
  const auto store = std::make_shared<WeightStore>(model);
  Table programs = {{"program", "precision", "batch", "p50 ms", "p99 ms", "p99.9 ms", "eager p50 ms", "launches",
                     "arena MiB"}, {}};
  Table steps = {{"program", "layer", "op", "launches", "us", "GB/s", "% of copy", "TFLOP/s"}, {}};
  double copy_speed = 0.0;
  for (const std::string& graph : GraphNames()) {
    if (options.graph.empty() ? !HasNetwork(model->config(), graph) : graph != options.graph) continue;
    MIEN_TRY(BenchProgram(session, options, graph, store, &copy_speed, &programs, &steps));
  }
  session.report["backend"] = backend.name;
  session.report["repeat"] = options.repeat;
  session.report["programs"] = programs.Json();
  if (backend.device) {
    session.report["copy_gb_per_s"] = copy_speed;
    session.report["steps"] = steps.Json();
  }
  if (options.format == "json") {
    session.json = true;
    return {};
  }
  session.Note("backend %s: %s; %d runs each, host to host", backend.name.c_str(), backend.reason.c_str(),
               options.repeat);
  programs.Print(session, options.format);
  if (!backend.device) return {};
  session.Note("the device copies %.0f GB/s; bytes and operations are those of the model, times are measured",
               copy_speed);
  steps.Print(session, options.format);
  return {};
}

}  // namespace

void AddBench(CLI::App& app, Session& session) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* verb = app.add_subcommand("bench", "how long each network of a model takes on this machine");
  verb->add_option("--graph", options->graph, "one network (default: all the model has)")
      ->check(CLI::IsMember(GraphNames()));
  verb->add_option("--batch", options->batch, "samples per run")->check(CLI::Range(1, kMaxBatch))->capture_default_str();
  verb->add_option("--repeat", options->repeat, "timed runs")->check(CLI::Range(1, 100000))->capture_default_str();
  verb->add_option("-o,--output", options->format, "md, csv or json")
      ->check(CLI::IsMember({"md", "csv", "json"}))
      ->capture_default_str();
  verb->callback([&session, options] { session.status = RunBench(session, *options); });
}

}  // namespace mien
