// Weights of TensorFlow.js: what a manifest and its binary files hold, and what is refused of them; and how the
// container keeps quantised numbers.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "tests/weights/made_file.h"
#include "weights/import/convert.h"

namespace mien::testing {
namespace {

const std::string kData = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/";

std::string Weight(const std::string& name, const std::string& shape, const std::string& rest = "\"float32\"") {
  return R"({"name":")" + name + R"(","shape":)" + shape + R"(,"dtype":)" + rest + "}";
}
const std::string kQuantised = R"("float32","quantization":{"dtype":"uint8","scale":0.1,"min":-1.5})";

std::string Manifest(const std::string& weights, const std::string& path = "a.bin") {
  return R"([{"weights":[)" + weights + R"(],"paths":[")" + path + R"("]}])";
}

Result<ForeignFile> Read(const std::string& bytes) { return ReadForeign(Source(bytes)); }

std::string Refusal(const std::string& bytes) {
  const auto file = Read(bytes);
  REQUIRE_FALSE(file.ok());
  CHECK(file.status().code() == Code::kRefused);
  return file.status().message();
}

// A folder of this process.
struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  void Put(const std::string& name, const std::string& bytes) const {
    std::ofstream(path + "/" + name, std::ios::binary) << bytes;
  }
  std::string path = TemporaryPath("manifests");
};

std::string Counted(size_t n) {
  std::string bytes(n, '\0');
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<char>(i);
  return bytes;
}

TEST_CASE("a manifest: axes in the order of torch, quantised numbers with their scale, what is no tensor listed") {
  const std::string weights = Weight("conv/filters", "[2,1,3,2]", kQuantised) + "," +
                              Weight("conv/depthwise_filter", "[1,2,3,1]", kQuantised) + "," +
                              Weight("fc", "[2,3]", kQuantised) + "," + Weight("bias", "[1]") + "," +
                              Weight("size", "[2]", R"("int32","quantization":{"dtype":"uint8","scale":1,"min":-1})") +
                              "," + Weight("half", "[1]", R"("float32","quantization":{"dtype":"float16"})");
  const std::string bytes = Manifest(weights) + Counted(12 + 6 + 6) + BytesOf(std::vector<float>{2.5f}) + "ab" + "cd";
  const auto file = Read(bytes);
  REQUIRE_MESSAGE(file.ok(), file.status().message());
  CHECK(file->kind == "TensorFlow.js weights");
  REQUIRE(file->tensors.size() == 4);
  CHECK(file->unread.size() == 2);
  CHECK(Contains(file->unread.at("size"), "int32"));

  const ForeignTensor& filters = *file->Find("conv/filters");
  CHECK(filters.shape == Shape{2, 3, 2, 1});  // out, in, height, width
  std::vector<std::byte> stored;
  REQUIRE(ReadContiguous(filters, &stored).ok());
  const int expected[] = {0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11};
  for (size_t i = 0; i < 12; ++i) CHECK(static_cast<int>(stored[i]) == expected[i]);
  REQUIRE(filters.quantization.has_value());
  std::vector<float> floats(12);
  size_t bad = 0;
  REQUIRE(ConvertToFloats(filters.type, filters.quantization, stored, floats, &bad));
  for (size_t i = 0; i < 12; ++i) CHECK(floats[i] == static_cast<float>(expected[i] * 0.1 + -1.5));

  CHECK(file->Find("conv/depthwise_filter")->shape == Shape{3, 1, 1, 2});
  REQUIRE(ReadContiguous(*file->Find("conv/depthwise_filter"), &stored).ok());
  const int own[] = {12, 15, 13, 16, 14, 17};
  for (size_t i = 0; i < 6; ++i) CHECK(static_cast<int>(stored[i]) == own[i]);
  CHECK(file->Find("fc")->shape == Shape{3, 2});
  CHECK(file->Find("bias")->type == DType::kF32);
  CHECK(Floats(*file->Find("bias"))[0] == 2.5f);
}

TEST_CASE("what is wrong with a manifest is said, and nothing of it is believed") {
  const std::string good = Weight("a", "[2]", kQuantised);
  REQUIRE(Read(Manifest(good) + "ab").ok());
  CHECK(Contains(Refusal(Manifest(good) + "a"), "a: it lies beyond the end"));
  CHECK(Contains(Refusal(Manifest(good) + "abc"), "bytes, there are"));
  for (const char* other : {"{[\"weights\":[]}]", "[[\"weights\":[]]]", "{{\"weights\":[]}}", "  \"weights\""})
    CHECK_MESSAGE(!Contains(Refusal(other), "manifest"), other);
  for (const char* path : {"../a.bin", "/etc/passwd", "b/a.bin", "..", ".", "", "a b", "a\\u0000b"})
    CHECK_MESSAGE(Contains(Refusal(Manifest(good, path) + "ab"), "beside it"), path);
  CHECK(Contains(Refusal(R"([{"weights":[],"paths":["a","b"]}])"), "one file"));
  CHECK(Contains(Refusal(R"([{"weights":{},"paths":["a"]}])"), "\"weights\""));
  CHECK(Contains(Refusal(R"([{"paths":["a"]}])"), "\"weights\""));
  CHECK(Contains(Refusal(Manifest(R"({"shape":[1],"dtype":"float32"})")), "without a name"));
  for (const char* shape : {"[-1]", "[1.5]", "[\"1\"]", "2", "null", "[1048577]", "[1048576,1048576]", "[1,1,1,1,1,1]",
                            "[18446744073709551616]"})
    CHECK_MESSAGE(Contains(Refusal(Manifest(Weight("a", shape, kQuantised)) + "ab"), "manifest: a: "), shape);
  for (const char* type : {"\"float64\"", "\"string\"", "7", "\"float32\",\"quantization\":{}",
                           "\"float32\",\"quantization\":{\"dtype\":\"uint4\"}", "\"float32\",\"quantization\":3"})
    CHECK_MESSAGE(Contains(Refusal(Manifest(Weight("a", "[2]", type)) + "ab"), "type is unknown"), type);
  for (const char* numbers : {"\"scale\":1", "\"scale\":1,\"min\":null", "\"scale\":\"1\",\"min\":0",
                              "\"scale\":1e300,\"min\":0", "\"scale\":1,\"min\":-1e39", "\"scale\":1e999,\"min\":0"}) {
    const std::string type = std::string("\"float32\",\"quantization\":{\"dtype\":\"uint8\",") + numbers + "}";
    CHECK_MESSAGE(Contains(Refusal(Manifest(Weight("a", "[2]", type)) + "ab"), "scale and min"), numbers);
  }
  CHECK(Contains(Refusal(R"([{"weights":[[[[[[1]]]]]],"paths":["a"]}])"), "less nesting"));
  std::string many;
  for (int i = 0; i < 70000; ++i) many += "0,";
  CHECK(Contains(Refusal(R"([{"weights":[],"paths":["a"],"more":[)" + many + "0]}]"), "fewer values"));
  CHECK(Contains(Refusal(R"([{"weights":[],"paths":["a"],"more":")" + std::string(2 << 20, 'x') + "\"}]"),
                 "end of a string"));
  const auto twice = Read(Manifest(good + "," + good) + "abab");
  REQUIRE(twice.ok());
  CHECK(twice->tensors.empty());
}

TEST_CASE("a manifest and its binary file, cut at every byte") {
  const std::string whole = Manifest(Weight("conv/filters", "[1,1,1,2]", kQuantised) + "," + Weight("b", "[2]")) +
                            "ab" + BytesOf(std::vector<float>{1, 2});
  REQUIRE(Read(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const auto file = Read(whole.substr(0, size));
    REQUIRE_FALSE(file.ok());
    CHECK(file.status().code() == Code::kRefused);
  }
}

TEST_CASE("a folder has at most 64 manifests") {
  const Folder folder;
  for (int i = 0; i < 65; ++i) {
    CAPTURE(i);
    const auto found = ManifestsIn(folder.path);
    REQUIRE(found.ok());
    CHECK(found->size() == static_cast<size_t>(std::max(i, 1)));
    const std::string name = folder.path + "/" + std::to_string(100 + i) + "-weights_manifest.json";
    REQUIRE(WriteFileAtomically(name, {}).ok());
  }
  const auto refused = ExpandFolders({folder.path});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::kRefused);
  CHECK(std::string(refused.status().message()) == folder.path + ": 65 manifests, at most 64 expected");
}

TEST_CASE("the published manifest becomes the component that is built in") {
  const Folder folder;
  const std::string path = folder.path + "/model.safetensors";
  for (const std::string& source : {kData, kData + "tiny_face_detector_model-weights_manifest.json"}) {
    const auto report = Convert(*ExpandFolders({source}), path, {});
    REQUIRE_MESSAGE(report.ok(), report.status().message());
    CHECK(report->hashes.size() == 1);
  }
  const auto ours = ModelFile::Open(path);
  const auto builtin = ModelFile::Open(std::string(MIEN_SOURCE_DIR) + "/weights/builtin/faces.safetensors");
  REQUIRE_MESSAGE(ours.ok(), ours.status().message());
  REQUIRE_MESSAGE(builtin.ok(), builtin.status().message());
  CHECK((*ours)->config().face_detector->channels == FaceDetectorConfig().channels);
  size_t quantised = 0;
  for (const TensorEntry& entry : (*ours)->file().tensors()) {
    CAPTURE(entry.name);
    const TensorEntry* const other = (*builtin)->file().Find(entry.name);
    REQUIRE(other != nullptr);
    CHECK(entry.quantization == other->quantization);
    quantised += entry.quantization.has_value();
    std::vector<float> a(static_cast<size_t>(entry.shape.elements())), b(a.size());
    REQUIRE((*ours)->ReadFloats(entry.name, a).ok());
    REQUIRE((*builtin)->ReadFloats(entry.name, b).ok());
    CHECK(a == b);
  }
  CHECK(quantised == 19);
  CHECK(FilesOf(kData + "tiny_face_detector_model-weights_manifest.json")->back() ==
        kData + "tiny_face_detector_model.bin");
  CHECK(FilesOf(kData + "README.md")->size() == 1);
  CHECK(ManifestsIn(kData)->size() == 1);
  CHECK(*ManifestsIn(folder.path) == std::vector<std::string>{folder.path});

  // What was converted is a source again, and loses nothing.
  const std::string again = folder.path + "/again.safetensors";
  REQUIRE(Convert({path}, again, {}).ok());
  CHECK(ReadTextFile(again, 1 << 20)->size() == ReadTextFile(path, 1 << 20)->size());
  CHECK((*ModelFile::Open(again))->file().Find("face_detector.conv0/filters")->quantization.has_value());
}

TEST_CASE("files beside a manifest: missing, of another size, no files") {
  const Folder folder;
  const std::string manifest = folder.path + "/weights_manifest.json";
  folder.Put("weights_manifest.json", Manifest(Weight("a", "[2]", kQuantised)));
  CHECK(Contains(ReadForeign(manifest).status().message(), "a.bin"));
  folder.Put("a.bin", "abc");
  const auto larger = ReadForeign(manifest);
  CHECK(larger.status().code() == Code::kRefused);
  CHECK(Contains(larger.status().message(), "3 bytes, the manifest's tensors take 2"));
  folder.Put("a.bin", "ab");
  CHECK(ReadForeign(manifest).ok());
  std::filesystem::remove(folder.path + "/a.bin");
  std::filesystem::create_directory(folder.path + "/a.bin");
  CHECK_FALSE(ReadForeign(manifest).ok());
}

TEST_CASE("networks are told apart by their names, and two of the same names by what they say") {
  const auto found = [](ModelConfig config, const char* component) {
    Made made;
    AddNetwork(&made, config, "");
    const auto components = made.Detect();
    REQUIRE_MESSAGE(components.ok(), components.status().message());
    REQUIRE(components->size() == 1);
    CHECK((*components)[0].component == component);
    CHECK(ConfigToJson((*components)[0].config) == ConfigToJson(config));
  };
  ModelConfig config;
  config.face_landmarks = {{3, 4, 5, 6}, 112};
  found(config, "face_landmarks");
  config = {};
  config.face_expression = {{3, 4, 5, 6}, 112};
  found(config, "face_expression");
  config = {};
  config.face_age_gender = {{3, 4, 5, 6, 7}, 3, 112};
  found(config, "face_age_gender");
  config = {};
  config.face_detector_ssd.emplace().channels = std::vector<int>(14, 3);
  config.face_detector_ssd->extra_channels = std::vector<int>(8, 2);
  found(config, "face_detector_ssd");
  config = {};
  config.face_recognizer.emplace().blocks = {1, 2, 1, 1};
  found(config, "face_recognizer");
}

// ---- the container

std::string Quantised(const std::string& quantization, DType type = DType::kU8) {
  return EncodeFile({{"a", type, {2}, std::string("\x02\xff", 2)}},
                    quantization.empty() ? Metadata() : Metadata{{kQuantizationKey, quantization}},
                    TensorFile::Profile::kPlain);
}

TEST_CASE("quantised numbers in a file") {
  const auto read = [](const std::string& bytes) {
    const auto file = TensorFile::Open(Source(bytes), TensorFile::Profile::kPlain);
    REQUIRE_MESSAGE(file.ok(), file.status().message());
    std::vector<float> floats(2);
    REQUIRE(file->ReadFloats(file->tensors()[0], floats).ok());
    return floats;
  };
  CHECK(read(Quantised("")) == std::vector<float>{2, 255});
  CHECK(read(Quantised(R"({"a":[0.009007044399485869,-1.2069439495311063]})")) ==
        std::vector<float>{static_cast<float>(2 * 0.009007044399485869 + -1.2069439495311063),
                           static_cast<float>(255 * 0.009007044399485869 + -1.2069439495311063)});
  for (const char* text :
       {"", "[]", "{\"a\":[1]}", "{\"a\":[1,2,3]}", "{\"a\":[1,\"2\"]}", "{\"a\":1}", "{\"a\":[1e39,0]}",
        "{\"a\":[1,-1e39]}", "{\"b\":[1,0]}", "{\"a\":[1,0],\"a\":[1,0]}", "{\"a\":[1,0]}x"}) {
    const std::string bytes =
        EncodeFile({{"a", DType::kU8, {2}, "ab"}}, {{kQuantizationKey, text}}, TensorFile::Profile::kPlain);
    CHECK_MESSAGE(TensorFile::Open(Source(bytes), TensorFile::Profile::kPlain).status().code() == Code::kRefused, text);
  }
  const std::string other = Quantised(R"({"a":[1,0]})", DType::kBool);
  CHECK(Contains(TensorFile::Open(Source(other), TensorFile::Profile::kPlain).status().message(), "no U8 tensor"));
  const Quantizations pairs = {{"a", {1e-7, -3.9e-36}}, {"b/c", {0.1 + 0.2, 5118}}};
  CHECK(*QuantizationsFromJson(QuantizationsToJson(pairs)) == pairs);
}

TEST_CASE("a model has no whole numbers without a scale where it wants floats") {
  auto tensors = MadeUpTensors(TinyFlow());
  for (OwnedTensor& tensor : tensors) {
    if (!tensor.name.ends_with("final_layer.bias")) continue;
    tensor.type = DType::kU8;
    tensor.bytes.resize(static_cast<size_t>(tensor.shape.elements()));
  }
  const std::string bytes =
      EncodeFile(tensors, {{kConfigKey, ConfigToJson(TinyFlow())}}, TensorFile::Profile::kModel);
  CHECK(Contains(ModelFile::Open(Source(bytes)).status().message(), "quantised U8 expected"));
}

}  // namespace
}  // namespace mien::testing
