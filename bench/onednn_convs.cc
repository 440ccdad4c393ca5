// The plain sum of oneDNN's convolutions of a network, each in the layout it likes best: what no engine on
// oneDNN can be faster than. Everything else (filters, noise, activations, norms, reorders, toRGB) costs it
// nothing.
//   onednn_convs synthesis256|synthesis1024|encoder [--steps N]
// It says "ready oneDNN VERSION MULTIPLY_ADDS", runs once for every line on stdin and answers with "WALL_MS
// CPU_MS" (the time of all threads; OMP_NUM_THREADS says how many), as program_bench does. --steps: instead,
// the median wall time of N runs of each convolution, "INPUTS OUTPUTS SIDE RESULT_SIDE KERNEL WALL_MS".
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dnnl.hpp>
#include <string>
#include <vector>

namespace {

using dnnl::memory;

struct Conv {
  int64_t inputs, outputs, side;  // of the input
  int64_t kernel = 3, stride = 1;
  int64_t padding = 1;
  bool transposed = false;

  int64_t OutSide() const {
    return transposed ? (side - 1) * stride + kernel : (side + 2 * padding - kernel) / stride + 1;
  }
  int64_t MultiplyAdds() const {
    const int64_t at = transposed ? side : OutSide();
    return at * at * inputs * outputs * kernel * kernel;
  }
};

std::vector<Conv> Synthesis(int64_t resolution) {
  const auto channels = [](int64_t side) { return std::min<int64_t>(512, 32768 / side); };
  std::vector<Conv> convs = {{channels(4), channels(4), 4}};
  for (int64_t side = 8; side <= resolution; side *= 2) {
    convs.push_back({channels(side / 2), channels(side), side / 2, 3, 2, 0, true});
    convs.push_back({channels(side), channels(side), side});
  }
  return convs;
}

std::vector<Conv> Encoder() {
  std::vector<Conv> convs = {{3, 64, 256}};
  int64_t inputs = 64, side = 256;
  const int64_t depths[] = {64, 128, 256, 512}, blocks[] = {3, 4, 14, 3};
  for (int stage = 0; stage < 4; ++stage) {
    for (int64_t block = 0; block < blocks[stage]; ++block) {
      const int64_t stride = block == 0 ? 2 : 1, depth = depths[stage];
      convs.push_back({inputs, depth, side});
      convs.push_back({depth, depth, side, 3, stride});
      if (inputs != depth) convs.push_back({inputs, depth, side, 1, stride, 0});
      inputs = depth;
      side /= stride;
    }
  }
  convs.push_back({256, 512, 32, 1, 1, 0});
  convs.push_back({128, 512, 64, 1, 1, 0});
  for (int head = 0; head < 18; ++head) {
    int64_t at = head < 3 ? 16 : head < 7 ? 32 : 64;
    for (; at > 2; at /= 2) convs.push_back({512, 512, at, 3, 2});
    convs.push_back({512, 512, 2, 2, 1, 0});  // the other taps see padding
  }
  return convs;
}

class Sum {
 public:
  explicit Sum(const std::vector<Conv>& convs) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    for (const Conv& conv : convs) Add(conv);
    source_.assign((most_source_ + 3) / 4, 0.5f);
    result_.assign((most_result_ + 3) / 4, 0.5f);
    for (Step& step : steps_) {
      step.arguments[DNNL_ARG_SRC].set_data_handle(source_.data());
      step.arguments[DNNL_ARG_DST].set_data_handle(result_.data());
    }
  }

  void Run() {
    for (const Step& step : steps_) step.primitive.execute(stream_, step.arguments);
    stream_.wait();
  }
  void RunOne(size_t i) {
    steps_[i].primitive.execute(stream_, steps_[i].arguments);
    stream_.wait();
  }

 private:
  struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> arguments;
  };

  void Add(const Conv& conv) {
    const auto any = [](memory::dims dims) {
      return memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
    };
    const memory::dims stride = {conv.stride, conv.stride}, padding = {conv.padding, conv.padding};
    const memory::desc source = any({1, conv.inputs, conv.side, conv.side}),
                       weights = any({conv.outputs, conv.inputs, conv.kernel, conv.kernel}),
                       result = any({1, conv.outputs, conv.OutSide(), conv.OutSide()});
    const auto kind = dnnl::prop_kind::forward_inference;
    if (conv.transposed) {
      Add<dnnl::deconvolution_forward>(
          {{kind, dnnl::algorithm::deconvolution_direct, source, weights, result, stride, padding, padding},
           engine_});
    } else {
      Add<dnnl::convolution_forward>(
          {{kind, dnnl::algorithm::convolution_direct, source, weights, result, stride, padding, padding},
           engine_});
    }
  }

  template <class Primitive>
  void Add(const typename Primitive::primitive_desc& description) {
    most_source_ = std::max(most_source_, description.src_desc().get_size());
    most_result_ = std::max(most_result_, description.dst_desc().get_size());
    memory weights(description.weights_desc(), engine_);
    auto* const values = static_cast<float*>(weights.get_data_handle());
    std::fill(values, values + description.weights_desc().get_size() / sizeof(float), 0.01f);
    steps_.push_back({Primitive(description),
                      {{DNNL_ARG_SRC, memory(description.src_desc(), engine_, nullptr)},
                       {DNNL_ARG_WEIGHTS, weights},
                       {DNNL_ARG_DST, memory(description.dst_desc(), engine_, nullptr)}}});
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<Step> steps_;
  size_t most_source_ = 0, most_result_ = 0;
  std::vector<float> source_, result_;
};

double Milliseconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

// Run by run, so that a convolution finds the caches as its predecessor leaves them.
void PrintSteps(const std::vector<Conv>& convs, int runs, Sum* sum) {
  std::vector<std::vector<double>> times(convs.size());
  for (int run = 0; run < runs; ++run) {
    for (size_t i = 0; i < convs.size(); ++i) {
      const double start = Milliseconds(CLOCK_MONOTONIC);
      sum->RunOne(i);
      times[i].push_back(Milliseconds(CLOCK_MONOTONIC) - start);
    }
  }
  for (size_t i = 0; i < convs.size(); ++i) {
    const Conv& conv = convs[i];
    std::nth_element(times[i].begin(), times[i].begin() + runs / 2, times[i].end());
    std::printf("%d %d %d %d %d %.4f\n", static_cast<int>(conv.inputs), static_cast<int>(conv.outputs),
                static_cast<int>(conv.side),
                static_cast<int>(conv.transposed ? conv.side * conv.stride : conv.OutSide()),
                static_cast<int>(conv.kernel), times[i][static_cast<size_t>(runs / 2)]);
  }
}

}  // namespace

int main(int count, char** words) {
  const std::string network = count == 2 || count == 4 ? words[1] : "";
  const int steps = count == 4 && std::strcmp(words[2], "--steps") == 0 ? std::atoi(words[3]) : 0;
  std::vector<Conv> convs;
  if (network == "synthesis256") convs = Synthesis(256);
  if (network == "synthesis1024") convs = Synthesis(1024);
  if (network == "encoder") convs = Encoder();
  if (convs.empty() || (count == 4 && steps < 1)) {
    std::fprintf(stderr, "usage: onednn_convs synthesis256|synthesis1024|encoder [--steps N]\n");
    return 2;
  }
  try {
    Sum sum(convs);
    sum.Run();
    if (steps > 0) {
      PrintSteps(convs, steps, &sum);
      return 0;
    }
    int64_t multiply_adds = 0;
    for (const Conv& conv : convs) multiply_adds += conv.MultiplyAdds();
    const dnnl_version_t* version = dnnl_version();
    std::printf("ready oneDNN %d.%d.%d %lld\n", version->major, version->minor, version->patch,
                static_cast<long long>(multiply_adds));
    std::fflush(stdout);
    for (int c = std::getchar(); c != EOF; c = std::getchar()) {
      if (c != '\n') continue;
      const double wall = Milliseconds(CLOCK_MONOTONIC), cpu = Milliseconds(CLOCK_PROCESS_CPUTIME_ID);
      sum.Run();
      std::printf("%.3f %.3f\n", Milliseconds(CLOCK_MONOTONIC) - wall,
                  Milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
      std::fflush(stdout);
    }
  } catch (const dnnl::error& error) {
    std::fprintf(stderr, "onednn_convs: %s\n", error.what());
    return 1;
  }
  return 0;
}
