// What a file is taken for: networks found wherever they lie, told from others with the same tensors by what
// the file says of itself, and what may be left out of it.
#include "tests/weights/made_file.h"

namespace mien::testing {
namespace {

TEST_CASE("a network is found wherever it lies") {
  for (const char* prefix : {"", "module.", "state_dict.", "params_ema.", "g_ema.module.", "model.module.",
                             "0.1.", "callbacks.EMA.net._orig_mod.", "a.b.c.d.e.f.g."}) {
    CAPTURE(prefix);
    ModelConfig clamped = TinyNvidiaGenerator();
    clamped.generator->clamp.reset();
    for (const ModelConfig& config :
         {PlainGenerator(), clamped, PlainEncoder(), TinyFlow(), TinyAttributes(), TinyRecognizer()}) {
      Made made;
      AddNetwork(&made, config, prefix);
      ModelConfig found = made.Found();
      if (config.flow) {  // whose ranges and names are the public ones
        found.flow->attributes = config.flow->attributes;
        found.flow->attribute_min = config.flow->attribute_min;
        found.flow->attribute_max = config.flow->attribute_max;
      }
      CHECK(ConfigToJson(found) == ConfigToJson(config));
    }
  }
}

TEST_CASE("of several the average is taken, and it is said") {
  const auto layers_of = [](std::initializer_list<const char*> prefixes, const std::string& said) {
    Made made;
    int layers = 1;
    for (const char* prefix : prefixes) {
      ModelConfig config = PlainGenerator();
      config.generator->mapping_layers = layers++;
      AddNetwork(&made, config, prefix);
    }
    const int found = made.Found().generator->mapping_layers;
    CHECK_MESSAGE(made.Notes(said), said);
    return found;
  };
  CHECK(layers_of({"g.", "g_ema."}, "taken from g_ema, not from g") == 2);
  CHECK(layers_of({"g_ema.", "g."}, "taken from g_ema, not from g") == 1);
  CHECK(layers_of({"params.", "params_ema.", "params_old."},
                  "taken from params_ema, not from params and 1 more") == 2);
  CHECK(layers_of({"state_dict.G.", "state_dict.ema.module.G."}, "taken from state_dict.ema.module.G") == 2);
  CHECK(layers_of({"schema.", "generator_smooth."}, "taken from generator_smooth") == 2);
  CHECK(layers_of({"decoder.", "generator."}, "taken from generator, not from decoder") ==
        2);  // what stands alone
  CHECK(layers_of({"deep.down.net.", "net."}, "taken from net, not from deep.down.net") == 2);
  CHECK(layers_of({"one.", "two."}, "taken from one, not from two") == 1);
  CHECK(layers_of({"", "g_ema."}, "taken from g_ema, not from the top level") == 2);
  Made alone;
  AddNetwork(&alone, PlainGenerator(), "g.");
  alone.Found();
  CHECK_FALSE(alone.Notes("taken from"));
}

TEST_CASE("without a network what lies there is listed") {
  Made made;
  CHECK(Contains(made.Refusal(), "the file holds no tensors"));
  for (int i = 0; i < 30; ++i) made.Add("optimizer.state." + std::to_string(i), DType::kF32, {1}, "abcd");
  made.Add("step", DType::kF32, {1}, "abcd");
  CHECK(Contains(made.Refusal(), "optimizer (30 tensors, optimizer.state.0, ...), step"));
  for (int i = 0; i < 20; ++i) made.Add("k" + std::to_string(i), DType::kF32, {1}, "abcd");
  CHECK(Contains(made.Refusal(), "and 16 more"));
  Made other;
  other.Add("G_ema.synthesis.input.freqs", DType::kF32, {1}, "abcd");
  CHECK(Contains(other.Refusal(), "StyleGAN3"));
}

// Every name could be the beginning of a network, and nearly is one.
TEST_CASE("as many names as a file may have are looked through at once") {
  Made made;
  const std::string long_name(480, 'x');
  for (int i = 0; i < 16384; ++i) {
    const std::string prefix = std::to_string(i) + "." + long_name + ".";
    for (const char* key : {"style.1.weight", "conv1.conv.weight", "to_rgb1.conv.weight", "latent_avg"})
      made.Add(prefix + key, DType::kF32, {1}, "abcd");
  }
  const std::string refusal = made.Refusal();
  CHECK_MESSAGE(Contains(refusal, "to_rgbs: 1 to 10 of them expected"), refusal);
  CHECK(refusal.size() < 1000);
}

TEST_CASE("networks that judge need not fit beside others") {
  Made made;
  AddNetwork(&made, PlainGenerator(), "G.");
  AddNetwork(&made, TinyRecognizer(), "loss.facenet.");
  made.Remove("facenet.output_layer.4.bias");
  CHECK(made.Found().generator);
  CHECK(made.Notes("loss.facenet is left out: loss.facenet.output_layer.4.bias [5] is missing"));
  Made alone;
  AddNetwork(&alone, TinyRecognizer(), "loss.facenet.");
  alone.Remove("output_layer.4.bias");
  CHECK(Contains(alone.Refusal(), "output_layer.4.bias [5] is missing"));
}

TEST_CASE("e4e and pSp are told apart by what the file says") {
  const auto kind_of = [](Made made, const char* type, const char* where = "opts.encoder_type") {
    made.file.scalars[where] = std::string(type);
    return made.Found().encoder->kind;
  };
  for (const char* where : {"opts.encoder_type", "encoder_type", "hyper_parameters.opts.encoder_type",
                            "state_dict.encoder.opts.encoder_type"}) {
    CHECK(kind_of(EncoderFile(), "GradualStyleEncoder", where) == EncoderKind::kPsp);
    CHECK(kind_of(EncoderFile(), "Encoder4Editing", where) == EncoderKind::kE4e);
  }
  Made silent = EncoderFile();
  CHECK(silent.Found().encoder->kind == EncoderKind::kE4e);
  CHECK(silent.Notes("taken for e4e's"));
  silent.file.scalars["opts.encoder_type"] = std::string("Encoder4Editing");
  silent.Found();
  CHECK_FALSE(silent.Notes("taken for e4e's"));

  silent.file.scalars["previous.encoder_type"] = std::string("Encoder4Editing");
  silent.Found();
  silent.file.scalars["previous.encoder_type"] = std::string("GradualStyleEncoder");
  CHECK(Contains(silent.Refusal(),
                 "opts.encoder_type is Encoder4Editing, but previous.encoder_type is Gradual"));
}

TEST_CASE("encoders that are not computed are refused by their names") {
  for (const char* type :
       {"BackboneEncoderUsingLastLayerIntoW", "BackboneEncoderUsingLastLayerIntoWPlus",
        "SingleStyleCodeEncoder", "ProgressiveBackboneEncoder", "BackboneEncoder",
        "ResNetProgressiveBackboneEncoder", "ResNetBackboneEncoder", "encoder4editing", ""}) {
    Made made = EncoderFile();
    made.file.scalars["opts.encoder_type"] = std::string(type);
    CHECK(Contains(made.Refusal(), std::string("opts.encoder_type is ") + type));
    const bool restyle = Contains(type, "BackboneEncoder") && !Contains(type, "UsingLastLayer");
    CHECK(Contains(made.Refusal(), "ReStyle") == restyle);
    // With other tensors, with and without a decoder beside them.
    Made other;
    other.Add("state_dict.encoder.linear.weight", DType::kF32, {1}, "abcd");
    other.file.scalars["opts.encoder_type"] = std::string(type);
    CHECK(Contains(other.Refusal(), std::string("opts.encoder_type is ") + type));
    AddNetwork(&other, PlainGenerator(), "state_dict.decoder.");
    CHECK(Contains(other.Refusal(), std::string("opts.encoder_type is ") + type));
    // A generator alone does not need it.
    other.Remove("encoder.linear.weight");
    CHECK(other.Found().generator);
  }
  Made numbered = EncoderFile();
  numbered.file.scalars["opts.encoder_type"] = int64_t{3};
  CHECK(Contains(numbered.Refusal(), "opts.encoder_type is in a form that is not understood"));

  Made restyle = EncoderFile();
  restyle.Remove("input_layer.0.weight");
  restyle.Add("state_dict.encoder.input_layer.0.weight", DType::kF32, {4, 6, 3, 3}, std::string(864, '\0'));
  CHECK(Contains(restyle.Refusal(), "ReStyle"));
  Made stated = EncoderFile();
  stated.file.scalars["opts.input_nc"] = int64_t{6};
  CHECK(Contains(stated.Refusal(), "opts.input_nc is 6, 3 expected: ReStyle"));
  stated.file.scalars["opts.input_nc"] = int64_t{19};
  CHECK(Contains(stated.Refusal(), "label maps"));
  stated.file.scalars["opts.input_nc"] = 3.0;
  stated.Found();
}

TEST_CASE("the size that an encoder was trained for agrees with its heads") {
  Made made = EncoderFile();  // 4 rows: 8 pixels
  for (const auto& [type, size, other] :
       {std::tuple("Encoder4Editing", "opts.stylegan_size", "opts.output_size"),
        std::tuple("GradualStyleEncoder", "opts.output_size", "opts.stylegan_size")}) {
    made.file.scalars = {
        {"opts.encoder_type", std::string(type)}, {other, int64_t{1024}}, {size, int64_t{8}}};
    made.Found();
    made.file.scalars[size] = int64_t{1024};
    CHECK(Contains(made.Refusal(), std::string(size) + " is 1024, which has 18 rows; the encoder has 4"));
    made.file.scalars[size] = std::string("large");
    CHECK(Contains(made.Refusal(), size));
  }
}

TEST_CASE("sizes that no network has are refused") {
  const auto refusal = [](const ModelConfig& config, const char* prefix = "") {
    Made made;
    AddNetwork(&made, config, prefix);
    return made.Refusal();
  };
  ModelConfig encoder = PlainEncoder();
  encoder.encoder->input_size = 16 << 9;
  CHECK(Contains(refusal(encoder), "too many convolutions"));
  encoder = PlainEncoder();
  encoder.encoder->trunk.stage_channels = {4, 6, 8, 10, 12};
  encoder.encoder->trunk.stage_blocks = {1, 1, 1, 1, 1};
  CHECK(Contains(refusal(encoder), "5 blocks of 5 widths, 4 expected"));
  ModelConfig attributes = TinyAttributes();
  attributes.attributes->outputs.clear();
  for (int i = 0; i < 65; ++i) attributes.attributes->outputs.push_back("o" + std::to_string(i));
  CHECK(Contains(refusal(attributes), "1 to 64 outputs expected"));

  Made trunk = EncoderFile();
  trunk.Remove("body.0.res_layer.5.fc1.weight");
  CHECK(Contains(trunk.Refusal(), "no squeeze-and-excitation layer"));
  Made shape = EncoderFile();
  shape.Remove("styles.1.linear.bias");
  shape.Add("state_dict.encoder.styles.1.linear.bias", DType::kF32, {3}, std::vector<float>(3));
  CHECK(Contains(shape.Refusal(), "styles.1.linear.bias is [3], ["));
  Made flags = EncoderFile();
  for (ForeignTensor& tensor : flags.file.tensors) {
    if (tensor.name.ends_with("styles.1.linear.bias")) tensor.type = tensor.storage.type = DType::kBool;
  }
  CHECK(Contains(flags.Refusal(), "styles.1.linear.bias is BOOL"));
  Made filters;
  AddNetwork(&filters, PlainGenerator(), "g_ema.");
  filters.Found();
  for (ForeignTensor& tensor : filters.file.tensors) {
    if (!tensor.name.ends_with("kernel")) continue;
    tensor.storage.source = Source(BytesOf(std::vector<float>(16, 0.125f)));
    break;
  }
  CHECK(Contains(filters.Refusal(), " differs from "));
}

TEST_CASE("FIR filters may be left out") {
  for (const auto& [config, end, sum] : {std::tuple(PlainGenerator(), ".kernel", 4.0),
                                         std::tuple(TinyNvidiaGenerator(), ".resample_filter", 1.0)}) {
    Made made;
    AddNetwork(&made, config, "");
    made.Remove(end);
    const auto found = made.Detect();
    REQUIRE_MESSAGE(found.ok(), found.status().message());
    CHECK(made.Notes("FIR filters are not in the file: [1,3,3,1] is taken"));
    int filters = 0;
    for (const ForeignTensor& tensor : (*found)[0].tensors) {
      if (!tensor.name.ends_with(end)) continue;
      const auto values = Floats(tensor);
      const float taps[] = {1, 3, 3, 1};
      for (size_t i = 0; i < 16; ++i)
        CHECK(values[i] == taps[i / 4] * taps[i % 4] / 64 * static_cast<float>(sum));
      ++filters;
    }
    CHECK(filters >= 2);
  }
  Made some;
  AddNetwork(&some, PlainGenerator(), "");
  some.Remove("upsample.kernel");
  const auto found = some.Detect();
  REQUIRE(found.ok());
  CHECK(some.Notes("the same as the others"));
  for (const ForeignTensor& tensor : (*found)[0].tensors) {
    if (tensor.name.ends_with("kernel")) CHECK(Floats(tensor) == std::vector<float>(16, 0.0625f));
  }
}

TEST_CASE("a network that lacks one telling tensor is named, with the reason") {
  Made generator;
  AddNetwork(&generator, PlainGenerator(), "g_ema.");
  generator.Remove("g_ema.style.1.weight");
  CHECK(Contains(generator.Refusal(),
                 "the generator in g_ema cannot be read: g_ema.style.1.weight is missing"));
  generator.file.unread = {{"a", "a set"}, {"g_ema.style.1.weight", "a sparse tensor"}};
  CHECK(Contains(generator.Refusal(),
                 "the generator in g_ema cannot be read: g_ema.style.1.weight is a sparse tensor"));

  Made flow;
  AddNetwork(&flow, TinyFlow(), "model.");
  flow.Remove("_transforms.0.identity_features");
  flow.file.unread["model._transform._transforms.0.identity_features"] = "a U64 tensor [4]";
  CHECK(Contains(flow.Refusal(), "the flow in model cannot be read"));

  Made both = EncoderFile();
  AddNetwork(&both, PlainGenerator(), "state_dict.decoder.");
  CHECK(both.Detect()->size() == 2);
  both.Remove("decoder.to_rgb1.conv.weight");
  both.file.unread["state_dict.decoder.to_rgb1.conv.weight"] = "a sparse tensor";
  both.Found();  // the encoder alone
  CHECK(both.Notes("the generator in state_dict.decoder cannot be read"));
}

TEST_CASE("some of the noise maps: the others are demanded") {
  for (const auto& [config, first] : {std::pair(PlainGenerator(), "noises.noise_0"),
                                      std::pair(TinyNvidiaGenerator(), "b4.conv1.noise_const")}) {
    Made made;
    AddNetwork(&made, config, "");
    made.Remove(first);
    const std::string refusal = made.Refusal();
    CHECK_MESSAGE(Contains(refusal, std::string(first) + " [1,1,4,4] is missing") !=
                      Contains(refusal, std::string(first) + " [4,4] is missing"),
                  refusal);
  }
}

TEST_CASE("what an encoder's file says of its codes is never dropped") {
  Made made = EncoderFile();
  made.Found();
  CHECK(made.Notes("has no latent_avg"));
  made.file.scalars["opts.start_from_latent_avg"] = false;
  made.Found();
  CHECK_FALSE(made.Notes("has no latent_avg"));
  made.file.scalars["opts.learn_in_w"] = true;
  CHECK(Contains(made.Refusal(), "opts.learn_in_w is true"));
  made.file.scalars = {{"opts.0.0", std::string("encoder_type")},
                       {"opts.0.1", std::string("GradualStyleEncoder")}};
  CHECK(Contains(made.Refusal(), "the settings opts are in a form that is not understood"));
}

}  // namespace
}  // namespace mien::testing
