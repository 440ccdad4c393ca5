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
#include "runtime/program.h"

namespace mien {

constexpr int kMaxBatch = 64;

struct ProgramOptions {
  NetworkOptions network;
  bool trace = false;
  // cpu: for runs whose inputs differ little. The program keeps all it computed, in memory of its own, and computes
  // what depends on input that changed (by rows of w_plus); the same bits.
  bool incremental = false;
};

// Where and how an engine computes.
struct RunOptions {
  std::string backend = "auto";    // "auto", "cpu", "cuda", "cuda:N"
  std::string precision = "fp32";  // cuda: also "tf32" and "fp16", without traces
  bool exact = false;              // cpu: no algorithm that rounds more than the direct one
  // cpu: "layers"; "bands", in less memory and more time (graph/lowering/lower.h); "auto": layers, if they fit.
  std::string memory = "auto";
  int threads = 0;                          // 0: all processors this process may use
  uint64_t max_memory = 0;                  // bytes; 0: no limit
  const std::atomic<bool>* stop = nullptr;  // looked at between steps; on a device between programs
  bool device_graphs = true;                // cuda: a program is captured once and replayed; false on a cpu: kUsage
  Profile* profile = nullptr;               // told of every step; nothing is captured then
  const Executor* executor = nullptr;       // what "cuda" means; null: the kernels of this build
};

struct EngineOptions : RunOptions {
  int batch = 1;  // 1..kMaxBatch
  std::vector<ProgramOptions> programs;
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

  const BackendChoice& backend() const { return choice_; }
  const MemoryNeed& need() const { return need_; }
  int batch() const { return batch_; }
  int threads() const { return threads_; }
  ThreadPool& pool() const { return *pool_; }  // idle between runs; not of a plan
  // How the CPU's programs use memory, and why: one sentence.
  const std::string& memory_reason() const { return memory_reason_; }
  const Program& program(int i) const { return programs_[static_cast<size_t>(i)]; }
  const Graph& graph(int i) const { return program(i).graph(); }
  const MemoryPlan& plan(int i) const { return program(i).plan(); }
  const char* memory() const { return memory_; }  // "layers" or "bands"
  // Whether a program of it runs its upper layers a few rows at a time.
  bool banded() const {
    return std::any_of(programs_.begin(), programs_.end(), [](const Program& p) { return p.executable().banded(); });
  }

  // One call of program `i`. Inputs and outputs in the order of its graph, each of exactly its size; an empty
  // output is not wanted. kNumeric: an output is not finite; nothing that was written may be used then.
  Status Run(int i, std::span<const std::span<const float>> inputs,
             std::span<const std::span<float>> outputs);
  // Output k of program `i` where the last run left it, until the next.
  std::span<const float> output(int i, int k) const { return program(i).output(k); }
  ~Engine();

 private:
  Engine() = default;
  static Result<std::unique_ptr<Engine>> Draft(std::shared_ptr<WeightStore> weights,
                                               const EngineOptions& options);
  static Result<std::unique_ptr<Engine>> DraftIn(std::shared_ptr<WeightStore> weights,
                                                 const EngineOptions& options, bool bands);
  Status CheckLimit(uint64_t max_memory) const;
  void AddNeed();
  std::vector<const WeightForm*> DistinctForms() const;
  Status Take();
  Status Warm(Program& program, bool capture);
  Status CheckStop(const char* while_what) const;

  std::shared_ptr<WeightStore> store_;
  BackendChoice choice_;
  Backend backend_;
  int batch_ = 1, threads_ = 1;
  const std::atomic<bool>* stop_ = nullptr;
  const char* memory_ = "layers";
  std::string memory_reason_;
  MemoryNeed need_;
  // In the order of their making.
  std::unique_ptr<ThreadPool> pool_;
  Memory arena_, staging_;
  std::vector<Program> programs_;
  std::vector<uint64_t> arena_offsets_;  // per program
};

}  // namespace mien
