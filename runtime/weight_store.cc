#include "runtime/weight_store.h"

#include <algorithm>

#include "runtime/base/checked.h"

namespace mien {
namespace {

bool IsPlain(const WeightUse& use) { return std::holds_alternative<std::monostate>(use.op); }

const std::string& FirstTensor(const WeightUse& use) {
  return *std::find_if(use.tensors.begin(), use.tensors.end(),
                       [](const std::string& name) { return !name.empty(); });
}

}  // namespace

// Shapes passed Infer: at most kMaxElements elements, so these products cannot overflow 64 bits.
uint64_t WeightUse::bytes() const {
  const int64_t floats = IsPlain(*this) ? shapes[0].elements() : OpPackedFloats(op, shapes);
  return *CheckedAlignUp(sizeof(float) * static_cast<uint64_t>(floats), 64);
}

uint64_t WeightUse::loading_bytes() const {
  uint64_t total = 0;
  for (size_t i = 0; i < tensors.size() && !IsPlain(*this); ++i) {
    if (!tensors[i].empty())
      total += *CheckedAlignUp(sizeof(float) * static_cast<uint64_t>(shapes[i].elements()), 64);
  }
  return total;
}

WeightUse PlainUse(const std::string& tensor, const Shape& shape) {
  WeightUse use;
  use.tensors = {tensor};
  use.shapes = {Shape{shape.elements()}};  // two views of one tensor are one form
  return use;
}

WeightStore::Entry* WeightStore::Find(const WeightUse& use) {
  auto& candidates = entries_[FirstTensor(use)];
  for (Entry& entry : candidates) {
    if (entry.use == use) return &entry;
  }
  candidates.push_back({use, {}});
  return &candidates.back();
}

bool WeightStore::Holds(const WeightUse& use) {
  std::lock_guard lock(mutex_);
  return !Find(use)->form.expired();
}

Result<WeightHandle> WeightStore::Get(const WeightUse& use) {
  std::lock_guard lock(mutex_);
  Entry* entry = Find(use);
  if (WeightHandle form = entry->form.lock()) return form;
  MIEN_ASSIGN(WeightHandle form, Make(use));
  entry->form = form;
  return form;
}

Result<WeightHandle> WeightStore::Make(const WeightUse& use) const {
  MIEN_ASSIGN(Buffer form, Buffer::Create(use.bytes(), "weights"));
  if (IsPlain(use)) {
    MIEN_TRY(model_->ReadFloats(use.tensors[0],
                                {form.as<float>(), static_cast<size_t>(use.shapes[0].elements())}));
    return WeightHandle(std::make_shared<const Buffer>(std::move(form)));
  }
  std::vector<Buffer> loaded(use.tensors.size());
  std::vector<View<const float>> views(use.tensors.size());
  for (size_t i = 0; i < use.tensors.size(); ++i) {
    views[i].shape = use.shapes[i];
    if (use.tensors[i].empty()) continue;
    const auto elements = static_cast<size_t>(use.shapes[i].elements());
    MIEN_ASSIGN(loaded[i], Buffer::Create(sizeof(float) * elements, "weights being packed"));
    MIEN_TRY(model_->ReadFloats(use.tensors[i], {loaded[i].as<float>(), elements}));
    views[i].data = loaded[i].as<float>();
  }
  OpPack(use.op, views, form.as<float>());
  return WeightHandle(std::make_shared<const Buffer>(std::move(form)));
}

}  // namespace mien
