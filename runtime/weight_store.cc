#include "runtime/weight_store.h"

#include <algorithm>
#include <set>

#include "base/checked.h"

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

Result<std::vector<WeightHandle>> WeightStore::Get(const std::vector<WeightUse>& uses,
                                                   const std::function<Status()>& check,
                                                   std::span<std::byte> workspace) {
  std::lock_guard lock(mutex_);
  for (const WeightUse& use : uses) Find(use);  // from here on entries stay where they are
  std::set<const Entry*> missing;
  uint64_t bytes = 0, loading = 0;
  for (const WeightUse& use : uses) {
    const Entry* entry = Find(use);
    if (!entry->form.expired() || !missing.insert(entry).second) continue;
    bytes += use.bytes();
    loading = std::max(loading, use.loading_bytes());
  }
  Buffer own;
  if (loading > workspace.size()) {
    MIEN_ASSIGN(own, Buffer::Uninitialised(loading, "weights being packed"));
    workspace = {own.data(), own.bytes()};
  }
  MIEN_ASSIGN(Buffer memory, Buffer::Uninitialised(bytes, "weights"));
  const auto block = std::make_shared<const Buffer>(std::move(memory));
  std::byte* place = block->data();
  std::vector<WeightHandle> handles;
  for (const WeightUse& use : uses) {
    Entry* entry = Find(use);
    WeightHandle form = entry->form.lock();
    if (form == nullptr) {
      MIEN_TRY(check());
      MIEN_TRY(Make(use, workspace.data(), reinterpret_cast<float*>(place)));
      form = {block, reinterpret_cast<const float*>(place)};
      entry->form = form;
      place += use.bytes();
    }
    handles.push_back(std::move(form));
  }
  return handles;
}

Status WeightStore::Make(const WeightUse& use, std::byte* workspace, float* form) const {
  if (IsPlain(use))
    return read_(use.tensors[0], {form, static_cast<size_t>(use.shapes[0].elements())});
  std::vector<View<const float>> views(use.tensors.size());
  for (size_t i = 0; i < use.tensors.size(); ++i) {
    views[i].shape = use.shapes[i];
    if (use.tensors[i].empty()) continue;
    const auto elements = static_cast<size_t>(use.shapes[i].elements());
    float* const loaded = reinterpret_cast<float*>(workspace);
    MIEN_TRY(read_(use.tensors[i], {loaded, elements}));
    views[i].data = loaded;
    workspace += *CheckedAlignUp(sizeof(float) * elements, 64);
  }
  OpPack(use.op, views, form);
  return {};
}

}  // namespace mien
