// The foreign readers against files written by the public programs, and conversion of them.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "tests/weights/support.h"
#include "weights/import/convert.h"
#include "weights/import/detect.h"

namespace mien::testing {
namespace {

std::string Data(const std::string& name) {
  return std::string(MIEN_SOURCE_DIR) + "/tests/data/golden/" + name;
}

TensorFile OpenGolden(const std::string& path) {
  auto file = File::Open(path);
  REQUIRE_MESSAGE(file.ok(), std::string(file.status().message()));
  auto tensors = TensorFile::Open(std::make_shared<File>(std::move(*file)), TensorFile::Profile::kPlain);
  REQUIRE_MESSAGE(tensors.ok(), std::string(tensors.status().message()));
  return std::move(*tensors);
}

std::string BytesIn(const TensorFile& file, const TensorEntry& entry) {
  std::string bytes(entry.bytes, '\0');
  REQUIRE(file.Read(entry, std::as_writable_bytes(std::span(bytes))).ok());
  return bytes;
}

std::string BytesIn(const ForeignTensor& tensor) {
  std::vector<std::byte> bytes;
  REQUIRE(ReadContiguous(tensor, &bytes).ok());
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

TEST_CASE("the stress containers are dumped as torch sees them") {
  for (const char* name : {"container_a_zip", "container_b_legacy"}) {
    const std::string output = TemporaryPath("dump.safetensors");
    const auto report = ConvertTensorsOnly(Data(std::string(name) + ".pt"), output, {});
    REQUIRE_MESSAGE(report.ok(), std::string(report.status().message()));
    const TensorFile ours = OpenGolden(output),
                     expected = OpenGolden(Data(std::string(name) + ".expect.safetensors"));
    for (const TensorEntry& entry : expected.tensors()) {
      const TensorEntry* mine = ours.Find(entry.name);
      REQUIRE_MESSAGE(mine != nullptr, entry.name);
      CHECK(mine->type == entry.type);
      CHECK(mine->shape == entry.shape);
      CHECK_MESSAGE(BytesIn(ours, *mine) == BytesIn(expected, entry), entry.name);
    }
    CHECK(ours.tensors().size() == expected.tensors().size() + 1);  // bf16 itself
    unlink(output.c_str());
  }
}

TEST_CASE("scalars of the stress containers") {
  const auto file = ReadForeign(Data("container_a_zip.pt"));
  REQUIRE(file.ok());
  const auto scalar = [&](const char* name) { return file->scalars.at(name); };
  CHECK(scalar("opts.huge") == ForeignScalar(int64_t{1} << 40));
  CHECK(scalar("opts.neg") == ForeignScalar(int64_t{-5}));
  CHECK(scalar("opts.lr") == ForeignScalar(0.0001));
  CHECK(scalar("opts.none") == ForeignScalar());
  CHECK(scalar("opts.flag") == ForeignScalar(true));
  CHECK(scalar("opts.list.3.1") == ForeignScalar(false));
  CHECK(scalar("opts.size.1") == ForeignScalar(int64_t{3}));
  CHECK(scalar("opts.unicode") == ForeignScalar(std::string("za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87")));
}

TEST_CASE("the module pickles hold exactly the state dict of G_ema") {
  for (const char* name : {"nv_tiny_a", "nv_tiny_b_clamp"}) {
    const auto file = ReadForeign(Data(std::string(name) + ".pkl"));
    REQUIRE_MESSAGE(file.ok(), std::string(file.status().message()));
    const TensorFile expected = OpenGolden(Data(std::string(name) + ".io.safetensors"));
    size_t compared = 0, there = 0;
    for (const TensorEntry& entry : expected.tensors()) {
      if (!entry.name.starts_with("state/")) continue;
      const ForeignTensor* tensor = file->Find("G_ema." + entry.name.substr(6));
      REQUIRE_MESSAGE(tensor != nullptr, entry.name);
      CHECK(tensor->shape == entry.shape);
      CHECK_MESSAGE(BytesIn(*tensor) == BytesIn(expected, entry), entry.name);
      ++compared;
    }
    for (const ForeignTensor& tensor : file->tensors) there += tensor.name.starts_with("G_ema.") ? 1 : 0;
    CHECK(compared > 40);
    CHECK(there == compared);
  }
}

// Converts and opens the result.
std::shared_ptr<const ModelFile> Converted(const std::vector<std::string>& names,
                                           const ConvertOptions& options = {},
                                           std::vector<std::string>* notes = nullptr) {
  std::vector<std::string> paths;
  for (const std::string& name : names) paths.push_back(name[0] == '/' ? name : Data(name));
  const std::string output = TemporaryPath("model.safetensors");
  const auto report = Convert(paths, output, options);
  REQUIRE_MESSAGE(report.ok(), std::string(report.status().message()));
  if (notes) *notes = report->notes;
  const auto model = ModelFile::Open(output);
  REQUIRE_MESSAGE(model.ok(), std::string(model.status().message()));
  unlink(output.c_str());
  CHECK((*model)->file().metadata().at(std::string(kSourceHashKey) + "0").size() == 64);
  return *model;
}

bool Says(const std::vector<std::string>& notes, std::string_view part) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(part) != note.npos; });
}

TEST_CASE("rosinality checkpoints, zip and legacy") {
  const auto a = Converted({"rosi_tiny_a.pt"});
  const GeneratorConfig& g = *a->config().generator;
  CHECK(g.convention == Convention::kRosinality);
  CHECK(g.resolution == 32);
  CHECK(g.z_dim == 64);
  CHECK(g.w_dim == 64);
  CHECK(g.mapping_layers == 4);
  CHECK(g.channels == std::vector<int>{48, 48, 32, 16});
  CHECK(g.has_latent_avg);
  CHECK(g.has_noise_maps);
  CHECK(g.rounding == PixelRounding::kUnit);
  CHECK_FALSE(g.clamp);
  const auto b = Converted({"rosi_tiny_b_legacy.pt"});
  CHECK(b->config().generator->channels == std::vector<int>{24, 20, 12});
  CHECK(b->config().generator->mapping_layers == 2);
}

TEST_CASE("NVIDIA pickles") {
  const auto a = Converted({"nv_tiny_a.pkl"});
  const GeneratorConfig& ga = *a->config().generator;
  CHECK(ga.convention == Convention::kNvidia);
  CHECK(ga.z_dim == 64);
  CHECK(ga.w_dim == 48);
  CHECK(ga.channels == std::vector<int>{40, 40, 32, 16});
  CHECK(ga.mapping_layers == 8);
  CHECK(ga.rounding == PixelRounding::kShifted);
  CHECK_FALSE(ga.clamp);
  CHECK(ga.fp16_resolutions == 0);
  const auto b = Converted({"nv_tiny_b_clamp.pkl"});
  CHECK(b->config().generator->clamp == 2.0f);
  CHECK(b->config().generator->fp16_resolutions == 1);
  CHECK(b->config().generator->mapping_layers == 2);
  // Values, through strides that are not row-major.
  const TensorFile expected = OpenGolden(Data("nv_tiny_b_clamp.io.safetensors"));
  for (const TensorEntry& entry : b->file().tensors()) {
    const TensorEntry* source = expected.Find("state/" + entry.name.substr(std::strlen("generator.")));
    REQUIRE(source != nullptr);
    CHECK(BytesIn(b->file(), entry) == BytesIn(expected, *source));
  }
}

TEST_CASE("flow checkpoints") {
  const auto a = Converted({"flow_small_a.pt"});
  const FlowConfig& f = *a->config().flow;
  CHECK(f.features == 64);
  CHECK(f.hidden == 64);
  CHECK(f.layers == 4);
  CHECK(f.blocks == 2);
  CHECK(f.contexts == 18);
  CHECK_FALSE(f.additive);
  CHECK(f.norm_between);
  CHECK_FALSE(f.norm_within);
  CHECK(f.attributes == kFlowAttributes);
  CHECK(f.attribute_min[2] == -52.3f);
  CHECK(f.attribute_max[6] == 72.0f);
  const auto b = Converted({"flow_small_b_dist_legacy.pt"});
  CHECK(b->config().flow->features == 32);
  CHECK(b->config().flow->blocks == 1);
}

// A model's tensors as a state dict under source keys.
std::string WriteStateDict(const ModelConfig& config, const std::string& component, const std::string& file,
                           const std::string& prefix, const std::vector<OwnedTensor>& more = {}) {
  auto tensors = MadeUpTensors(config);
  for (OwnedTensor& tensor : tensors) {
    const std::string bare = tensor.name.substr(component.size());
    tensor.name = bare == "latent_avg" ? bare : prefix + bare;
    // As in real nets, one filter everywhere.
    if (bare.ends_with("kernel") || bare.ends_with("filter"))
      tensor.bytes = BytesOf(std::vector<float>(16, 0.0625f));
  }
  tensors.insert(tensors.end(), more.begin(), more.end());
  const std::string path = TemporaryPath(file), bytes = EncodeFile(tensors, {}, TensorFile::Profile::kPlain);
  REQUIRE(WriteFileAtomically(path, std::as_bytes(std::span(bytes))).ok());
  return path;
}

OwnedTensor Counter(const std::string& name) { return {name, DType::kI64, {1}, std::string(8, '\0')}; }

TEST_CASE("state dicts in safetensors, with and without prefix") {
  for (const char* prefix : {"", "encoder.", "state_dict.encoder."}) {
    ModelConfig config = TinyEncoder();
    config.encoder->trunk.stage_channels = {4, 6, 8, 10};
    config.encoder->head_channels = 10;
    const std::string path =
        WriteStateDict(config, "encoder.", "state.safetensors", prefix,
                       {Counter(std::string(prefix) + "input_layer.1.num_batches_tracked")});
    const auto model = Converted({path});
    CHECK(ConfigToJson(model->config()) == ConfigToJson(config));
    unlink(path.c_str());
  }
  for (const ModelConfig& config : {TinyGenerator(), TinyNvidiaGenerator()}) {
    const std::string path = WriteStateDict(config, "generator.", "state.safetensors", "");
    ModelConfig expected = config;
    expected.generator->clamp.reset();  // a state dict does not hold it
    CHECK(ConfigToJson(Converted({path})->config()) == ConfigToJson(expected));
    unlink(path.c_str());
  }
}

TEST_CASE("flows of every kind") {
  for (int features : {6, 7}) {
    for (int bits = 0; bits < 8; ++bits) {
      ModelConfig config = TinyFlow();
      FlowConfig& f = *config.flow;
      f.features = features;
      f.additive = bits & 1;
      f.norm_within = bits & 2;
      f.norm_between = bits & 4;
      f.layers = 3;
      const std::string path =
          WriteStateDict(config, "flow.", "flow.safetensors", "model.",
                         {{"model._distribution._context_encoder.bias", DType::kF32, {1}, "abcd"}});
      const auto model = Converted({path});
      f.attributes.assign(kFlowAttributes.begin(), kFlowAttributes.begin() + std::min(8, features));
      f.attribute_min = model->config().flow->attribute_min;
      f.attribute_max = model->config().flow->attribute_max;
      CHECK(ConfigToJson(model->config()) == ConfigToJson(config));
      unlink(path.c_str());
    }
  }
}

TEST_CASE("classifier and recogniser") {
  ModelConfig config;
  auto& a = config.attributes.emplace();
  a.stage_channels = {3, 4, 5, 6};
  a.stage_blocks = {2, 1, 1, 2};
  a.outputs = kClassifierOutputs;
  const std::string classifier = WriteStateDict(config, "attributes.", "rn.safetensors", "");
  CHECK(ConfigToJson(Converted({classifier})->config()) == ConfigToJson(config));
  // Beside a generator, the input is no larger than what that makes.
  CHECK(Converted({classifier, "rosi_tiny_a.pt"})->config().attributes->input_size == 32);
  unlink(classifier.c_str());

  ModelConfig face;
  auto& r = face.recognizer.emplace();
  r.trunk = {4, {4, 6, 8, 10}, {1, 2, 1, 1}, 2};
  r.input_size = 48;
  r.embedding = 5;
  const std::string recogniser = WriteStateDict(face, "recognizer.", "ir.safetensors", "");
  CHECK(ConfigToJson(Converted({recogniser})->config()) == ConfigToJson(face));
  unlink(recogniser.c_str());
}

// An e4e file: encoder, decoder and one row of averages per style.
std::string WriteEncoderFile(bool equal_rows, const std::vector<OwnedTensor>& more = {}) {
  ModelConfig encoder = TinyEncoder(), decoder = TinyGenerator();
  encoder.encoder->trunk.stage_channels = {4, 5, 6, 8};
  decoder.generator->has_latent_avg = false;
  auto tensors = more;
  for (OwnedTensor tensor : MadeUpTensors(decoder)) {
    tensor.name = "state_dict.decoder." + tensor.name.substr(std::strlen("generator."));
    if (tensor.name.ends_with("kernel")) tensor.bytes = BytesOf(std::vector<float>(16, 0.0625f));
    tensors.push_back(tensor);
  }
  std::vector<float> average(4 * 6);
  for (size_t i = 0; i < average.size(); ++i) average[i] = static_cast<float>(equal_rows ? i % 6 : i);
  tensors.push_back({"latent_avg", DType::kF32, {4, 6}, BytesOf(average)});
  for (const OwnedTensor& tensor : tensors) (void)tensor;
  encoder.encoder->adds_latent_avg = false;
  return WriteStateDict(encoder, "encoder.", "e4e.safetensors", "state_dict.encoder.", tensors);
}

TEST_CASE("an e4e file gives encoder and generator") {
  std::vector<std::string> notes;
  const std::string equal = WriteEncoderFile(true);
  const auto model = Converted({equal}, {}, &notes);
  CHECK(model->config().encoder->adds_latent_avg);
  CHECK(model->config().generator->has_latent_avg);
  std::vector<float> row(6);
  REQUIRE(model->ReadFloats("generator.latent_avg", row).ok());
  CHECK(row == std::vector<float>{0, 1, 2, 3, 4, 5});
  const std::string different = WriteEncoderFile(false);
  const auto second = Converted({different}, {}, &notes);
  CHECK(second->config().encoder->adds_latent_avg);
  CHECK_FALSE(second->config().generator->has_latent_avg);
  CHECK(Says(notes, "latent_avg has rows that differ"));
  CHECK(Says(notes, "no average latent"));
  CHECK(Says(notes, "taken for e4e's"));

  // An explicit generator wins over the decoder, whichever comes first.
  ModelConfig explicit_generator = TinyGenerator();
  explicit_generator.generator->mapping_layers = 3;
  const std::string generator = WriteStateDict(explicit_generator, "generator.", "g.safetensors", "g_ema.");
  CHECK(Converted({generator, equal})->config().generator->mapping_layers == 3);
  CHECK(Converted({equal, generator})->config().generator->mapping_layers == 3);
  // Otherwise the later one does.
  explicit_generator.generator->mapping_layers = 4;
  const std::string later = WriteStateDict(explicit_generator, "generator.", "g2.safetensors", "g.");
  CHECK(Converted({generator, later}, {}, &notes)->config().generator->mapping_layers == 4);
  CHECK(notes.size() == 1);
  for (const std::string& path : {equal, different, generator, later}) unlink(path.c_str());
}

TEST_CASE("g_ema is preferred to g") {
  ModelConfig averaged = TinyGenerator(), raw = TinyGenerator();
  averaged.generator->has_latent_avg = raw.generator->has_latent_avg = false;
  raw.generator->mapping_layers = 5;
  std::vector<OwnedTensor> more;
  for (OwnedTensor tensor : MadeUpTensors(raw)) {
    tensor.name = "g." + tensor.name.substr(std::strlen("generator."));
    more.push_back(tensor);
  }
  const std::string path = WriteStateDict(averaged, "generator.", "both.safetensors", "g_ema.", more);
  CHECK(Converted({path})->config().generator->mapping_layers == 2);
  unlink(path.c_str());
}

TEST_CASE("one model of several sources, and a model as a source") {
  const auto merged = Converted({"rosi_tiny_a.pt", "flow_small_a.pt"});
  CHECK(merged->config().generator);
  CHECK(merged->config().flow);
  const std::string first = TemporaryPath("first.safetensors"), flow = Data("flow_small_a.pt");
  REQUIRE(Convert({Data("nv_tiny_b_clamp.pkl")}, first, {}).ok());
  CHECK(Converted({first})->config().generator->clamp == 2.0f);
  const auto report = Convert({first, flow}, TemporaryPath("never"), {});
  CHECK(report.status().code() == Code::kRefused);  // 32 against 64 features
  CHECK(access(TemporaryPath("never").c_str(), F_OK) != 0);
  unlink(first.c_str());
}

TEST_CASE("half precision where it is safe") {
  ConvertOptions options;
  options.fp16 = true;
  std::vector<std::string> notes;
  const auto flow = Converted({"flow_small_a.pt"}, options, &notes);
  const auto full = Converted({"flow_small_a.pt"});
  CHECK(notes.size() == 1);  // the optimiser's tensors are not needed
  for (const TensorEntry& entry : flow->file().tensors()) {
    const bool kept = entry.name.find("running_") != std::string::npos;
    const bool index = entry.name.ends_with("_features");
    CHECK(entry.type == (index ? DType::kI64 : kept ? DType::kF32 : DType::kF16));
    if (index) continue;
    std::vector<float> half(static_cast<size_t>(entry.shape.elements())), whole(half.size());
    REQUIRE(flow->ReadFloats(entry.name, half).ok());
    REQUIRE(full->ReadFloats(entry.name, whole).ok());
    for (size_t i = 0; i < half.size(); ++i) {
      CHECK(half[i] == (kept ? whole[i] : HalfToFloat(FloatToHalf(whole[i]))));
    }
  }
  auto tensors = MadeUpTensors(TinyFlow());
  const float large = 70000;
  std::memcpy(tensors[2].bytes.data(), &large, 4);
  for (OwnedTensor& tensor : tensors) tensor.name = tensor.name.substr(std::strlen("flow."));
  const std::string path = TemporaryPath("large.safetensors"),
                    bytes = EncodeFile(tensors, {}, TensorFile::Profile::kPlain);
  REQUIRE(WriteFileAtomically(path, std::as_bytes(std::span(bytes))).ok());
  const auto model = Converted({path}, options, &notes);
  CHECK(Says(notes, "would overflow"));
  CHECK(model->file().Find("flow." + tensors[2].name)->type == DType::kF32);
  unlink(path.c_str());
}

TEST_CASE("what is wrong with a source is said by name") {
  const auto refused = [](auto change, const char* part) {
    auto tensors = MadeUpTensors(TinyFlow());
    for (OwnedTensor& tensor : tensors) tensor.name = tensor.name.substr(std::strlen("flow."));
    change(tensors);
    const std::string path = TemporaryPath("wrong.safetensors");
    const std::string bytes = EncodeFile(tensors, {}, TensorFile::Profile::kPlain);
    REQUIRE(WriteFileAtomically(path, std::as_bytes(std::span(bytes))).ok());
    const auto report = Convert({path}, TemporaryPath("never"), {});
    CHECK(report.status().code() == Code::kRefused);
    CHECK_MESSAGE(std::strstr(report.status().message(), part) != nullptr,
                  std::string(report.status().message()));
    CHECK(access(TemporaryPath("never").c_str(), F_OK) != 0);
    unlink(path.c_str());
  };
  using Tensors = std::vector<OwnedTensor>;
  refused([](Tensors& t) { std::memcpy(t[2].bytes.data() + 4, "\0\0\xc0\x7f", 4); },
          "element 1 is not a finite number");
  refused([](Tensors& t) { std::memcpy(t[2].bytes.data(), "\0\0\x80\xff", 4); }, "element 0");
  refused([](Tensors& t) { t[0].bytes[0] = 9; }, "column 9");
  refused([](Tensors& t) { t.pop_back(); }, "is missing");
  refused([](Tensors& t) { t[0].type = DType::kI16, t[0].bytes.resize(t[0].bytes.size() / 4); },
          "is I16, I64 expected");
  refused(
      [](Tensors& t) {
        t.push_back({"_transform.odd", DType::kF32, {1}, "abcd"});
      },
      "_transform.odd does not belong");
  refused([](Tensors& t) { t.erase(t.begin()); }, "no network that this program knows");
  refused([](Tensors& t) { t.push_back({"minmax", DType::kF32, {2, 9}, std::string(72, '\0')}); }, "minmax");
  refused(
      [](Tensors& t) {
        t.push_back({"minmax", DType::kF32, {2, 1}, std::string(8, '\0')});
      },
      "gender goes from 0 to 0");
}

TEST_CASE("a generator without average gets the one that is estimated, and it is said") {
  for (ModelConfig config : {TinyGenerator(), TinyNvidiaGenerator()}) {
    config.generator->has_latent_avg = false;
    config.encoder = TinyEncoder().encoder;  // its tensors come behind those of the generator
    config.encoder->trunk.stage_channels = {4, 5, 6, 8};
    const std::string path = WriteStateDict(config, "", "plain.safetensors", "");
    ConvertOptions options;
    std::vector<std::string> notes;
    const auto plain = Converted({path}, options, &notes);
    CHECK_FALSE(plain->config().generator->has_latent_avg);
    CHECK(Says(notes, "no average latent"));

    options.average_latent = [&](const ModelConfig& given,
                                 const FloatReader& read) -> Result<std::vector<float>> {
      CHECK(given.generator->w_dim == 6);
      std::vector<float> bias(6), expected(6);
      const std::string name = config.generator->convention == Convention::kNvidia
                                   ? "generator.mapping.fc0.bias"
                                   : "generator.style.1.bias";
      REQUIRE(read(name, bias).ok());
      REQUIRE(plain->ReadFloats(name, expected).ok());
      CHECK(bias == expected);
      return std::vector<float>{1, 2, 3, 4, 5, 6};
    };
    options.card = "# Mine";
    const auto model = Converted({path}, options, &notes);
    CHECK(model->config().generator->has_latent_avg);
    std::vector<float> average(6);
    REQUIRE(model->ReadFloats(AverageName(*model->config().generator), average).ok());
    CHECK(average == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(Says(notes, "mean of w over 10000 seeds"));
    CHECK(model->card().find("# Mine\n\nThe average latent of the generator was not in its file") == 0);
    // Everything else is as it was.
    for (const TensorEntry& entry : plain->file().tensors())
      CHECK(BytesIn(model->file(), *model->file().Find(entry.name)) == BytesIn(plain->file(), entry));

    options.average_latent = [](const ModelConfig&, const FloatReader&) -> Result<std::vector<float>> {
      return Status::Error(Code::kInterrupted, "interrupted");
    };
    CHECK(Convert({path}, TemporaryPath("never"), options).status().code() == Code::kInterrupted);
    CHECK(access(TemporaryPath("never").c_str(), F_OK) != 0);
    unlink(path.c_str());
  }
  std::vector<std::string> notes;  // a file with an average is not asked about it
  ConvertOptions options;
  options.average_latent = [](const ModelConfig&, const FloatReader&) -> Result<std::vector<float>> {
    FAIL("asked for an average that is there");
    return std::vector<float>();
  };
  Converted({"rosi_tiny_a.pt"}, options, &notes);
  CHECK_FALSE(Says(notes, "average"));
}

TEST_CASE("interrupted between tensors, nothing is left behind") {
  ConvertOptions options;
  int left = 5;
  options.interrupted = [&] { return --left < 0; };
  const std::string path = TemporaryPath("never");
  CHECK(Convert({Data("rosi_tiny_b_legacy.pt")}, path, options).status().code() == Code::kInterrupted);
  CHECK(access(path.c_str(), F_OK) != 0);
  options.interrupted = [] { return true; };
  CHECK(ConvertTensorsOnly(Data("rosi_tiny_b_legacy.pt"), path, options).status().code() ==
        Code::kInterrupted);
  CHECK(access(path.c_str(), F_OK) != 0);
  CHECK(Convert({}, path, {}).status().code() == Code::kUsage);
}

TEST_CASE("a config that is stated fits the tensors beside it") {
  ModelConfig config = TinyFlow();
  const auto merged = [&] {
    return MergeSources({Source(EncodeFile(MadeUpTensors(TinyFlow()), {{kConfigKey, ConfigToJson(config)}},
                                           TensorFile::Profile::kPlain))},
                        {"file"})
        .status();
  };
  CHECK(merged().ok());
  ++config.flow->blocks;
  CHECK(std::strstr(merged().message(), "its tensors do not fit the config stated") != nullptr);
}

TEST_CASE("a dump keeps the name of the wrapper where two names would collide") {
  const auto names = [](const std::string& first, const std::string& second) {
    const std::string source = TemporaryPath("wrapped.safetensors"),
                      output = TemporaryPath("plain.safetensors");
    const std::string bytes = EncodeFile({{first, DType::kU8, {1}, "a"}, {second, DType::kU8, {1}, "b"}}, {},
                                         TensorFile::Profile::kPlain);
    REQUIRE(WriteFileAtomically(source, std::as_bytes(std::span(bytes))).ok());
    const auto report = ConvertTensorsOnly(source, output, {});
    REQUIRE_MESSAGE(report.ok(), report.status().message());
    std::string all;
    const TensorFile dumped = OpenGolden(output);
    for (const TensorEntry& entry : dumped.tensors()) all += entry.name + " ";
    unlink(source.c_str()), unlink(output.c_str());
    return all;
  };
  CHECK(names("state_dict.a", "state_dict.b") == "a b ");
  CHECK(names("a", "state_dict.a") == "a state_dict.a ");
  CHECK(names("state_dict.a", "state_dict.state_dict.a") == "state_dict.a state_dict.state_dict.a ");
}

}  // namespace
}  // namespace mien::testing
