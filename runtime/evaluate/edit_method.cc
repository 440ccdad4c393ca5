#include "runtime/evaluate/edit_method.h"

#include <algorithm>
#include <array>

namespace mien {
namespace {

enum Network : int { kFlow, kInverse };

class ByFlow : public EditMethod {
 public:
  ByFlow(const FlowConfig& config, ListEngine engine, int rows)
      : config_(config),
        engine_(std::move(engine)),
        numbers_(static_cast<size_t>(rows) * static_cast<size_t>(config.features)),
        latent_(static_cast<size_t>(config.contexts) * static_cast<size_t>(config.features)) {}

  const char* name() const override { return "flow"; }
  bool Edits(const std::string& attribute) const override { return Index(attribute) < config_.attributes.size(); }

  Status Take(std::span<const float> w_plus) override {
    // A flow may know more rows than the model uses; those are zero.
    std::vector<float> codes(latent_.size());
    std::ranges::copy(w_plus, codes.begin());
    return engine_.Run(kFlow, 1, std::array{std::span<const float>(codes)},
                       std::array{std::span(latent_), std::span<float>()});
  }

  double Start(const std::string& attribute) const override {
    double sum = 0;
    const size_t features = static_cast<size_t>(config_.features);
    for (size_t at = Index(attribute); at < numbers_; at += features) sum += double{latent_[at]};
    return sum / static_cast<double>(numbers_ / features);
  }

  Status Edit(std::span<const Move> moves, std::span<float> codes) override {
    std::vector<float> all;
    for (const Move& move : moves) {
      const size_t begin = all.size();
      all.insert(all.end(), latent_.begin(), latent_.end());
      for (size_t at = begin + Index(move.attribute); at < begin + numbers_;
           at += static_cast<size_t>(config_.features))
        all[at] = static_cast<float>(move.value);
    }
    MIEN_TRY(engine_.Run(kInverse, moves.size(), std::array{std::span<const float>(all)},
                         std::array{std::span(all), std::span<float>()}));
    for (size_t i = 0; i < moves.size(); ++i)
      std::copy_n(all.begin() + static_cast<ptrdiff_t>(i * latent_.size()), numbers_,
                  codes.begin() + static_cast<ptrdiff_t>(i * numbers_));
    return {};
  }

  uint64_t multiply_adds() const override { return engine_.multiply_adds(kInverse); }
  uint64_t bytes() const override { return engine_.bytes(); }

 private:
  size_t Index(const std::string& attribute) const {
    return static_cast<size_t>(std::ranges::find(config_.attributes, attribute) - config_.attributes.begin());
  }

  const FlowConfig config_;
  ListEngine engine_;
  const size_t numbers_;  // of the generator's rows
  std::vector<float> latent_;
};

class ByDirections : public EditMethod {
 public:
  explicit ByDirections(std::map<std::string, std::vector<float>> directions) : directions_(std::move(directions)) {}

  const char* name() const override { return "linear"; }
  bool Edits(const std::string& attribute) const override { return directions_.contains(attribute); }
  EditGoal Goal(const EditGoal& goal) const override {
    EditGoal own = goal;
    own.change = goal.up() ? kLinearChange : -kLinearChange;
    return own;
  }
  Status Take(std::span<const float> w_plus) override {
    codes_.assign(w_plus.begin(), w_plus.end());
    return {};
  }
  double Start(const std::string&) const override { return 0.0; }
  Status Edit(std::span<const Move> moves, std::span<float> codes) override {
    for (const Move& move : moves) {
      const std::vector<float>& direction = directions_.at(move.attribute);
      for (size_t i = 0; i < codes_.size(); ++i) codes[i] = codes_[i] + static_cast<float>(move.value) * direction[i];
      codes = codes.subspan(codes_.size());
    }
    return {};
  }
  uint64_t multiply_adds() const override { return codes_.size(); }
  uint64_t bytes() const override { return sizeof(float) * codes_.size() * directions_.size(); }

 private:
  const std::map<std::string, std::vector<float>> directions_;
  std::vector<float> codes_;
};

}  // namespace

Result<std::unique_ptr<EditMethod>> FlowMethod(const std::shared_ptr<WeightStore>& weights, const RunOptions& run,
                                               int rows, int batch) {
  const auto& config = weights->config().flow;
  if (!config) return Status::Error(Code::kUsage, "editing by flow needs the component flow, which the model lacks");
  MIEN_ASSIGN(ListEngine engine, ListEngine::Create(weights, run, {FlowOptions{}, FlowInverseOptions{}}, batch));
  return std::unique_ptr<EditMethod>(std::make_unique<ByFlow>(*config, std::move(engine), rows));
}

std::unique_ptr<EditMethod> LinearMethod(std::map<std::string, std::vector<float>> directions) {
  return std::make_unique<ByDirections>(std::move(directions));
}

}  // namespace mien
