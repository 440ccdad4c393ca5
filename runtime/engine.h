// The engine: one model, one backend, a set of programs for one batch size. Create decides everything: it
// states the memory it needs, refuses what exceeds the limit, loads and packs the weights, plans one arena
// that all programs share (the largest plan). After that a run computes and nothing else: no allocation, no
// lock, no decision. The numbers of a sample depend on its input and the build alone, never on threads, batch
// size or neighbours.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/networks/networks.h"
#include "runtime/device_program.h"
#include "runtime/program.h"

namespace mien {

constexpr int kMaxBatch = 64;

// A program by the stable name of its graph, with the options of that graph; others are ignored.
struct ProgramOptions {
  std::string graph;  // one of GraphNames()
  float psi = 1.0f;   // mapping
  int psi_cutoff = -1;
  NoiseMode noise = NoiseMode::kConst;  // synthesis
  bool noise_per_sample = false;
  int resolution = 0;
  int stages = -1;  // encoder
  bool latent_avg = true;
  bool trace = false;
  // cpu: for runs whose inputs differ little. The program keeps all it computed, in memory of its own, and computes
  // what depends on input that changed (by rows of w_plus); the same bits.
  bool incremental = false;
};
const std::vector<std::string>& GraphNames();
// Whether the model has the network.
bool HasGraph(const ModelConfig& config, const std::string& graph);
Result<Graph> BuildGraph(const ModelConfig& config, const ProgramOptions& options, int batch);

struct EngineOptions {
  std::string backend = "auto";             // "auto", "cpu", "cuda", "cuda:N"
  std::string precision = "fp32";           // cuda: also "tf32" and "fp16", without traces
  bool exact = false;                       // cpu: no algorithm that rounds more than the direct one
  // cpu: "layers"; "bands", in less memory and more time (graph/schedule.h, graph/lowering/winograd.h); "auto": layers, if
  // they fit.
  std::string memory = "auto";
  int threads = 0;                          // 0: all processors this process may use
  int batch = 1;                            // 1..kMaxBatch
  uint64_t max_memory = 0;                  // bytes; 0: no limit
  const std::atomic<bool>* stop = nullptr;  // looked at between steps; on a device between programs
  std::vector<ProgramOptions> programs;

  bool device_graphs = true;           // cuda: a program is captured once and replayed; false on a cpu: kUsage
  const Executor* executor = nullptr;  // what "cuda" means; null: the kernels of this build
};

struct BackendChoice {
  std::string name;              // "cpu", "cuda:0"
  std::string reason;            // one sentence
  std::optional<Device> device;  // none: the CPU
};
// "auto": the first device where there is one, otherwise the CPU, and why.
Result<BackendChoice> ChooseBackend(const std::string& name, const Executor* executor = nullptr);

// Bytes, before anything is taken: of host memory for the CPU, of device memory for a device.
struct MemoryNeed {
  uint64_t weights = 0;  // all forms of weights the programs read
  uint64_t shared = 0;   // of these, held already for another engine of the same store
  uint64_t arena = 0;    // inputs, activations, outputs and scratch of the largest program, and of each incremental one
  uint64_t loading = 0;  // taken for a moment while weights are packed, where they do not fit the arena
  uint64_t total() const { return weights - shared + arena + loading; }
};

class Engine {
 public:
  // kUsage: options; kDevice: no such backend; kMemory: more than max_memory, or there is no more.
  static Result<std::unique_ptr<Engine>> Create(std::shared_ptr<WeightStore> weights,
                                                const EngineOptions& options);
  // What Create would make, before anything is taken: graphs, plans and need. It cannot run.
  static Result<std::unique_ptr<const Engine>> Plan(std::shared_ptr<WeightStore> weights,
                                                    const EngineOptions& options);
  static Result<MemoryNeed> Need(std::shared_ptr<WeightStore> weights, const EngineOptions& options);

  const BackendChoice& backend() const { return backend_; }
  const MemoryNeed& need() const { return need_; }
  int batch() const { return batch_; }
  int threads() const { return threads_; }
  // How the CPU's programs use memory, and why: one sentence.
  const std::string& memory_reason() const { return memory_reason_; }
  const Graph& graph(int i) const { return on_device_ ? on_device_->programs[i].graph() : programs_[i].graph(); }
  const MemoryPlan& plan(int i) const { return on_device_ ? on_device_->programs[i].plan() : programs_[i].plan(); }
  const char* memory() const { return memory_; }  // "layers" or "bands"
  // Whether a program of it runs its upper layers a few rows at a time.
  bool banded() const {
    return std::any_of(programs_.begin(), programs_.end(), [](const Program& p) { return p.schedule().banded(); });
  }
  // Null on a device.
  const Program* program(int i) const { return on_device_ ? nullptr : &programs_[i]; }
  // Null on the CPU.
  const DeviceProgram* device_program(int i) const { return on_device_ ? &on_device_->programs[i] : nullptr; }

  // One call of program `i`. Inputs and outputs in the order of its graph, each of exactly its size; an empty
  // output is not wanted. kNumeric: an output is not finite; nothing that was written may be used then.
  Status Run(int i, std::span<const std::span<const float>> inputs,
             std::span<const std::span<float>> outputs);
  // Output k of program `i` where the last run left it, until the next.
  std::span<const float> output(int i, int k) const {
    return on_device_ ? on_device_->programs[i].output(k) : programs_[i].output(k);
  }

 private:
  Engine() = default;
  static Result<std::unique_ptr<Engine>> Draft(std::shared_ptr<WeightStore> weights,
                                               const EngineOptions& options);
  static Result<std::unique_ptr<Engine>> DraftIn(std::shared_ptr<WeightStore> weights,
                                                 const EngineOptions& options, bool bands);
  Status CheckLimit(uint64_t max_memory) const;
  void NeedOfHost();
  void NeedOfDevice();
  std::vector<WeightUse> DistinctUses() const;
  Status LoadWeights();
  Status CreateOnHost();
  Status CreateOnDevice(bool device_graphs);
  Status CheckStop(const char* while_what) const;

  // What an engine has on a device, in the order of its making.
  struct OnDevice {
    ~OnDevice() { device.api().select(device.ordinal); }  // for the members, which go after this
    Device device;
    DeviceHandle stream, arena, staging;
    std::vector<DeviceProgram> programs;
  };

  std::shared_ptr<WeightStore> store_;
  BackendChoice backend_;
  int batch_ = 1, threads_ = 1;
  const std::atomic<bool>* stop_ = nullptr;
  std::vector<Program> programs_;
  std::vector<uint64_t> arena_offsets_;  // per program
  const char* memory_ = "layers";
  std::string memory_reason_;
  MemoryNeed need_;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<std::vector<WeightHandle>> handles_;  // per program
  Buffer arena_;
  std::unique_ptr<OnDevice> on_device_;  // null: the CPU
};

}  // namespace mien
