// The config: JSON both ways, every wrong field named, disagreements between components found.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/weights/support.h"

namespace mien::testing {
namespace {

using Json = nlohmann::ordered_json;

bool Contains(const Status& status, const char* part) {
  return std::strstr(status.message(), part) != nullptr;
}

ModelConfig Whole() {
  ModelConfig config = TinyGenerator();
  config.encoder = TinyEncoder().encoder;
  config.flow = TinyFlow().flow;
  config.flow->features = 6;
  auto& a = config.attributes.emplace();
  a.stage_channels = {2, 4, 4, 4};
  a.stage_blocks = {1, 1, 1, 1};
  a.input_size = 8;
  a.outputs = {"gender", "age"};
  auto& r = config.recognizer.emplace();
  r.trunk = TinyEncoder().encoder->trunk;
  r.input_size = 32;
  r.embedding = 3;
  config.face_detector = {{1, 2, 3, 4, 5, 6}, 2, 64};
  config.face_detector_ssd = {
      {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2}, {1, 2, 1, 2, 1, 2, 1, 2}, {1, 1, 2, 1, 1, 1}, 2, 64};
  config.face_landmarks = {{1, 2, 3, 4}, 32};
  config.face_expression = {{1, 2, 3, 4}, 32};
  config.face_recognizer = {{1, 2, 3, 4}, {1, 1, 1, 1}, 112, 3};
  config.face_age_gender = {{1, 2, 3, 4, 5}, 1, 32};
  return config;
}

TEST_CASE("a config survives its JSON form") {
  for (const ModelConfig& config : {Whole(), TinyNvidiaGenerator(), TinyFlow()}) {
    const auto read = ConfigFromJson(ConfigToJson(config));
    REQUIRE_MESSAGE(read.ok(), read.status().message());
    CHECK(ConfigToJson(*read) == ConfigToJson(config));
  }
  const auto read = ConfigFromJson(ConfigToJson(Whole()));
  CHECK(read->flow->attribute_min[1] == -52.3f);
  CHECK(read->generator->channels == std::vector<int>{5, 4});
  CHECK(ModelFile::Open(Source(MadeUpModel(Whole()))).ok());
}

TEST_CASE("the text of a config is JSON as another library writes it") {
  ModelConfig config = TinyFlow();
  config.flow->attribute_min = {0.0f,    -0.0f,   -52.3f, 256.0f, 0.99f,   1e-4f,
                                9.9e-5f, 1.5e-7f, 1e14f,  1e15f,  -2.5e20f};
  config.generator.emplace().clamp = 256.0f;
  CHECK(Json::parse(ConfigToJson(config)).dump() == ConfigToJson(config));
  int same = 0;
  for (float value = 1.2e-38f; std::fabs(value) < 1e38f; value *= -1.9137f, ++same) {
    config.flow->attribute_min = {value};
    const Json read = Json::parse(ConfigToJson(config));
    REQUIRE(read["flow"]["attribute_min"][0].get<float>() == value);
    REQUIRE(read["flow"]["attribute_min"][0].is_number_float());
  }
  CHECK(same > 250);
}

TEST_CASE("JSON of a config: what the grammar has and nothing else") {
  const std::string good = ConfigToJson(Whole());
  const auto with = [&](const char* from, const char* to) {
    std::string text = good;
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return ConfigFromJson(text.replace(at, std::strlen(from), to));
  };
  const std::string spaced = Json::parse(good).dump(2);
  REQUIRE(ConfigFromJson(" \n\t" + spaced + "\r\n").ok());
  CHECK(ConfigToJson(*ConfigFromJson(spaced)) == good);
  CHECK(with("\"gender\"", "\"gen\\u0064er\"").ok());
  for (const char* number : {"-52.3e0", "-523E-1", "-0.523e+2", "-5"}) CHECK(with("-52.3", number).ok());
  for (const char* number : {"-052.3", "-.3", "-52.", "+52.3", "-52.3e", "-52.3e+", "-", "1e999", "NaN",
                             "Infinity", "0x10", "-52.3f", "\"-52.3\"", "nul", "[]", "-52.3,"}) {
    CHECK_MESSAGE(with("-52.3", number).status().code() == Code::kRefused, number);
  }
  for (const char* name : {"\"gen\\xder\"", "\"gen\nder\"", "\"gen\\ud800der\"",
                           "\"gen\xff"
                           "der\"",
                           "'gender'"})
    CHECK_MESSAGE(with("\"gender\"", name).status().code() == Code::kRefused, name);
  const auto message = [&](const std::string& text) {
    return std::string(ConfigFromJson(text).status().message());
  };
  CHECK(message("{\"format\":1,\"format\":1}") == "config: key format is there twice");
  CHECK(message("{\"format\":1,}").starts_with("config, byte 12: "));
  CHECK(message("{\"format\":[[[[]]]]}").find("less nesting") != std::string::npos);
  CHECK(message("{\"format\":[[[]]]}").find("format 1 expected") != std::string::npos);
  std::string many = "{\"format\":[0";
  for (int i = 0; i < 70000; ++i) many += ",0";
  CHECK(message(many + "]}").find("fewer values") != std::string::npos);
}

// Every field once missing, once of a wrong type, and every object with one field too many.
void Vandalise(const Json& whole, const Json::json_pointer& at, int* refused) {
  const Json& here = whole[at];
  if (here.is_object()) {
    Json extra = whole;
    extra[at]["stranger"] = 1;
    CHECK_FALSE(ConfigFromJson(extra.dump()).ok());
    ++*refused;
    for (const auto& item : here.items()) Vandalise(whole, at / item.key(), refused);
  }
  if (at.empty()) return;
  for (const Json& wrong : {Json("text"), Json(true), Json(1e300), Json(-1), Json(4000000000u), Json(nullptr),
                            Json::array({"x", 1}), Json::object(), Json("discard")}) {
    Json changed = whole;
    if (wrong == "discard")
      changed[at.parent_pointer()].erase(at.back());
    else
      changed[at] = wrong;
    if (changed == whole) continue;
    const bool optional = wrong == "discard" && ((at.parent_pointer().empty() && at.back() != "format") ||
                                                 at.back() == "kind");  // which files of before do not have
    const bool legal = (at.back() == "clamp" && (wrong.is_null() || wrong == 4000000000u)) ||
                       (here.is_boolean() && wrong.is_boolean());
    if (optional || legal) continue;
    CHECK_MESSAGE(!ConfigFromJson(changed.dump()).ok(), changed.dump());
    ++*refused;
  }
}

TEST_CASE("the encoder of a file from before there were two is e4e's") {
  ModelConfig config = TinyEncoder();
  config.encoder->kind = EncoderKind::kPsp;
  Json json = Json::parse(ConfigToJson(config));
  CHECK(json["encoder"]["kind"] == "psp");
  CHECK(ConfigFromJson(json.dump())->encoder->kind == EncoderKind::kPsp);
  json["encoder"].erase("kind");
  CHECK(ConfigFromJson(json.dump())->encoder->kind == EncoderKind::kE4e);
  json["encoder"]["kind"] = "restyle";
  CHECK(Contains(ConfigFromJson(json.dump()).status(), "encoder.kind"));
}

TEST_CASE("every field is required and checked") {
  int refused = 0;
  Vandalise(Json::parse(ConfigToJson(Whole())), Json::json_pointer(), &refused);
  CHECK(refused > 300);
}

TEST_CASE("several wrong fields come in one message") {
  Json json = Json::parse(ConfigToJson(Whole()));
  json["generator"]["w_dim"] = "x";
  json["flow"].erase("hidden");
  json["encoder"]["stranger"] = 1;
  const Status status = ConfigFromJson(json.dump()).status();
  CHECK(status.code() == Code::kRefused);
  CHECK(Contains(status, "generator.w_dim"));
  CHECK(Contains(status, "flow.hidden is missing"));
  CHECK(Contains(status, "encoder.stranger is unknown"));
  CHECK(Contains(ConfigFromJson("[]").status(), "no JSON object"));
  json["flow"]["attributes"] = 5;
  CHECK(Contains(ConfigFromJson(json.dump()).status(), "flow.attributes: a list of names expected"));
}

TEST_CASE("text that is no config") {
  const std::string good = ConfigToJson(TinyFlow());
  for (size_t length = 0; length < good.size(); ++length)
    CHECK_FALSE(ConfigFromJson(good.substr(0, length)).ok());
  for (const char* bad : {"{}", "[]", "1", "null", "{\"format\":1}", "{\"format\":2,\"flow\":{}}",
                          "{\"format\":1,\"format\":1}", "{\"format\":1,\"flow\":[[[[[[1]]]]]]}"}) {
    CHECK_MESSAGE(ConfigFromJson(bad).status().code() == Code::kRefused, bad);
  }
  CHECK_FALSE(ConfigFromJson(std::string(100000, '[')).ok());
  CHECK_FALSE(ConfigFromJson(good + good).ok());
}

TEST_CASE("components that are used together agree") {
  CHECK(CheckConfig(Whole()).ok());
  const auto refused = [](auto change, const char* part) {
    ModelConfig config = Whole();
    change(config);
    const Status status = CheckConfig(config);
    CHECK_MESSAGE(Contains(status, part), status.message());
  };
  refused([](ModelConfig& c) { c.encoder->rows = 5; }, "encoder.rows");
  refused([](ModelConfig& c) { c.encoder->w_dim = 5; }, "encoder.w_dim");
  refused([](ModelConfig& c) { c.flow->features = 9; }, "flow.features");
  refused([](ModelConfig& c) { c.flow->contexts = 3; }, "flow.contexts");
  refused([](ModelConfig& c) { c.encoder.reset(), c.flow->contexts = 3; }, "the generator has");
  refused([](ModelConfig& c) { c.generator.reset(), c.flow->contexts = 3; }, "the encoder has");
  refused([](ModelConfig& c) { c.attributes->input_size = 16; }, "attributes.input_size");
  refused([](ModelConfig& c) { c.generator->resolution = 24; }, "power of two");
  refused([](ModelConfig& c) { c.generator->channels.push_back(3); }, "channels");
  refused([](ModelConfig& c) { c.generator->label_dim = 1; }, "label_dim");
  refused([](ModelConfig& c) { c.flow->attribute_min[0] = 1; }, "empty or not finite");
  refused([](ModelConfig& c) { c.flow->attributes[0] = c.flow->attributes[1]; }, "twice");
  refused([](ModelConfig& c) { c.encoder->head_channels = 4; }, "head_channels");
  refused([](ModelConfig& c) { c.encoder->trunk.se_reduction = 5; }, "se_reduction");
  refused([](ModelConfig& c) { c = ModelConfig(); }, "no component");
}

TEST_CASE("the public full-size nets have the number of tensors their checkpoints have") {
  ModelConfig config;
  config.generator.emplace().resolution = 1024;
  config.generator->channels = {512, 512, 512, 512, 512, 256, 128, 64, 32};
  config.encoder.emplace();
  config.flow.emplace();
  config.attributes.emplace().outputs.assign(9, "score");  // names do not matter for the count
  config.recognizer.emplace();
  int64_t encoder = 0, flow = 0, generator = 0;
  int encoder_tensors = 0;
  for (const TensorSpec& spec : ExpectedTensors(config)) {
    if (spec.name.starts_with("encoder.") && spec.name != "encoder.latent_avg") {
      const bool running = spec.name.find("running_") != std::string::npos;
      encoder += running ? 0 : spec.shape.elements();
      ++encoder_tensors;
    }
    if (spec.name.starts_with("flow.") && !spec.is_index) flow += spec.shape.elements();
    if (spec.name.starts_with("generator.") && spec.name.find("noises.") == std::string::npos &&
        spec.name.find("kernel") == std::string::npos) {
      generator += spec.shape.elements();
    }
  }
  CHECK(encoder == 267136704);         // networks.md, "Encoder"
  CHECK(encoder_tensors == 621 - 52);  // without one num_batches_tracked per normalisation
  CHECK(flow == 14755840);             // networks.md, "Couplings"
  CHECK(generator == 30370060);        // networks.md, "Layers and rows"
}

}  // namespace
}  // namespace mien::testing
