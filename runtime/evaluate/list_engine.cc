#include "runtime/evaluate/list_engine.h"

namespace mien {

Result<ListEngine> ListEngine::Create(const std::shared_ptr<WeightStore>& weights, const RunOptions& run,
                                      const std::vector<NetworkOptions>& networks, int batch) {
  ListEngine list;
  list.batch_ = batch;
  EngineOptions options = {run, 1, {}};
  for (const NetworkOptions& network : networks) options.programs.push_back({network});
  MIEN_ASSIGN(list.one_, Engine::Create(weights, options));
  if (batch > 1) {
    static_cast<RunOptions&>(options) = list.Beside(run);
    options.batch = batch;
    MIEN_ASSIGN(list.many_, Engine::Create(weights, options));
  }
  return list;
}

Status ListEngine::Run(int network, size_t count, std::span<const std::span<const float>> inputs,
                       std::span<const std::span<float>> outputs) {
  std::vector<std::span<const float>> in(inputs.size());
  std::vector<std::span<float>> out(outputs.size());
  for (size_t done = 0, step = 0; done < count; done += step) {
    const bool whole = many_ != nullptr && count - done >= static_cast<size_t>(batch_);
    step = whole ? static_cast<size_t>(batch_) : 1;
    const auto part = [&](auto all) { return all.subspan(all.size() / count * done, all.size() / count * step); };
    for (size_t i = 0; i < in.size(); ++i) in[i] = part(inputs[i]);
    for (size_t i = 0; i < out.size(); ++i) out[i] = part(outputs[i]);
    MIEN_TRY((whole ? many_ : one_)->Run(network, in, out));
  }
  return {};
}

uint64_t ListEngine::multiply_adds(int network) const {
  return static_cast<uint64_t>(one_->graph(network).TotalCost().multiply_adds);
}

uint64_t ListEngine::bytes() const { return one_->need().total() + (many_ == nullptr ? 0 : many_->need().total()); }

RunOptions ListEngine::Beside(const RunOptions& run) const {
  RunOptions rest = run;
  for (const Engine* const engine : {one_.get(), many_.get()}) {
    if (engine != nullptr && rest.max_memory > 0) rest.max_memory -= engine->need().total() - engine->need().loading;
  }
  return rest;
}

}  // namespace mien
