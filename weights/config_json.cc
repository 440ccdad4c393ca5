// The JSON form of a config. Writing and reading go through the same list of fields, so that they cannot
// differ: a "mapper" either puts a field into a JSON object or takes it out, noting everything that does not
// fit.
#include <charconv>
#include <cmath>
#include <new>
#include <optional>
#include <set>

#include "weights/config.h"
#include "weights/header.h"
#include "weights/json.h"
#include "weights/problems.h"

namespace mien {
namespace {

constexpr int kFormat = 1;

// The shortest decimal that reads back as this float; a fraction or an exponent shows that it is no integer.
std::string FloatToJson(float value) {
  if (!std::isfinite(value)) return "null";
  char text[64];
  const auto shortest = std::to_chars(text, text + sizeof text, value).ptr;
  double wide = 0;
  std::from_chars(text, shortest, wide);
  const double size = std::fabs(wide);
  const bool fixed = size == 0 || (size >= 1e-4 && size < 1e15);
  const auto end = std::to_chars(text, text + sizeof text, wide,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string number(text, end);
  if (number.find_first_of(".e") == std::string::npos) number += ".0";
  return number;
}

class Writer {
 public:
  std::string Text() const { return "{" + members_ + "}"; }

  void Add(const char* key, const std::string& value) {
    if (!members_.empty()) members_ += ',';
    members_ += JsonQuoted(key) + ":" + value;
  }
  void Field(const char* key, int& value) { Add(key, std::to_string(value)); }
  void Field(const char* key, bool& value) { Add(key, value ? "true" : "false"); }
  void Field(const char* key, std::vector<int>& value) {
    List(key, value, [](int item) { return std::to_string(item); });
  }
  void Field(const char* key, std::vector<std::string>& value) { List(key, value, JsonQuoted); }
  void Field(const char* key, std::vector<float>& value) { List(key, value, FloatToJson); }
  void Field(const char* key, std::optional<float>& value) { Add(key, value ? FloatToJson(*value) : "null"); }
  template <class E, size_t N>
  void Choice(const char* key, E& value, const char* const (&names)[N], bool = false) {
    Add(key, JsonQuoted(names[static_cast<size_t>(value)]));
  }
  template <class T>
  void Object(const char* key, T& value) {
    Writer inner;
    Fields(inner, value);
    Add(key, inner.Text());
  }

 private:
  template <class T, class Write>
  void List(const char* key, const std::vector<T>& value, Write write) {
    std::string list = "[";
    for (const T& item : value) {
      if (list.size() > 1) list += ',';
      list += write(item);
    }
    Add(key, list + "]");
  }

  std::string members_;
};

template <class T>
bool ReadNumber(const JsonValue& item, T* out) {
  const char* const end = item.text.data() + item.text.size();
  const auto [read, error] = std::from_chars(item.text.data(), end, *out);
  return item.kind == JsonValue::Kind::kNumber && error == std::errc() && read == end;
}

class Reader {
 public:
  Reader(const JsonValue& object, std::string path, Problems& problems)
      : object_(object), path_(std::move(path)), problems_(problems) {
    if (object.kind != JsonValue::Kind::kObject) problems_.Add("config: %s is no object", path_.c_str());
  }
  // Every key that no Field asked for is unknown.
  void Finish() {
    for (const std::string& key : object_.keys) {
      if (!known_.count(key))
        problems_.Add("config: %s.%s is unknown", path_.c_str(), Printable(key).c_str());
    }
  }

  void Field(const char* key, int& value) {
    const JsonValue* found = Find(key);
    if (found && !ReadNumber(*found, &value)) Wrong(key, "an integer");
  }
  void Field(const char* key, bool& value) {
    const JsonValue* found = Find(key);
    if (!found) return;
    if (found->kind != JsonValue::Kind::kBool) return Wrong(key, "true or false");
    value = found->text == "true";
  }
  void Field(const char* key, std::vector<int>& value) {
    List(key, value, "a list of integers", ReadNumber<int>);
  }
  void Field(const char* key, std::vector<float>& value) { List(key, value, "a list of numbers", ReadFloat); }
  void Field(const char* key, std::vector<std::string>& value) {
    List(key, value, "a list of names", [](const JsonValue& item, std::string* out) {
      *out = item.text;
      return item.kind == JsonValue::Kind::kString;
    });
  }
  void Field(const char* key, std::optional<float>& value) {
    const JsonValue* found = Find(key);
    if (!found) return;
    value.reset();
    if (found->kind == JsonValue::Kind::kNull) return;
    float number = 0;
    if (!ReadFloat(*found, &number)) return Wrong(key, "a number or null");
    value = number;
  }
  template <class E, size_t N>
  void Choice(const char* key, E& value, const char* const (&names)[N], bool may_be_absent = false) {
    const JsonValue* found = Find(key, may_be_absent);
    if (!found) return;
    for (size_t i = 0; i < N && found->kind == JsonValue::Kind::kString; ++i) {
      if (found->text == names[i]) {
        value = static_cast<E>(i);
        return;
      }
    }
    Wrong(key, names[0]);
  }
  template <class T>
  void Object(const char* key, T& value) {
    const JsonValue* found = Find(key);
    if (!found) return;
    Reader inner(*found, path_ + "." + key, problems_);
    Fields(inner, value);
    inner.Finish();
  }

 private:
  const JsonValue* Find(const char* key, bool may_be_absent = false) {
    known_.insert(key);
    const JsonValue* const found = object_.Find(key);
    if (found == nullptr && object_.kind == JsonValue::Kind::kObject && !may_be_absent) {
      problems_.Add("config: %s.%s is missing", path_.c_str(), key);
    }
    return found;
  }
  void Wrong(const char* key, const char* expected) {
    problems_.Add("config: %s.%s: %s expected", path_.c_str(), key, expected);
  }
  static bool ReadFloat(const JsonValue& item, float* out) {
    double wide = 0;
    if (!ReadNumber(item, &wide) || !(wide >= -3e38 && wide <= 3e38)) return false;
    *out = static_cast<float>(wide);
    return true;
  }
  template <class T, class Read>
  void List(const char* key, std::vector<T>& value, const char* expected, Read read) {
    const JsonValue* found = Find(key);
    if (!found) return;
    if (found->kind != JsonValue::Kind::kList || found->items.size() > 8192) return Wrong(key, expected);
    value.clear();
    for (const JsonValue& item : found->items) {
      T element{};
      if (!read(item, &element)) return Wrong(key, expected);
      value.push_back(std::move(element));
    }
  }

  const JsonValue& object_;
  std::string path_;
  Problems& problems_;
  std::set<std::string> known_;
};

constexpr const char* const kConventions[] = {"rosinality", "nvidia"};
constexpr const char* const kRoundings[] = {"unit", "shifted"};
constexpr const char* const kEncoderKinds[] = {"e4e", "psp"};

template <class Mapper>
void Fields(Mapper& m, GeneratorConfig& g) {
  m.Choice("convention", g.convention, kConventions);
  m.Field("resolution", g.resolution);
  m.Field("z_dim", g.z_dim);
  m.Field("w_dim", g.w_dim);
  m.Field("label_dim", g.label_dim);
  m.Field("mapping_layers", g.mapping_layers);
  m.Field("channels", g.channels);
  m.Field("clamp", g.clamp);
  m.Field("fp16_resolutions", g.fp16_resolutions);
  m.Field("has_latent_avg", g.has_latent_avg);
  m.Field("has_noise_maps", g.has_noise_maps);
  m.Choice("rounding", g.rounding, kRoundings);
}

template <class Mapper>
void Fields(Mapper& m, TrunkConfig& t) {
  m.Field("input_channels_out", t.input_channels_out);
  m.Field("stage_channels", t.stage_channels);
  m.Field("stage_blocks", t.stage_blocks);
  m.Field("se_reduction", t.se_reduction);
}

template <class Mapper>
void Fields(Mapper& m, EncoderConfig& e) {
  m.Choice("kind", e.kind, kEncoderKinds, /*may_be_absent=*/true);
  m.Object("trunk", e.trunk);
  m.Field("input_size", e.input_size);
  m.Field("rows", e.rows);
  m.Field("w_dim", e.w_dim);
  m.Field("head_channels", e.head_channels);
  m.Field("adds_latent_avg", e.adds_latent_avg);
}

template <class Mapper>
void Fields(Mapper& m, FlowConfig& f) {
  m.Field("features", f.features);
  m.Field("hidden", f.hidden);
  m.Field("contexts", f.contexts);
  m.Field("layers", f.layers);
  m.Field("blocks", f.blocks);
  m.Field("additive", f.additive);
  m.Field("norm_within", f.norm_within);
  m.Field("norm_between", f.norm_between);
  m.Field("attributes", f.attributes);
  m.Field("attribute_min", f.attribute_min);
  m.Field("attribute_max", f.attribute_max);
}

template <class Mapper>
void Fields(Mapper& m, AttributesConfig& a) {
  m.Field("stage_channels", a.stage_channels);
  m.Field("stage_blocks", a.stage_blocks);
  m.Field("input_size", a.input_size);
  m.Field("outputs", a.outputs);
}

template <class Mapper>
void Fields(Mapper& m, RecognizerConfig& r) {
  m.Object("trunk", r.trunk);
  m.Field("input_size", r.input_size);
  m.Field("embedding", r.embedding);
}

template <class Mapper>
void Fields(Mapper& m, FaceDetectorConfig& d) {
  m.Field("channels", d.channels);
  m.Field("boxes", d.boxes);
  m.Field("input_size", d.input_size);
}

template <class Mapper>
void Fields(Mapper& m, FaceDetectorSsdConfig& d) {
  m.Field("channels", d.channels);
  m.Field("extra_channels", d.extra_channels);
  m.Field("boxes", d.boxes);
  m.Field("classes", d.classes);
  m.Field("input_size", d.input_size);
}

template <class Mapper>
void Fields(Mapper& m, FaceLandmarksConfig& l) {
  m.Field("channels", l.channels);
  m.Field("input_size", l.input_size);
}

template <class Mapper>
void Fields(Mapper& m, FaceExpressionConfig& e) {
  m.Field("channels", e.channels);
  m.Field("input_size", e.input_size);
}

template <class Mapper>
void Fields(Mapper& m, FaceRecognizerConfig& r) {
  m.Field("channels", r.channels);
  m.Field("blocks", r.blocks);
  m.Field("input_size", r.input_size);
  m.Field("descriptor", r.descriptor);
}

template <class Mapper>
void Fields(Mapper& m, FaceAgeGenderConfig& a) {
  m.Field("channels", a.channels);
  m.Field("middle_blocks", a.middle_blocks);
  m.Field("input_size", a.input_size);
}

}  // namespace

std::string ConfigToJson(const ModelConfig& config) {
  ModelConfig copy = config;
  int format = kFormat;
  Writer root;
  root.Field("format", format);
  const auto write = [&](const char* name, auto& component) {
    if (component) root.Object(name, *component);
  };
  ForEachComponent(write, copy);
  return root.Text();
}

Result<ModelConfig> ConfigFromJson(const std::string& json) try {
  MIEN_ASSIGN(const JsonValue root, ParseJson(json, "config"));
  if (root.kind != JsonValue::Kind::kObject) return Status::Error(Code::kRefused, "config: no JSON object");
  Problems problems;
  ModelConfig config;
  const JsonValue* const format = root.Find("format");
  int number = 0;
  if (format == nullptr || !ReadNumber(*format, &number) || number != kFormat) {
    problems.Add("config: format %d expected", kFormat);
  }
  std::set<std::string> known = {"format"};
  const auto read = [&](const char* name, auto& component) {
    known.insert(name);
    const JsonValue* const found = root.Find(name);
    if (found == nullptr) return;
    component.emplace();
    Reader reader(*found, name, problems);
    Fields(reader, *component);
    reader.Finish();
  };
  ForEachComponent(read, config);
  for (const std::string& key : root.keys) {
    if (!known.count(key)) problems.Add("config: %s is unknown", Printable(key).c_str());
  }
  if (!problems.empty()) return problems.ToStatus(Code::kRefused);
  MIEN_TRY(CheckConfig(config));
  return config;
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "config: not enough memory");
}

}  // namespace mien
