// Times every model-tagged case of every op on the CPU:
//   op_bench [--threads N] [--repeat N] [part of a name]
// Prints milliseconds, the direct algorithm's GFLOP/s and GB/s per call. With one thread the clock is that of the
// thread, so that a busy machine disturbs less; of several runs the fastest counts.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "kernels/all_cases.h"

namespace mien {
namespace {

struct Options {
  int threads = 1, repeat = 5;
  std::string part;
};

double Seconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Aligned floats as the arena gives them.
Result<Buffer> Floats(int64_t count) {
  return Buffer::Create(static_cast<uint64_t>(count) * sizeof(float), "benchmark");
}

template <class Op>
Status RunCase(const OpCase<Op>& c, const Options& options, ThreadPool* threads) {
  Shape out_shapes[Op::kOutputs];
  MIEN_TRY(Op::Infer(c.params, c.in, out_shapes));
  std::vector<Buffer> buffers;
  std::vector<View<const float>> in;
  std::vector<View<float>> out;
  for (size_t i = 0; i < c.in.size(); ++i) {
    MIEN_ASSIGN(Buffer buffer, Floats(c.in[i].elements()));
    FillValues(c.fill[i], c.seed, static_cast<int>(i),
               {buffer.as<float>(), static_cast<size_t>(c.in[i].elements())});
    in.push_back({c.in[i].present() ? buffer.as<float>() : nullptr, c.in[i]});
    buffers.push_back(std::move(buffer));
  }
  for (const Shape& shape : out_shapes) {
    MIEN_ASSIGN(Buffer buffer, Floats(shape.elements()));
    out.push_back({buffer.as<float>(), shape});
    buffers.push_back(std::move(buffer));
  }
  MIEN_ASSIGN(const Buffer packed, Floats(Op::PackedFloats(c.params, c.in)));
  MIEN_ASSIGN(const Buffer scratch, Floats(Op::ScratchFloats(c.params, c.in, options.threads)));
  Op::Pack(c.params, in, packed.as<float>());

  const CpuCall call = {in, out, packed.as<float>(), scratch.as<float>(), threads};
  const clockid_t clock = options.threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  double best = 1e30;
  for (int run = 0; run < options.repeat; ++run) {
    const double start = Seconds(clock);
    Op::Cpu(c.params, call);
    best = std::min(best, Seconds(clock) - start);
  }
  const Cost cost = Op::Count(c.params, c.in);
  std::printf("%-16s %-20s %9.3f ms %8.1f GFLOP/s %8.1f GB/s  scratch %7.2f MiB\n", Op::kName, c.name,
              best * 1e3, 2e-9 * static_cast<double>(cost.multiply_adds) / best,
              1e-9 * static_cast<double>(cost.bytes) / best,
              static_cast<double>(scratch.bytes()) / (1 << 20));
  return {};
}

template <class Op>
Status RunOp(const Options& options, ThreadPool* threads) {
  for (const auto& c : CasesOf<Op>()) {
    const std::string name = std::string(Op::kName) + " " + c.name;
    if (c.tag != Tag::kModel || name.find(options.part) == std::string::npos) continue;
    const Status status = RunCase(c, options, threads);
    if (!status.ok()) return status.Within("%s", name.c_str());
  }
  return {};
}

Status RunAll(const Options& options) {
  MIEN_ASSIGN(const auto threads, ThreadPool::Create(options.threads));
#define MIEN_OP(name, folder) MIEN_TRY(RunOp<name>(options, threads.get()));
#include "kernels/ops.def"
#undef MIEN_OP
  return {};
}

}  // namespace
}  // namespace mien

int main(int argc, char** argv) {
  mien::Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
      options.threads = std::max(1, std::atoi(argv[++i]));
    } else if (std::strcmp(argv[i], "--repeat") == 0 && i + 1 < argc) {
      options.repeat = std::max(1, std::atoi(argv[++i]));
    } else {
      options.part = argv[i];
    }
  }
  const mien::Status status = mien::RunAll(options);
  if (!status.ok()) std::fprintf(stderr, "op_bench: %s\n", status.message());
  return status.ok() ? 0 : 1;
}
