#include "weights/quantization.h"

#include <charconv>
#include <cmath>

#include "weights/header.h"
#include "weights/json.h"

namespace mien {
namespace {

std::string DoubleToJson(double value) {
  char text[64];
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

bool ReadDouble(const JsonValue& item, double* out) {
  const char* const end = item.text.data() + item.text.size();
  const auto [read, error] = std::from_chars(item.text.data(), end, *out);
  return item.kind == JsonValue::Kind::kNumber && error == std::errc() && read == end;
}

}  // namespace

bool Quantization::IsFinite() const { return std::isfinite(Value(0)) && std::isfinite(Value(255)); }

std::string QuantizationsToJson(const Quantizations& quantizations) {
  std::string json = "{";
  for (const auto& [name, quantization] : quantizations) {
    if (json.size() > 1) json += ',';
    json += JsonQuoted(name);
    json += ":[" + DoubleToJson(quantization.scale) + "," + DoubleToJson(quantization.minimum) + "]";
  }
  json += '}';
  return json;
}

Result<Quantizations> QuantizationsFromJson(const std::string& json) {
  MIEN_ASSIGN(const JsonValue root, ParseJson(json, "quantization"));
  if (root.kind != JsonValue::Kind::kObject) return Status::Error(Code::kRefused, "quantization: no JSON object");
  Quantizations quantizations;
  for (size_t i = 0; i < root.keys.size(); ++i) {
    const JsonValue& pair = root.items[i];
    Quantization quantization;
    const bool fine = pair.kind == JsonValue::Kind::kList && pair.items.size() == 2 &&
                      ReadDouble(pair.items[0], &quantization.scale) &&
                      ReadDouble(pair.items[1], &quantization.minimum) && quantization.IsFinite();
    if (!fine) {
      return Status::Error(Code::kRefused, "quantization: %s: scale and minimum expected, two numbers that give floats",
                           Printable(root.keys[i]).c_str());
    }
    quantizations.emplace(root.keys[i], quantization);
  }
  return quantizations;
}

}  // namespace mien
