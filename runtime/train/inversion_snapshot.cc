#include "runtime/train/inversion_snapshot.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "weights/writer.h"

namespace mien {
namespace {

constexpr char kSettingsKey[] = "mien.inversion.settings", kStepsKey[] = "mien.inversion.steps";
constexpr int64_t kMostSteps = 1000000000;

Status ReadInto(const TensorFile& file, const Inversion::NumbersOfState& part) {
  const TensorEntry* const entry = file.Find(part.name);
  if (entry == nullptr || entry->shape != part.shape || entry->type != DType::kF32) {
    return Status::Error(Code::kRefused, "a tensor %s %s of F32 expected, found %s", part.name.c_str(),
                         part.shape.ToString().c_str(), entry == nullptr ? "none" : entry->shape.ToString().c_str());
  }
  MIEN_TRY(file.Read(*entry, std::as_writable_bytes(part.values)));
  if (std::ranges::all_of(part.values, [](float value) { return std::isfinite(value); })) return {};
  return Status::Error(Code::kRefused, "tensor %s: numbers that are not finite", part.name.c_str());
}

}  // namespace

Status WriteInversion(const std::string& path, Inversion* inversion, const std::string& settings) {
  std::vector<TensorToWrite> tensors;
  const std::vector<Inversion::NumbersOfState> state = inversion->State();
  for (const Inversion::NumbersOfState& part : state)
    tensors.push_back({part.name, DType::kF32, part.shape, std::as_bytes(part.values)});
  return WriteTensorFile(path, tensors, {{kSettingsKey, settings}, {kStepsKey, std::to_string(inversion->steps())}},
                         TensorFile::Profile::kPlain);
}

Status ReadInversion(const std::string& path, const std::string& settings, Inversion* inversion) {
  MIEN_ASSIGN(File source, File::Open(path));
  auto file = TensorFile::Open(std::make_shared<File>(std::move(source)), TensorFile::Profile::kPlain);
  if (!file.ok()) return file.status().Within("%s", path.c_str());
  const auto text = [&](const char* key) {
    const auto found = file->metadata().find(key);
    return found == file->metadata().end() ? std::string() : found->second;
  };
  if (text(kSettingsKey) != settings) {
    return Status::Error(Code::kUsage, "%s: a snapshot of this inversion expected (%s), one of another found (%s)",
                         path.c_str(), settings.c_str(), text(kSettingsKey).c_str());
  }
  int64_t steps = -1;
  const std::string number = text(kStepsKey);
  std::from_chars(number.data(), number.data() + number.size(), steps);
  if (steps < 0 || steps > kMostSteps) {
    return Status::Error(Code::kRefused, "%s: how many steps were taken expected, %zu characters found", path.c_str(),
                         number.size());
  }
  for (const Inversion::NumbersOfState& part : inversion->State()) {
    if (const Status read = ReadInto(*file, part); !read.ok()) return read.Within("%s", path.c_str());
  }
  inversion->set_steps(steps);
  return {};
}

}  // namespace mien
