// mien train --replay: the recorded steps of a file, taken again.
#include <algorithm>

#include "tools/train.h"
#include "tools/training_file.h"

namespace mien {
namespace {

// The base of a likelihood that is not conditional has parameters in files, too; nothing reads them, and they stay.
bool IsUnused(const NamedTensor& tensor, const FlowState& state) {
  return tensor.name.starts_with("_distribution.") && state.Find(tensor.name) == nullptr;
}

// The state that the file begins with. Its names are those of a checkpoint.
Status TakeInit(const std::string& path, const RecordedSteps& steps, FlowState* state) {
  size_t found = 0;
  for (const NamedTensor& tensor : steps.init) {
    if (IsUnused(tensor, *state)) continue;
    const FlowState::Tensor* const own = state->Find(tensor.name);
    if (own == nullptr || own->shape != tensor.shape) {
      return Status::Error(Code::kRefused, "%s: init/%s: %s expected, %s found", path.c_str(), tensor.name.c_str(),
                           own == nullptr ? "no such tensor" : own->shape.ToString().c_str(),
                           tensor.shape.ToString().c_str());
    }
    std::ranges::copy(tensor.values, state->Values(*own).begin());
    ++found;
  }
  if (found != state->tensors().size()) {
    return Status::Error(Code::kRefused, "%s: %zu tensors of a flow under init/ expected, %zu found", path.c_str(),
                         state->tensors().size(), found);
  }
  const Status masks = state->CheckMasks();
  return masks.ok() ? masks : masks.Within("%s: init", path.c_str());
}

}  // namespace

Status ReplaySteps(Session& session, const std::string& path, const std::string& out, int threads) {
  MIEN_TRY(CheckFormat(out, 2));
  MIEN_TRY(CheckFiles(session, {{"recorded steps", {path}}}, {{"results", {out}}}));
  MIEN_ASSIGN(const RecordedSteps steps, ReadRecordedSteps(path));
  MIEN_ASSIGN(const auto trainer,
              FlowTrainer::Create(steps.config, steps.attributes, steps.rules, threads, session.run.stop));
  MIEN_TRY(TakeInit(path, steps, &trainer->state()));
  trainer->KeepGradients();
  const auto count = static_cast<int64_t>(steps.steps.size());
  std::vector<NamedTensor> results = {{"loss", {count, 4}, {}}, {"grad_norm", {count}, {}}};
  for (int64_t s = 0; s < count; ++s) {
    const RecordedSteps::Step& step = steps.steps[static_cast<size_t>(s)];
    MIEN_ASSIGN(const StepLosses losses, trainer->Step({step.w_plus, step.people, step.labels}, steps.epoch));
    for (const double loss : {losses.flow, losses.identity, losses.attributes, losses.total})
      results[0].values.push_back(static_cast<float>(loss));
    results[1].values.push_back(static_cast<float>(losses.gradient_norm));
    if (s == 0) {
      const auto z = trainer->latent();
      results.push_back({"z", {steps.images, steps.config.contexts, steps.config.features}, {z.begin(), z.end()}});
      for (const auto& [name, values] : trainer->gradients())
        results.push_back({"grad/" + name, trainer->state().Find(name)->shape, values});
    }
    if (s > 0 && s + 1 < count) continue;
    const std::string after = "after" + std::to_string(s + 1) + "/";
    for (const NamedTensor& tensor : steps.init) {
      if (IsUnused(tensor, trainer->state())) results.push_back({after + tensor.name, tensor.shape, tensor.values});
    }
    for (const FlowState::Tensor& tensor : trainer->state().tensors()) {
      if (tensor.index) continue;
      const auto values = trainer->state().Values(tensor);
      results.push_back({after + tensor.name, tensor.shape, {values.begin(), values.end()}});
    }
  }
  MIEN_TRY(WriteTensors(out, results, {}));
  session.report["steps"] = count;
  session.report["output"] = out;
  session.Print("%s: %lld steps of epoch %d\n", out.c_str(), static_cast<long long>(count), steps.epoch);
  return {};
}

}  // namespace mien
