// The JSON form of a config. Writing and reading go through the same list of fields, so that they cannot
// differ: a "mapper" either puts a field into a JSON object or takes it out, noting everything that does not
// fit.
#include <charconv>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <set>

#include "weights/config.h"
#include "weights/header.h"
#include "weights/problems.h"

namespace mien {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr int kMaxDepth = 4;

// The shortest decimal that reads back as this float, as a double, so that files show 52.3 and
// not 52.2999992370605.
double ShortDouble(float value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double wide = 0;
  std::from_chars(text, end, wide);
  return wide;
}

class Writer {
 public:
  Json object = Json::object();

  void Field(const char* key, int& value) { object[key] = value; }
  void Field(const char* key, bool& value) { object[key] = value; }
  void Field(const char* key, std::vector<int>& value) { object[key] = value; }
  void Field(const char* key, std::vector<std::string>& value) { object[key] = value; }
  void Field(const char* key, std::vector<float>& value) {
    object[key] = Json::array();
    for (float v : value) object[key].push_back(ShortDouble(v));
  }
  void Field(const char* key, std::optional<float>& value) {
    object[key] = value ? Json(ShortDouble(*value)) : Json(nullptr);
  }
  template <class E, size_t N>
  void Choice(const char* key, E& value, const char* const (&names)[N], bool = false) {
    object[key] = names[static_cast<size_t>(value)];
  }
  template <class T>
  void Object(const char* key, T& value) {
    Writer inner;
    Fields(inner, value);
    object[key] = inner.object;
  }
};

class Reader {
 public:
  Reader(const Json& object, std::string path, Problems& problems)
      : object_(object), path_(std::move(path)), problems_(problems) {
    if (!object.is_object()) problems_.Add("config: %s is no object", path_.c_str());
  }
  // Every key that no Field asked for is unknown.
  void Finish() {
    if (!object_.is_object()) return;
    for (const auto& item : object_.items()) {
      if (!known_.count(item.key())) {
        problems_.Add("config: %s.%s is unknown", path_.c_str(), Printable(item.key()).c_str());
      }
    }
  }

  void Field(const char* key, int& value) {
    const Json* found = Find(key);
    if (found && !ReadInt(*found, &value)) Wrong(key, "an integer");
  }
  void Field(const char* key, bool& value) {
    const Json* found = Find(key);
    if (!found) return;
    if (!found->is_boolean()) return Wrong(key, "true or false");
    value = found->get<bool>();
  }
  void Field(const char* key, std::vector<int>& value) {
    List(key, value, "a list of integers", [](const Json& item, int* out) { return ReadInt(item, out); });
  }
  void Field(const char* key, std::vector<float>& value) {
    List(key, value, "a list of numbers", [](const Json& item, float* out) { return ReadFloat(item, out); });
  }
  void Field(const char* key, std::vector<std::string>& value) {
    List(key, value, "a list of names", [](const Json& item, std::string* out) {
      if (!item.is_string()) return false;
      *out = item.get<std::string>();
      return true;
    });
  }
  void Field(const char* key, std::optional<float>& value) {
    const Json* found = Find(key);
    if (!found) return;
    value.reset();
    if (found->is_null()) return;
    float number = 0;
    if (!ReadFloat(*found, &number)) return Wrong(key, "a number or null");
    value = number;
  }
  template <class E, size_t N>
  void Choice(const char* key, E& value, const char* const (&names)[N], bool may_be_absent = false) {
    const Json* found = Find(key, may_be_absent);
    if (!found) return;
    for (size_t i = 0; i < N && found->is_string(); ++i) {
      if (found->get<std::string>() == names[i]) {
        value = static_cast<E>(i);
        return;
      }
    }
    Wrong(key, names[0]);
  }
  template <class T>
  void Object(const char* key, T& value) {
    const Json* found = Find(key);
    if (!found) return;
    Reader inner(*found, path_ + "." + key, problems_);
    Fields(inner, value);
    inner.Finish();
  }

 private:
  const Json* Find(const char* key, bool may_be_absent = false) {
    known_.insert(key);
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    if (!may_be_absent) problems_.Add("config: %s.%s is missing", path_.c_str(), key);
    return nullptr;
  }
  void Wrong(const char* key, const char* expected) {
    problems_.Add("config: %s.%s: %s expected", path_.c_str(), key, expected);
  }
  static bool ReadInt(const Json& item, int* out) {
    if (!item.is_number_integer()) return false;
    if (item.is_number_unsigned() && item.get<uint64_t>() > std::numeric_limits<int>::max()) return false;
    const auto wide = item.get<int64_t>();
    if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max()) return false;
    *out = static_cast<int>(wide);
    return true;
  }
  static bool ReadFloat(const Json& item, float* out) {
    if (!item.is_number()) return false;
    const double wide = item.get<double>();
    if (!(wide >= -3e38 && wide <= 3e38)) return false;
    *out = static_cast<float>(wide);
    return true;
  }
  template <class T, class Read>
  void List(const char* key, std::vector<T>& value, const char* expected, Read read) {
    const Json* found = Find(key);
    if (!found) return;
    if (!found->is_array() || found->size() > 8192) return Wrong(key, expected);
    value.clear();
    for (const Json& item : *found) {
      T element{};
      if (!read(item, &element)) return Wrong(key, expected);
      value.push_back(std::move(element));
    }
  }

  const Json& object_;
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

template <class Visit>
void ForEachComponent(ModelConfig& config, Visit visit) {
  visit("generator", config.generator);
  visit("encoder", config.encoder);
  visit("flow", config.flow);
  visit("attributes", config.attributes);
  visit("recognizer", config.recognizer);
}

// Depth and duplicate keys, which the parser itself lets pass.
Json ParseBounded(const std::string& text, Problems& problems) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) {
      problems.Add("config: nested deeper than %d", kMaxDepth);
      return false;
    }
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.empty() &&
        !keys.back().insert(parsed.get<std::string>()).second) {
      problems.Add("config: key %s is there twice", Printable(parsed.get<std::string>()).c_str());
    }
    return true;
  };
  Json parsed = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) problems.Add("config: no valid JSON");
  return parsed;
}

}  // namespace

std::string ConfigToJson(const ModelConfig& config) {
  ModelConfig copy = config;
  Json root = Json::object();
  root["format"] = kFormat;
  ForEachComponent(copy, [&](const char* name, auto& component) {
    if (!component) return;
    Writer writer;
    Fields(writer, *component);
    root[name] = std::move(writer.object);
  });
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ModelConfig> ConfigFromJson(const std::string& json) try {
  Problems problems;
  const Json root = ParseBounded(json, problems);
  if (!problems.empty()) return problems.ToStatus(Code::kRefused);
  if (!root.is_object()) return Status::Error(Code::kRefused, "config: no JSON object");
  ModelConfig config;
  const auto format = root.find("format");
  if (format == root.end() || !format->is_number_integer() || format->get<int64_t>() != kFormat) {
    problems.Add("config: format %d expected", kFormat);
  }
  std::set<std::string> known = {"format"};
  ForEachComponent(config, [&](const char* name, auto& component) {
    known.insert(name);
    const auto found = root.find(name);
    if (found == root.end()) return;
    component.emplace();
    Reader reader(*found, name, problems);
    Fields(reader, *component);
    reader.Finish();
  });
  for (const auto& item : root.items()) {
    if (!known.count(item.key())) problems.Add("config: %s is unknown", Printable(item.key()).c_str());
  }
  if (!problems.empty()) return problems.ToStatus(Code::kRefused);
  MIEN_TRY(CheckConfig(config));
  return config;
} catch (const std::bad_alloc&) {
  return Status::Error(Code::kMemory, "config: not enough memory");
} catch (const std::exception& error) {
  return Status::Error(Code::kRefused, "config: %s", error.what());
}

}  // namespace mien
