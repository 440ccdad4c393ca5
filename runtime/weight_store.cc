#include "runtime/weight_store.h"

#include <algorithm>
#include <set>

#include "base/buffer.h"
#include "base/checked.h"

namespace mien {

WeightStore::Entry* WeightStore::Find(const Backend& backend, const WeightForm& form) {
  auto& candidates = entries_[form.tensor_names()];
  for (Entry& entry : candidates) {
    if (entry.place == backend.place && entry.ordinal == backend.ordinal && entry.form == form) return &entry;
  }
  candidates.push_back({backend.place, backend.ordinal, form, {}});
  return &candidates.back();
}

bool WeightStore::Holds(const Backend& backend, const WeightForm& form) {
  std::lock_guard lock(mutex_);
  return !Find(backend, form)->held.expired();
}

Result<std::vector<WeightHandle>> WeightStore::Get(const Backend& backend, const std::vector<WeightForm>& forms,
                                                   const std::function<Status()>& check,
                                                   std::span<std::byte> workspace) {
  std::lock_guard lock(mutex_);
  for (const WeightForm& form : forms) Find(backend, form);  // from here on entries stay where they are
  std::set<const Entry*> missing;
  uint64_t bytes = 0, loading = 0, largest = 0;
  for (const WeightForm& form : forms) {
    const Entry* entry = Find(backend, form);
    if (!entry->held.expired() || !missing.insert(entry).second) continue;
    bytes += *CheckedAlignUp(form.bytes, backend.alignment);
    loading = std::max(loading, form.loading_bytes());
    largest = std::max(largest, form.bytes);
  }
  Buffer own;
  if (loading > workspace.size()) {
    MIEN_ASSIGN(own, Buffer::Uninitialised(loading, "weights being packed"));
    workspace = {own.data(), own.bytes()};
  }
  void* const state = backend.state.get();
  Memory block, staging;
  if (bytes > 0) {
    MIEN_ASSIGN(block, backend.allocate(state, bytes, false, "weights"));
  }
  if (bytes > 0 && backend.upload != nullptr) {
    MIEN_ASSIGN(staging, backend.allocate_staging(state, largest, "pinned memory of weights"));
  }
  auto* place = static_cast<std::byte*>(block.get());
  std::vector<WeightHandle> handles;
  for (const WeightForm& form : forms) {
    Entry* entry = Find(backend, form);
    WeightHandle held = entry->held.lock();
    if (held == nullptr) {
      MIEN_TRY(check());
      MIEN_TRY(Make(form, workspace.data(), staging != nullptr ? static_cast<std::byte*>(staging.get()) : place));
      if (staging != nullptr) {
        MIEN_TRY(backend.upload(state, place, staging.get(), form.bytes, "uploading weights"));
        MIEN_TRY(backend.synchronize(state, "uploading weights"));
      }
      held = {block, place};
      entry->held = held;
      place += *CheckedAlignUp(form.bytes, backend.alignment);
    }
    handles.push_back(std::move(held));
  }
  return handles;
}

Status WeightStore::Make(const WeightForm& form, std::byte* workspace, std::byte* made) const {
  if (form.plain()) return read_(form.tensors[0], {reinterpret_cast<float*>(made), form.bytes / sizeof(float)});
  std::vector<View<const float>> views(form.tensors.size());
  for (size_t i = 0; i < views.size(); ++i) {
    views[i].shape = form.shapes[i];
    if (form.tensors[i].empty()) continue;
    const auto elements = static_cast<size_t>(form.shapes[i].elements());
    float* const loaded = reinterpret_cast<float*>(workspace);
    MIEN_TRY(read_(form.tensors[i], {loaded, elements}));
    views[i].data = loaded;
    workspace += *CheckedAlignUp(sizeof(float) * elements, kHostAlignment);
  }
  form.Pack(views, made);
  return {};
}

}  // namespace mien
