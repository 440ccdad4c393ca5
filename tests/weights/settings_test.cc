// Settings beside the networks, in every form in which a file can hold them.
#include "weights/import/settings.h"

#include "tests/weights/made_file.h"

namespace mien::testing {
namespace {

// One number in every form that a file can hold it in.
template <class Put>
void InEveryForm(double value, Put put) {
  const auto tensor = [&](DType type, Shape shape, const auto& values) {
    Made made = EncoderFile();
    made.Add("opts.x", type, shape, values);
    put(made, "opts.x");
  };
  const auto scalar = [&](ForeignScalar held, const char* path = "opts.x") {
    Made made = EncoderFile();
    made.file.scalars[path] = held;
    put(made, "opts.x");
  };
  scalar(value);
  scalar(static_cast<int64_t>(value));
  scalar(std::to_string(static_cast<int>(value)));
  scalar(value, "opts.x.0");
  Shape nothing;
  nothing.rank = 0;
  for (const Shape& shape : {nothing, Shape{1}, Shape{1, 1, 1}}) {
    tensor(DType::kF64, shape, std::vector<double>{value});
    tensor(DType::kF32, shape, std::vector<float>{static_cast<float>(value)});
    tensor(DType::kF16, shape, std::vector<uint16_t>{FloatToHalf(static_cast<float>(value))});
    tensor(DType::kBF16, shape,
           std::vector<uint16_t>{
               static_cast<uint16_t>(__builtin_bit_cast(uint32_t, static_cast<float>(value)) >> 16)});
    tensor(DType::kI64, shape, std::vector<int64_t>{static_cast<int64_t>(value)});
    tensor(DType::kI32, shape, std::vector<int32_t>{static_cast<int32_t>(value)});
    tensor(DType::kI16, shape, std::vector<int16_t>{static_cast<int16_t>(value)});
    tensor(DType::kI8, shape, std::vector<int8_t>{static_cast<int8_t>(value)});
    tensor(DType::kU8, shape, std::vector<uint8_t>{static_cast<uint8_t>(value)});
  }
}

TEST_CASE("a setting is read whatever holds it") {
  InEveryForm(5, [](Made& made, const char* path) {
    REQUIRE(made.file.Finish(1 << 30).ok());
    const auto number = Settings(made.file).Number(path);
    REQUIRE_MESSAGE(number.ok(), number.status().message());
    CHECK(**number == 5);
    CHECK_FALSE(Settings(made.file).Flag(path).ok());
  });
  for (const bool flag : {false, true}) {
    InEveryForm(flag ? 1 : 0, [&](Made& made, const char* path) {
      REQUIRE(made.file.Finish(1 << 30).ok());
      const auto found = Settings(made.file).Flag(path);
      REQUIRE_MESSAGE(found.ok(), found.status().message());
      CHECK(**found == flag);
    });
    Made made;
    made.file.scalars = {{"a", flag}, {"b", std::string(flag ? "True" : "False")}};
    made.Add("c", DType::kBool, {1}, std::string(1, flag ? '\1' : '\0'));
    REQUIRE(made.file.Finish(1 << 30).ok());
    for (const char* path : {"a", "b", "c"}) CHECK(**Settings(made.file).Flag(path) == flag);
  }
  Made none;
  none.file.scalars = {
      {"none", ForeignScalar()}, {"text", std::string("x")}, {"list.0", 1.0}, {"list.1", std::string("y")}};
  REQUIRE(none.file.Finish(1 << 30).ok());
  const Settings settings(none.file);
  CHECK_FALSE(*settings.Number("none"));
  CHECK_FALSE(*settings.Number("nowhere"));
  CHECK_FALSE(*settings.Flag("none"));
  CHECK_FALSE(*settings.Text("none"));
  for (const char* path : {"text", "list"}) {
    CHECK(Contains(settings.Number(path).status().message(), path));
    CHECK(Contains(settings.Flag(path).status().message(), path));
  }
  CHECK_FALSE(settings.Text("list").ok());
}

TEST_CASE("start_from_latent_avg in every form, and never a default for what is not understood") {
  const std::vector<float> average(4 * 6, 0.5f);
  for (const auto& [value, adds] :
       {std::pair(ForeignScalar(true), true), std::pair(ForeignScalar(false), false),
        std::pair(ForeignScalar(int64_t{0}), false), std::pair(ForeignScalar(), true),
        std::pair(ForeignScalar(std::string("false")), false)}) {
    Made made = EncoderFile();
    made.Add("latent_avg", DType::kF32, {4, 6}, average);
    made.file.scalars["opts.start_from_latent_avg"] = value;
    CHECK(made.Found().encoder->adds_latent_avg == adds);
    made.file.scalars = {{"hyper_parameters.args.start_from_latent_avg", value}};
    CHECK(made.Found().encoder->adds_latent_avg == adds);
    made.file.scalars.clear();
    made.file.scalars["args.encoder_type"] =
        std::string("GradualStyleEncoder");  // its folder holds the others
    made.file.scalars["args.start_from_latent_avg"] = value;
    CHECK(made.Found().encoder->adds_latent_avg == adds);
  }
  Made made = EncoderFile();
  made.file.scalars["opts.start_from_latent_avg"] = true;
  CHECK(Contains(made.Refusal(), "opts.start_from_latent_avg is true, but latent_avg is missing"));
  made.file.scalars["opts.start_from_latent_avg"] = std::string("sometimes");
  CHECK(Contains(made.Refusal(), "opts.start_from_latent_avg is in a form that is not understood"));
  made.file.scalars = {{"opts", std::string("{\"encoder_type\": \"GradualStyleEncoder\"}")}};
  CHECK(Contains(made.Refusal(), "the settings opts are in a form that is not understood"));
  made.file.scalars["opts"] = ForeignScalar();
  made.Found();
}

TEST_CASE("what could not be read is refused where it is needed, and only there") {
  const auto refused = [](Made made, const std::string& path, const std::string& said) {
    made.file.unread[path] = "an object of class net.Options";
    const std::string refusal = made.Refusal();
    CHECK_MESSAGE(Contains(refusal, said), refusal);
    CHECK_MESSAGE(Contains(refusal, path + " is an object of class net.Options"), refusal);
  };
  Made nvidia, rosinality, flow;
  AddNetwork(&nvidia, TinyNvidiaGenerator(), "G_ema.");
  AddNetwork(&rosinality, PlainGenerator(), "g_ema.");
  AddNetwork(&flow, TinyFlow(), "model.");
  refused(EncoderFile(), "opts", "opts.");
  refused(EncoderFile(), "opts.encoder_type", "the setting opts.encoder_type cannot be read");
  refused(EncoderFile(), "opts.start_from_latent_avg",
          "the setting opts.start_from_latent_avg cannot be read");
  refused(EncoderFile(), "latent_avg", "the setting latent_avg cannot be read");
  refused(flow, "minmax", "the setting minmax cannot be read");
  refused(flow, "minmax.0", "the setting minmax.0 cannot be read");
  refused(flow, "config", "the setting config.");
  refused(flow, "config.activation", "the setting config.activation cannot be read");
  refused(nvidia, "G_ema.synthesis.b8.conv1.conv_clamp", "conv_clamp cannot be read");
  for (const char* name : {"noises.noise_1", "convs.0.conv.blur.kernel", "to_rgb1.bias"}) {
    Made made = rosinality;
    made.Remove(name);
    refused(made, std::string("g_ema.") + name, std::string("g_ema.") + name + " [");
  }
  Made first = rosinality;
  for (const char* map : {"noise_0", "noise_1", "noise_2"}) first.Remove(map);
  refused(first, "g_ema.noises.noise_0", "g_ema.noises.noise_0 [1,1,4,4] is missing");

  Made made = EncoderFile();
  made.file.unread = {
      {"args", "an object of class net.Options"}, {"optimizer.x", "a F8_E4M3 tensor [2,3]"}, {"", "odd"}};
  made.Found();
  // An object whose attributes were read is as good as a dictionary.
  made.file.unread["opts"] = "an object of class net.Options";
  made.file.scalars["opts.encoder_type"] = std::string("GradualStyleEncoder");
  CHECK(made.Found().encoder->kind == EncoderKind::kPsp);

  Made module;
  module.file.unread[""] = "a whole pickled module (class net.G), which only its own code can read";
  CHECK(Contains(module.Refusal(), "it is a whole pickled module (class net.G)"));
}

TEST_CASE("latent_avg in every form") {
  const std::vector<double> row = {0, 1, 2, 3, 4, 5};
  std::vector<double> rows;
  for (int l = 0; l < 4; ++l) rows.insert(rows.end(), row.begin(), row.end());
  const auto check = [&](Made made) {
    AddNetwork(&made, PlainGenerator(), "state_dict.decoder.");
    const auto found = made.Detect();
    REQUIRE_MESSAGE(found.ok(), found.status().message());
    REQUIRE(found->size() == 2);
    for (const FoundComponent& part : *found) {
      const int count = part.config.encoder ? 4 : 1;
      CHECK((part.config.encoder ? part.config.encoder->adds_latent_avg
                                 : part.config.generator->has_latent_avg));
      const auto values = Floats(part.tensors.back());
      REQUIRE(values.size() == static_cast<size_t>(6 * count));
      for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == static_cast<float>(row[i % 6]));
    }
  };
  for (const char* name : {"latent_avg", "state_dict.latent_avg", "extra.of.some.latent_avg"}) {
    for (const Shape& shape : {Shape{6}, Shape{1, 6}, Shape{1, 1, 6}}) {
      Made made = EncoderFile();
      made.Add(name, DType::kF64, shape, row);
      check(made);
    }
    for (const Shape& shape : {Shape{4, 6}, Shape{1, 4, 6}}) {
      Made made = EncoderFile();
      made.Add(name, DType::kF64, shape, rows);
      check(made);
    }
    Made listed = EncoderFile();
    for (size_t i = 0; i < 6; ++i) listed.file.scalars[std::string(name) + "." + std::to_string(i)] = row[i];
    check(listed);
  }
  for (const Shape& shape : {Shape{5}, Shape{3, 6}, Shape{6, 4}, Shape{2, 2, 6}}) {
    Made made = EncoderFile();
    made.Add("latent_avg", DType::kF32, shape, std::vector<float>(static_cast<size_t>(shape.elements())));
    CHECK(Contains(made.Refusal(), "latent_avg is "));
  }
  Made text = EncoderFile();
  text.file.scalars["latent_avg"] = std::string("later");
  CHECK(Contains(text.Refusal(), "latent_avg"));
}

TEST_CASE("ranges of a flow in every form") {
  const auto check = [](Made made) {
    AddNetwork(&made, TinyFlow(), "model.module.");
    const FlowConfig flow = *made.Found().flow;
    CHECK(flow.attribute_min == std::vector<float>{-1, -2, -3});
    CHECK(flow.attribute_max == std::vector<float>{4, 5, 6});
    CHECK(flow.attributes.size() == 3);
    CHECK_FALSE(made.Notes("public ranges"));
  };
  const std::vector<double> values = {-1, -2, -3, 4, 5, 6};
  const std::vector<int64_t> whole(values.begin(), values.end());
  const std::vector<float> floats(values.begin(), values.end());
  for (const char* name : {"minmax", "data.minmax", "model.minmax", "model.module.minmax"}) {
    for (const Shape& shape : {Shape{2, 1, 1, 3}, Shape{2, 3}, Shape{1, 2, 3}}) {
      Made doubles, integers, singles;
      doubles.Add(name, DType::kF64, shape, values);
      integers.Add(name, DType::kI64, shape, whole);
      singles.Add(name, DType::kF32, shape, floats);
      for (const Made& made : {doubles, integers, singles}) check(made);
    }
  }
  Made nested, halves, apart;
  for (size_t i = 0; i < 6; ++i)
    nested.file.scalars["minmax." + std::to_string(i / 3) + "." + std::to_string(i % 3)] = values[i];
  halves.Add("minmax.0", DType::kF32, {1, 1, 3}, std::vector<float>{-1, -2, -3});
  halves.Add("minmax.1", DType::kF32, {1, 1, 3}, std::vector<float>{4, 5, 6});
  apart.Add("minmax.min", DType::kF64, {3}, std::vector<double>{-1, -2, -3});
  apart.Add("minmax.max", DType::kI64, {3}, std::vector<int64_t>{4, 5, 6});
  for (const Made& made : {nested, halves, apart}) check(made);

  Made none;
  AddNetwork(&none, TinyFlow(), "model.");
  none.Found();
  CHECK(none.Notes("public ranges"));
  for (const Shape& shape : {Shape{3, 2}, Shape{6}, Shape{2, 3, 2}, Shape{2, 8}}) {
    Made wrong;
    AddNetwork(&wrong, TinyFlow(), "model.");
    wrong.Add("minmax", DType::kF32, shape, std::vector<float>(static_cast<size_t>(shape.elements())));
    CHECK(Contains(wrong.Refusal(), "minmax"));
  }
  Made apart_wrong, empty;
  AddNetwork(&apart_wrong, TinyFlow(), "model.");
  apart_wrong.Add("minmax.min", DType::kF32, {3}, std::vector<float>(3));
  apart_wrong.Add("minmax.max", DType::kF32, {2}, std::vector<float>(2));
  CHECK(Contains(apart_wrong.Refusal(), "min and max differ in shape"));
  AddNetwork(&empty, TinyFlow(), "model.");
  empty.Add("minmax", DType::kF32, {2, 1}, std::vector<float>(2));
  CHECK(Contains(empty.Refusal(), "a range expected"));
  Made text;
  AddNetwork(&text, TinyFlow(), "model.");
  Made turned;
  AddNetwork(&turned, TinyFlow(), "model.");
  turned.Add("minmax", DType::kF32, {2, 1}, std::vector<float>{1, 0});
  CHECK(Contains(turned.Refusal(), "minmax: gender goes from 1 to 0"));
  text.file.scalars["minmax.gender"] = std::string("0..1");
  CHECK(Contains(text.Refusal(), "the setting minmax is in a form that is not understood"));
}

TEST_CASE("settings of a flow that contradict it are refused, in any form") {
  const auto refusal = [](const std::string& path, const ForeignScalar& value) {
    Made made;
    AddNetwork(&made, TinyFlow(), "model.");
    made.file.scalars[path] = value;
    return made.Refusal();
  };
  CHECK(Contains(refusal("config.activation", std::string("torch.tanh")), "config.activation is torch.tanh"));
  CHECK(Contains(refusal("config.activation", 1.0), "config.activation"));
  CHECK(
      Contains(refusal("config", std::string("flow.yaml")), "the settings config are in a form that is not"));
  for (const std::string name :
       {"features", "hidden_features", "context_features", "num_layers", "num_blocks_per_layer"}) {
    CHECK(Contains(refusal("config." + name, int64_t{99}), "config." + name + " is 99"));
  }
  const FlowConfig flow = *TinyFlow().flow;
  for (const auto& [name, is] : {std::pair<std::string, bool>{"use_volume_preserving", flow.additive},
                                 {"batch_norm_within_layers", flow.norm_within},
                                 {"batch_norm_between_layers", flow.norm_between}}) {
    CHECK(Contains(refusal("config." + name, int64_t{!is}),
                   "config." + name + (is ? " is false" : " is true")));
  }
  Made tensor;
  AddNetwork(&tensor, TinyFlow(), "model.");
  tensor.Add("config.num_layers", DType::kI64, {1}, std::vector<int64_t>{3});
  CHECK(Contains(tensor.Refusal(), "config.num_layers is 3"));
}

TEST_CASE("settings of an NVIDIA generator, in any form") {
  const auto made_of = [](const std::string& setting, const ForeignScalar& value) {
    Made made;
    AddNetwork(&made, TinyNvidiaGenerator(), "G_ema.");
    made.file.scalars["G_ema." + setting] = value;
    return made;
  };
  for (const ForeignScalar& clamp : {ForeignScalar(256.0), ForeignScalar(int64_t{256})}) {
    Made made = made_of("synthesis.b4.conv1.conv_clamp", clamp);
    CHECK(made.Found().generator->clamp == 256.0f);
    CHECK_FALSE(made.Notes("conv_clamp"));
  }
  Made none = made_of("synthesis.b4.conv1.conv_clamp", {});
  CHECK_FALSE(none.Found().generator->clamp);
  CHECK_FALSE(none.Notes("conv_clamp"));
  Made silent = made_of("z_dim", int64_t{7});
  CHECK_FALSE(silent.Found().generator->clamp);
  CHECK(silent.Notes("nothing is said of conv_clamp"));
  CHECK(Contains(made_of("synthesis.b4.conv1.conv_clamp", std::string("high")).Refusal(), "conv_clamp"));
  CHECK(Contains(made_of("synthesis.b8.architecture", std::string("resnet")).Refusal(),
                 "G_ema.synthesis.b8.architecture is resnet"));
  CHECK(Contains(made_of("mapping.fc1.bias_gain", int64_t{1}).Refusal(), "mapping.fc1.bias_gain is 1"));
  for (const std::string layer : {"synthesis.b8.conv0", "synthesis.b4.torgb", "mapping.fc1"}) {
    CHECK(Contains(made_of(layer + ".activation", std::string("relu")).Refusal(),
                   layer + ".activation is relu"));
  }
  Made two = made_of("synthesis.b4.conv1.conv_clamp", 256.0);
  two.file.scalars["G_ema.synthesis.b8.conv0.conv_clamp"] = 128.0;
  CHECK(Contains(two.Refusal(), "conv0.conv_clamp differs from the other layers"));
  CHECK(Contains(made_of("synthesis.b8.conv0.use_noise", int64_t{0}).Refusal(), "use_noise is false"));
  CHECK(Contains(made_of("synthesis.b8.__class__", std::string("ResNetBlock")).Refusal(),
                 "G_ema.synthesis.b8.__class__ is ResNetBlock"));
  made_of("synthesis.b8.__class__", std::string("SynthesisBlock")).Found();
  CHECK(made_of("synthesis.b8.use_fp16", int64_t{1}).Found().generator->fp16_resolutions == 1);
}

}  // namespace
}  // namespace mien::testing
