// Rules of a config: ranges inside each component, agreement between components.
#include "weights/config.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <set>

#include "weights/header.h"
#include "weights/problems.h"

namespace mien {
namespace {

// A range check that knows what it is talking about.
class Checker {
 public:
  Checker(Problems& problems, const char* component) : problems_(problems), component_(component) {}

  bool Range(const char* name, long long value, long long low, long long high) const {
    if (value >= low && value <= high) return true;
    problems_.Add("config: %s.%s is %lld, %lld to %lld expected", component_, name, value, low, high);
    return false;
  }
  void True(bool condition, const char* what) const {
    if (!condition) problems_.Add("config: %s.%s", component_, what);
  }
  void Count(const char* name, size_t found, size_t expected) const {
    if (found != expected) {
      problems_.Add("config: %s.%s has %zu entries, %zu expected", component_, name, found, expected);
    }
  }
  void Each(const char* name, const std::vector<int>& values, int low, int high) const {
    for (int value : values) {
      if (!Range(name, value, low, high)) return;
    }
  }
  void Interval(size_t number, float low, float high) const {
    if (!std::isfinite(low) || !std::isfinite(high) || !(low < high)) {
      problems_.Add("config: %s: range %zu, %g to %g, is empty or not finite", component_, number, low, high);
    }
  }
  void Names(const char* name, const std::vector<std::string>& values) const {
    std::set<std::string> seen;
    for (const std::string& value : values) {
      const bool fine = value.size() <= 64 && IsModelName(value) && seen.insert(value).second;
      if (fine) continue;
      problems_.Add("config: %s.%s: \"%s\" is no name, too long or there twice", component_, name,
                    Printable(value).c_str());
      return;
    }
  }

 private:
  Problems& problems_;
  const char* component_;
};

bool PowerOfTwo(int value) { return value > 0 && std::has_single_bit(static_cast<unsigned>(value)); }

void Check(const GeneratorConfig& g, const Checker& check) {
  const bool sized = check.Range("resolution", g.resolution, 8, 4096);
  check.True(PowerOfTwo(g.resolution), "resolution is no power of two");
  check.Range("z_dim", g.z_dim, 1, 8192);
  check.Range("w_dim", g.w_dim, 1, 8192);
  check.Range("label_dim", g.label_dim, 0, g.convention == Convention::kNvidia ? 8192 : 0);
  check.Range("mapping_layers", g.mapping_layers, 1, 64);
  if (sized && PowerOfTwo(g.resolution)) {
    check.Count("channels", g.channels.size(), static_cast<size_t>(g.log2_resolution() - 1));
    check.Range("fp16_resolutions", g.fp16_resolutions, 0, g.log2_resolution());
  }
  check.Each("channels", g.channels, 1, 8192);
  if (g.clamp) check.True(std::isfinite(*g.clamp) && *g.clamp > 0, "clamp is not a positive number");
}

void Check(const TrunkConfig& t, const Checker& check) {
  check.Range("trunk.input_channels_out", t.input_channels_out, 1, 4096);
  check.Count("trunk.stage_channels", t.stage_channels.size(), 4);
  check.Count("trunk.stage_blocks", t.stage_blocks.size(), 4);
  check.Each("trunk.stage_channels", t.stage_channels, 1, 4096);
  check.Each("trunk.stage_blocks", t.stage_blocks, 1, 64);
  check.Range("trunk.se_reduction", t.se_reduction, 1, 4096);
  for (int channels : t.stage_channels) {
    check.True(t.se_reduction < 1 || channels >= t.se_reduction, "trunk.se_reduction leaves no channel");
  }
}

void Check(const EncoderConfig& e, const Checker& check) {
  Check(e.trunk, check);
  check.Range("input_size", e.input_size, 32, 4096);
  check.True(PowerOfTwo(e.input_size), "input_size is no power of two");
  check.Range("rows", e.rows, 1, 64);
  check.Range("w_dim", e.w_dim, 1, 8192);
  check.Range("head_channels", e.head_channels, 1, 4096);
  check.True(e.trunk.stage_channels.size() != 4 || e.trunk.stage_channels[3] == e.head_channels,
             "head_channels differ from the channels of the last stage");
}

void Check(const FlowConfig& f, const Checker& check) {
  check.Range("features", f.features, 2, 8192);
  check.Range("hidden", f.hidden, 1, 8192);
  check.Range("contexts", f.contexts, 1, 64);
  check.Range("layers", f.layers, 1, 64);
  check.Range("blocks", f.blocks, 0, 16);
  check.Range("attributes (count)", static_cast<long long>(f.attributes.size()), 0, f.features);
  check.Count("attribute_min", f.attribute_min.size(), f.attributes.size());
  check.Count("attribute_max", f.attribute_max.size(), f.attributes.size());
  check.Names("attributes", f.attributes);
  for (size_t i = 0; i < std::min(f.attribute_min.size(), f.attribute_max.size()); ++i) {
    check.Interval(i, f.attribute_min[i], f.attribute_max[i]);
  }
}

void Check(const AttributesConfig& a, const Checker& check) {
  check.Count("stage_channels", a.stage_channels.size(), 4);
  check.Count("stage_blocks", a.stage_blocks.size(), 4);
  check.Each("stage_channels", a.stage_channels, 1, 4096);
  check.Each("stage_blocks", a.stage_blocks, 1, 64);
  check.Range("input_size", a.input_size, 8, 4096);
  check.Range("outputs (count)", static_cast<long long>(a.outputs.size()), 1, 64);
  check.Names("outputs", a.outputs);
}

void Check(const RecognizerConfig& r, const Checker& check) {
  Check(r.trunk, check);
  check.Range("input_size", r.input_size, 16, 1024);
  check.True(r.input_size % 16 == 0, "input_size is no multiple of 16");
  check.Range("embedding", r.embedding, 1, 8192);
}

void Check(const FaceDetectorConfig& d, const Checker& check) {
  check.Count("channels", d.channels.size(), 6);
  check.Each("channels", d.channels, 1, 4096);
  check.Range("boxes", d.boxes, 1, 64);
  check.Range("input_size", d.input_size, 32, 2048);
  check.True(d.input_size % 32 == 0, "input_size is no multiple of 32");
}

void Check(const FaceDetectorSsdConfig& d, const Checker& check) {
  check.Count("channels", d.channels.size(), 14);
  check.Count("extra_channels", d.extra_channels.size(), 8);
  check.Count("boxes", d.boxes.size(), 6);
  check.Each("channels", d.channels, 1, 4096);
  check.Each("extra_channels", d.extra_channels, 1, 4096);
  check.Each("boxes", d.boxes, 1, 64);
  check.Range("classes", d.classes, 2, 64);
  check.Range("input_size", d.input_size, 64, 1024);
}

// The extractor of landmarks and expressions: four blocks of four layers.
void CheckDense(const std::vector<int>& channels, int input_size, const Checker& check) {
  check.Count("channels", channels.size(), 4);
  check.Each("channels", channels, 1, 4096);
  check.Range("input_size", input_size, 16, 1024);
}

void Check(const FaceLandmarksConfig& l, const Checker& check) { CheckDense(l.channels, l.input_size, check); }

void Check(const FaceExpressionConfig& e, const Checker& check) { CheckDense(e.channels, e.input_size, check); }

void Check(const FaceRecognizerConfig& r, const Checker& check) {
  check.Count("channels", r.channels.size(), 4);
  check.Count("blocks", r.blocks.size(), 4);
  check.Each("channels", r.channels, 1, 4096);
  check.Each("blocks", r.blocks, 1, 64);
  check.True(std::is_sorted(r.channels.begin(), r.channels.end(), std::less_equal<>()), "channels do not increase");
  check.Range("input_size", r.input_size, 103, 1024);
  check.Range("descriptor", r.descriptor, 1, 8192);
}

void Check(const FaceAgeGenderConfig& a, const Checker& check) {
  check.Count("channels", a.channels.size(), 5);
  check.Each("channels", a.channels, 1, 4096);
  check.Range("middle_blocks", a.middle_blocks, 0, 64);
  check.Range("input_size", a.input_size, 16, 1024);
}

void CheckAgreement(const ModelConfig& c, Problems& problems) {
  const auto same = [&](const char* a, long long va, const char* b, long long vb) {
    if (va != vb) problems.Add("config: %s is %lld but %s is %lld", a, va, b, vb);
  };
  if (c.generator && c.encoder) {
    same("encoder.rows", c.encoder->rows, "the generator's number of rows", c.generator->rows());
    same("encoder.w_dim", c.encoder->w_dim, "generator.w_dim", c.generator->w_dim);
  }
  // A flow may know more rows than the generator has; the first ones are used.
  if (c.flow && c.generator) {
    same("flow.features", c.flow->features, "generator.w_dim", c.generator->w_dim);
    if (c.flow->contexts < c.generator->rows()) {
      problems.Add("config: flow.contexts is %d, the generator has %d rows", c.flow->contexts,
                   c.generator->rows());
    }
  }
  if (c.flow && c.encoder) {
    same("flow.features", c.flow->features, "encoder.w_dim", c.encoder->w_dim);
    if (c.flow->contexts < c.encoder->rows) {
      problems.Add("config: flow.contexts is %d, the encoder has %d rows", c.flow->contexts, c.encoder->rows);
    }
  }
  if (c.generator && c.attributes && c.attributes->input_size > c.generator->resolution) {
    problems.Add("config: attributes.input_size is %d, the generator makes %d pixels",
                 c.attributes->input_size, c.generator->resolution);
  }
}

}  // namespace

int GeneratorConfig::log2_resolution() const {
  return std::bit_width(static_cast<unsigned>(resolution < 1 ? 1 : resolution)) - 1;
}
int GeneratorConfig::rows() const { return 2 * log2_resolution() - 2; }
int GeneratorConfig::noise_maps() const { return 2 * log2_resolution() - 3; }

int EncoderConfig::head_convolutions(int head) const {
  const int divisor = head < 3 ? 16 : head < 7 ? 8 : 4;
  return std::bit_width(static_cast<unsigned>(input_size / divisor)) - 1;
}

int64_t FaceDetectorSsdConfig::anchors() const {
  int64_t side = input_size, all = 0;
  for (int layer = 0; layer < 4; ++layer) side = (side + 1) / 2;
  for (const int per_cell : boxes) {  // on maps of S/16, S/32, ...
    all += per_cell * side * side;
    side = (side + 1) / 2;
  }
  return all;
}

Status CheckConfig(const ModelConfig& config) {
  Problems problems;
  int components = 0;
  const auto check = [&](const char* name, const auto& component) {
    if (!component) return;
    ++components;
    Check(*component, {problems, name});
  };
  ForEachComponent(check, config);
  if (components == 0) problems.Add("config: no component");
  if (problems.empty()) CheckAgreement(config, problems);
  return problems.ToStatus(Code::kRefused);
}

}  // namespace mien
