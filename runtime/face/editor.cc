#include "runtime/face/editor.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace mien {
namespace {

constexpr float kLargestValue =
    1000.0f;  // far outside of any training range; keeps the flow's numbers finite

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// The unit that an attribute has besides the normalised one; null: none.
const char* NaturalUnit(const std::string& attribute) {
  if (attribute == "yaw" || attribute == "pitch" || attribute == "roll") return "deg";
  if (attribute == "age") return "y";
  return nullptr;
}

bool HasRange(const FlowConfig& flow, size_t attribute) {
  return attribute < flow.attribute_min.size() && attribute < flow.attribute_max.size() &&
         flow.attribute_max[attribute] > flow.attribute_min[attribute];
}

Result<float> Normalised(const FlowConfig& flow, int attribute, Edit::Mode mode, float value) {
  const auto index = static_cast<size_t>(attribute);
  if (!HasRange(flow, index)) {
    return Status::Error(Code::kUsage, "%s: the model states no range, so only normalised values can be used",
                         flow.attributes[index].c_str());
  }
  const float low = flow.attribute_min[index], range = flow.attribute_max[index] - low;
  return mode == Edit::Mode::kSet ? 2.0f * (value - low) / range - 1.0f : 2.0f * value / range;
}

// What the edits of one attribute come to.
struct Total {
  float value = 0.0f;
  bool set = false, plain = false, natural = false;  // plain, natural: how its parts were given
};

Total TotalOf(const std::vector<Edit>& edits, int attribute) {
  Total total;
  for (const Edit& edit : edits) {
    if (edit.attribute != attribute) continue;
    if (edit.mode == Edit::Mode::kSet) total = {.set = true};
    total.value += edit.value;
    (edit.natural ? total.natural : total.plain) = true;
  }
  return total;
}

std::string Number(const char* format, float value) {
  char text[32];
  std::snprintf(text, sizeof text, format, static_cast<double>(value));
  return text;
}

FarValue Describe(const FlowConfig& flow, int attribute, const Total& total) {
  const auto index = static_cast<size_t>(attribute);
  const std::string& name = flow.attributes[index];
  const char* const unit = NaturalUnit(name);
  const std::string begin = name + (total.set ? "=" : "");  // "age=60", and "age+60" where it is added
  const char* const format = total.set ? "%g" : "%+g";
  if (total.natural && !total.plain) {
    const float low = flow.attribute_min[index], high = flow.attribute_max[index];
    const float value = 0.5f * (high - low) * (total.value + (total.set ? 1.0f : 0.0f)) + (total.set ? low : 0.0f);
    return {begin + Number(format, value) + unit + " is far outside of the training range (" + Number("%g", low) +
                unit + " to " + Number("%g", high) + unit + ")",
            "", ""};
  }
  FarValue far = {begin + Number(format, total.value) + " is " + Number("%g", std::fabs(total.value)) +
                      " times the training range (-1 to 1)",
                  "", ""};
  if (!total.natural && unit != nullptr && HasRange(flow, index)) {
    far.meant = Number("%g", total.value) + (*unit == 'y' ? " years" : " degrees");
    far.written = name + "=" + Number("%g", total.value) + unit;
  }
  return far;
}

Status CheckRows(const FlowConfig& flow, const std::vector<bool>& rows, size_t numbers) {
  const size_t sample = rows.size() * static_cast<size_t>(flow.features);
  if (sample > 0 && numbers % sample == 0) return {};
  return Status::Error(Code::kUsage, "%zu numbers, a multiple of %zu rows of %d expected", numbers,
                       rows.size(), flow.features);
}

}  // namespace

Result<Edit> MakeEdit(const FlowConfig& flow, const std::string& attribute, Edit::Mode mode, float value,
                      bool natural) {
  const auto found = std::find(flow.attributes.begin(), flow.attributes.end(), attribute);
  if (found == flow.attributes.end()) {
    return Status::Error(Code::kUsage, "attribute %s: one of %s expected", attribute.c_str(),
                         Joined(flow.attributes).c_str());
  }
  Edit edit = {static_cast<int>(found - flow.attributes.begin()), mode, value, natural};
  if (natural && NaturalUnit(attribute) == nullptr) {
    return Status::Error(Code::kUsage, "attribute %s has no natural unit", attribute.c_str());
  }
  if (natural) {
    MIEN_ASSIGN(edit.value, Normalised(flow, edit.attribute, mode, value));
  }
  if (!(std::fabs(edit.value) <= kLargestValue)) {
    return Status::Error(Code::kUsage, "attribute %s: a number between -%g and %g expected",
                         attribute.c_str(), kLargestValue, kLargestValue);
  }
  return edit;
}

Result<Edit> ParseEdit(const FlowConfig& flow, const std::string& text, Edit::Mode mode) {
  const size_t equals = text.find('=');
  const std::string attribute = text.substr(0, equals);
  float value = 0.0f;
  const char* first = text.data() + (equals == std::string::npos ? text.size() : equals + 1);
  const char* last = text.data() + text.size();
  if (first + 1 < last && *first == '+' && first[1] != '-') ++first;
  const auto [end, error] = std::from_chars(first, last, value);
  const std::string unit(end, last);
  const char* natural = NaturalUnit(attribute);
  if (equals == std::string::npos || error != std::errc() ||
      (!unit.empty() && (natural == nullptr || unit != natural))) {
    return Status::Error(Code::kUsage, "edit %s: ATTRIBUTE=VALUE expected%s%s; attributes are %s",
                         text.c_str(), natural ? ", the value plain or with " : "", natural ? natural : "",
                         Joined(flow.attributes).c_str());
  }
  return MakeEdit(flow, attribute, mode, value, !unit.empty());
}

std::string AttributesInWords(const FlowConfig& flow) {
  std::string words;
  for (size_t i = 0; i < flow.attributes.size(); ++i) {
    words += (i == 0 ? "" : ", ") + flow.attributes[i];
    const char* const unit = NaturalUnit(flow.attributes[i]);
    if (unit == nullptr) continue;
    char range[64];
    std::snprintf(range, sizeof range, " (%.0f to %.0f %s)", static_cast<double>(flow.attribute_min[i]),
                  static_cast<double>(flow.attribute_max[i]), unit);
    words += range;
  }
  return words;
}

std::string EditText(const std::string& attribute, float value, bool natural) {
  char digits[32];
  *std::to_chars(digits, digits + sizeof digits - 1, value).ptr = '\0';
  const char* const unit = natural ? NaturalUnit(attribute) : nullptr;
  return attribute + "=" + digits + (unit == nullptr ? "" : unit);
}

std::vector<FarValue> FarValues(const FlowConfig& flow, std::span<const std::vector<Edit>> edits) {
  std::vector<FarValue> far;
  for (int attribute = 0; attribute < static_cast<int>(flow.attributes.size()); ++attribute) {
    Total farthest;
    for (const std::vector<Edit>& one : edits) {
      const Total total = TotalOf(one, attribute);
      if (std::fabs(total.value) > std::fabs(farthest.value)) farthest = total;
    }
    if (std::fabs(farthest.value) > kFarValue) far.push_back(Describe(flow, attribute, farthest));
  }
  return far;
}

Result<std::vector<bool>> ParseRows(const std::string& text, int rows) {
  if (text.empty()) return std::vector<bool>(rows, true);
  std::vector<bool> chosen(rows, false);
  const char* at = text.data();
  const char* last = at + text.size();
  const Status wrong = Status::Error(
      Code::kUsage, "rows %s: numbers from 0 to %d such as 4-7 or 0-2,8 expected", text.c_str(), rows - 1);
  while (true) {
    int low = 0;
    auto parsed = std::from_chars(at, last, low);
    if (parsed.ec != std::errc()) return wrong;
    int high = low;
    if (parsed.ptr != last && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, last, high);
      if (parsed.ec != std::errc()) return wrong;
    }
    if (low < 0 || high < low || high >= rows) return wrong;
    std::fill(chosen.begin() + low, chosen.begin() + high + 1, true);
    if (parsed.ptr == last) return chosen;
    if (*parsed.ptr != ',') return wrong;
    at = parsed.ptr + 1;
  }
}

Status ApplyEdits(const FlowConfig& flow, const std::vector<Edit>& edits, const std::vector<bool>& rows,
                  std::span<float> latent) {
  MIEN_TRY(CheckRows(flow, rows, latent.size()));
  const size_t features = static_cast<size_t>(flow.features);
  for (const Edit& edit : edits) {
    if (edit.attribute < 0 || edit.attribute >= static_cast<int>(flow.attributes.size())) {
      return Status::Error(Code::kUsage, "attribute %d, one of the model's %zu expected", edit.attribute,
                           flow.attributes.size());
    }
    for (size_t row = 0; row < latent.size() / features; ++row) {
      if (!rows[row % rows.size()]) continue;
      float& coordinate = latent[row * features + static_cast<size_t>(edit.attribute)];
      coordinate = edit.mode == Edit::Mode::kSet ? edit.value : coordinate + edit.value;
    }
  }
  return {};
}

Status TakeIdentity(const FlowConfig& flow, std::span<const float> person, std::span<float> latent) {
  const size_t features = static_cast<size_t>(flow.features), attributes = flow.attributes.size();
  if (person.size() != latent.size() || latent.size() % features != 0) {
    return Status::Error(Code::kUsage, "latents of %zu and %zu numbers, as many of both and rows of %zu expected",
                         person.size(), latent.size(), features);
  }
  for (size_t row = 0; row < latent.size(); row += features)
    std::ranges::copy(person.subspan(row + attributes, features - attributes),
                      latent.begin() + static_cast<ptrdiff_t>(row + attributes));
  return {};
}

Status Blend(const FlowConfig& flow, const std::vector<bool>& rows, float strength, std::span<const float> original,
             std::span<float> edited) {
  MIEN_TRY(CheckRows(flow, rows, edited.size()));
  if (!(strength >= 0.0f && strength <= 1.0f))
    return Status::Error(Code::kUsage, "strength %g, 0 to 1 expected", static_cast<double>(strength));
  if (original.size() != edited.size()) {
    return Status::Error(Code::kUsage, "w_plus of %zu numbers, %zu expected", original.size(), edited.size());
  }
  const size_t features = static_cast<size_t>(flow.features);
  for (size_t i = 0; i < edited.size(); ++i) {
    if (!rows[i / features % rows.size()]) {
      edited[i] = original[i];
    } else if (strength < 1.0f) {
      edited[i] = original[i] + strength * (edited[i] - original[i]);
    }
  }
  return {};
}

}  // namespace mien
