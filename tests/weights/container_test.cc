// The container: what the writer writes, the reader reads; what is damaged in any byte of the header, at any
// length, or breaks any rule of the layout, is refused.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <memory>

#include "tests/weights/support.h"
#include "weights/checksum.h"

namespace mien::testing {
namespace {

using Profile = TensorFile::Profile;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

Status OpenPlain(const std::string& header, const std::string& data) {
  std::string file(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(file.data(), &length, 8);
  return TensorFile::Open(Source(file + header + data), Profile::kPlain).status();
}

bool Contains(const Status& status, const char* part) {
  return std::strstr(status.message(), part) != nullptr;
}

TEST_CASE("checksums match published vectors") {
  // RFC 3720 B.4 and FIPS 180-4.
  CHECK(Crc32c(Bytes(std::string(32, '\0'))) == 0x8a9136aa);
  CHECK(Crc32c(Bytes(std::string(32, '\xff'))) == 0x62a8ab43);
  CHECK(Crc32c(Bytes("123456789")) == 0xe3069283);
  CHECK(Crc32c(Bytes("6789"), Crc32c(Bytes("12345"))) == 0xe3069283);
  const auto hash = [](const std::string& text) { return *Sha256Hex(*Source(text)); };
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a model file is written, opened and read back") {
  for (const ModelConfig& config : {TinyGenerator(), TinyNvidiaGenerator(), TinyFlow(), TinyEncoder()}) {
    auto model = ModelFile::Open(Source(MadeUpModel(config)));
    REQUIRE_MESSAGE(model.ok(), std::string(model.status().message()));
    CHECK((*model)->card() == "# made up");
    CHECK(ConfigToJson((*model)->config()) == ConfigToJson(config));
    for (const OwnedTensor& tensor : MadeUpTensors(config)) {
      const TensorEntry* entry = (*model)->file().Find(tensor.name);
      REQUIRE(entry != nullptr);
      std::string bytes(entry->bytes, '\0');
      REQUIRE((*model)->file().Read(*entry, std::as_writable_bytes(std::span(bytes))).ok());
      CHECK(bytes == tensor.bytes);
      if (tensor.type != DType::kF32) continue;
      std::vector<float> floats(bytes.size() / 4);
      REQUIRE((*model)->ReadFloats(tensor.name, floats).ok());
      CHECK(BytesOf(floats) == tensor.bytes);
    }
  }
}

// The sanitizers check each access; there a sample of the lengths is enough.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kStep = 37;
#else
constexpr size_t kStep = 1;
#endif

TEST_CASE("every truncation of a model file is refused") {
  for (const ModelConfig& config : {TinyGenerator(), TinyFlow(), TinyEncoder()}) {
    const std::string whole = MadeUpModel(config);
    REQUIRE(ModelFile::Open(Source(whole)).ok());
    for (size_t length = 0; length < whole.size(); length += kStep) {
      const MemorySource source(Bytes(whole).first(length));
      const auto model =
          ModelFile::Open(std::shared_ptr<const ByteSource>(&source, [](const ByteSource*) {}));
      if (model.ok() || model.status().code() != Code::kRefused) FAIL("accepted at length " << length);
    }
    CHECK(ModelFile::Open(Source(whole + " ")).status().code() == Code::kRefused);
    CHECK(ModelFile::Open(Source(whole + whole)).status().code() == Code::kRefused);
  }
}

TEST_CASE("every other value of every header byte is refused") {
  for (const ModelConfig& config : {TinyGenerator(), TinyFlow(), TinyEncoder()}) {
    // All 255 other values for one file, single bits and the complement for the larger ones.
    const bool all = config.flow.has_value() && kStep == 1;
    std::string whole = MadeUpModel(config);
    uint64_t header = 0;
    std::memcpy(&header, whole.data(), 8);
    const MemorySource source(Bytes(whole));
    const auto shared = std::shared_ptr<const ByteSource>(&source, [](const ByteSource*) {});
    for (size_t at = 0; at < 8 + header; ++at) {
      const char good = whole[at];
      for (int flip = 1; flip < 256; ++flip) {
        if (!all && flip != 255 && (flip & (flip - 1)) != 0) continue;
        whole[at] = static_cast<char>(good ^ flip);
        const auto model = ModelFile::Open(shared);
        if (model.ok() || model.status().code() != Code::kRefused) FAIL("byte " << at << " flip " << flip);
      }
      whole[at] = good;
    }
    REQUIRE(ModelFile::Open(shared).ok());
  }
}

TEST_CASE("every flipped bit of tensor data is noticed when it is read") {
  std::string whole = MadeUpModel(TinyFlow());
  const MemorySource source(Bytes(whole));
  const auto model = ModelFile::Open(std::shared_ptr<const ByteSource>(&source, [](const ByteSource*) {}));
  REQUIRE(model.ok());
  for (const TensorEntry& entry : (*model)->file().tensors()) {
    std::vector<std::byte> bytes(entry.bytes);
    std::vector<float> floats(static_cast<size_t>(entry.shape.elements()));
    for (uint64_t bit = 0; bit < entry.bytes * 8; ++bit) {
      char& byte = whole[entry.offset + bit / 8];
      byte = static_cast<char>(byte ^ (1 << bit % 8));
      CHECK((*model)->file().Read(entry, bytes).code() == Code::kRefused);
      CHECK((*model)->file().ReadFloats(entry, floats).code() == Code::kRefused);
      byte = static_cast<char>(byte ^ (1 << bit % 8));
    }
  }
}

TEST_CASE("the header is a closed subset of JSON") {
  const std::string one = R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
  CHECK(OpenPlain("{" + one + "}", "xy").ok());
  CHECK(OpenPlain("{ \"a\" :\n{\"shape\": [ 2 ], \"data_offsets\":[0,2],\t\"dtype\":\"U8\"}}   ", "xy").ok());
  CHECK(OpenPlain("{}", "").ok());
  CHECK(OpenPlain("{\"__metadata__\":{}}", "").ok());
  CHECK(OpenPlain("{\"__metadata__\":{\"k\":\"\\u00e9\\ud83d\\ude00\\n\"}," + one + "}", "xy").ok());
  for (const std::string& bad :
       std::vector<std::string>{"",
                                " {" + one + "}",
                                "{" + one,
                                "{" + one + "}x",
                                "{" + one + "}\n",
                                "{" + one + "," + one + "}",
                                "{" + one + ",}",
                                "[" + one + "]",
                                "{\"__metadata__\":{\"k\":1}}",
                                "{\"__metadata__\":{\"k\":null}}",
                                "{\"__metadata__\":{\"k\":\"v\",\"k\":\"v\"}}",
                                "{\"__metadata__\":{},\"__metadata__\":{}}",
                                R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"extra":[0]}})",
                                R"({"a":{"dtype":"U8","shape":[2],"shape":[2],"data_offsets":[0,2]}})",
                                R"({"a":{"dtype":"U8","shape":[2]}})",
                                R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0]}})",
                                R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2,2]}})",
                                R"({"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}})",
                                R"({"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}})",
                                R"({"a":{"dtype":"U8","shape":[02],"data_offsets":[0,2]}})",
                                R"({"a":{"dtype":"U8","shape":[2e0],"data_offsets":[0,2]}})",
                                R"({"a":{"dtype":"U8","shape":[[2]],"data_offsets":[0,2]}})",
                                R"({"a":{"dtype":"u8","shape":[2],"data_offsets":[0,2]}})",
                                R"({"":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                                R"({"a":{"dtype":"U8","shape":[18446744073709551618],"data_offsets":[0,2]}})",
                                R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[2]}})",
                                R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[,2]}})",
                                R"({"a":{}})",
                                R"({"a":2})",
                                "{\"__metadata__\":{\"k\":\"\\ud83d\"}}",
                                "{\"__metadata__\":{\"k\":\"\\ud83d\\u0041\"}}",
                                "{\"__metadata__\":{\"k\":\"\\ude00\"}}",
                                "{\"__metadata__\":{\"k\":\"\\x\"}}",
                                "{\"__metadata__\":{\"k\":\"\\u12\"}}",
                                "{\"__metadata__\":{\"k\":\"\xc3\"}}",
                                "{\"__metadata__\":{\"k\":\"\xed\xa0\x80\"}}",
                                "{\"__metadata__\":{\"k\":\"\xc0\x80\"}}",
                                "{\"__metadata__\":{\"k\":\"\n\"}}"}) {
    CHECK_MESSAGE(OpenPlain(bad, "xy").code() == Code::kRefused, bad);
    CHECK_MESSAGE(OpenPlain(bad, "").code() == Code::kRefused, bad);
  }
  CHECK(Contains(OpenPlain(R"({"a":{"dtype":"U8","shape":[0]}})", ""), "data_offsets"));
  CHECK(
      Contains(OpenPlain(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}})", ""), "two data_offsets"));
}

TEST_CASE("the layout has no hole, no overlap and no trailing byte") {
  const auto two = [](const char* a, const char* b) {
    return std::string(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)") + a +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}";
  };
  CHECK(OpenPlain(two("[0,2]", "[2,4]"), "abcd").ok());
  CHECK(OpenPlain(two("[2,4]", "[0,2]"), "abcd").ok());
  CHECK(Contains(OpenPlain(two("[0,2]", "[0,2]"), "ab"), "overlap"));
  CHECK(Contains(OpenPlain(two("[0,2]", "[1,3]"), "abc"), "overlap"));
  CHECK(Contains(OpenPlain(two("[0,2]", "[3,5]"), "abcde"), "hole"));
  CHECK(Contains(OpenPlain(two("[0,2]", "[2,4]"), "abcde"), "end at"));
  CHECK(Contains(OpenPlain(two("[0,2]", "[2,4]"), "abc"), "outside"));
  CHECK(Contains(OpenPlain(two("[2,0]", "[2,4]"), "abcd"), "outside"));
  CHECK(Contains(OpenPlain(two("[0,2]", "[2,5]"), "abcde"), "needs 2 bytes"));
  CHECK_FALSE(OpenPlain(two("[0,2]", "[18446744073709551614,18446744073709551615]"), "ab").ok());
}

TEST_CASE("a model's header has at most a megabyte, and as many checksums as tensors") {
  const auto file = [](std::string header) {
    std::string out;
    for (int i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> (8 * i));
    return out + header;
  };
  const auto open = [](const std::string& bytes) {
    return TensorFile::Open(Source(bytes), TensorFile::Profile::kModel).status();
  };
  CHECK(Contains(open(file("{" + std::string(1 << 20, ' '))), "1048577 bytes, at most 1048576 expected"));
  CHECK(Contains(open(file("{" + std::string((1 << 20) - 1, ' '))), "not a mien model file"));

  const std::string whole = MadeUpModel(TinyFlow());
  uint64_t length = 0;
  std::memcpy(&length, whole.data(), 8);
  // With `more` put at a place after the start of the entry of the checksums.
  const auto with = [&](size_t place, const std::string& more) {
    std::string header = whole.substr(8, length);
    header.insert(header.find("\"mien.crc32c\":\"") + place, more);
    const size_t digits = header.find("\"mien.header_crc32c\":\"") + 22;
    header.replace(digits, 8, "00000000");
    char right[9];
    std::snprintf(right, sizeof right, "%08x", Crc32c(Bytes(file(header))));
    header.replace(digits, 8, right);
    return open(file(header) + whole.substr(8 + length));
  };
  CHECK(with(15, "").ok());
  CHECK(Contains(with(15, "00000000"), "digits"));
  CHECK(Contains(with(15, "0"), "digits"));
  CHECK(Contains(with(1, "not."), "mien.crc32c is missing"));
}

TEST_CASE("numbers around every limit") {
  const auto shape = [](const std::string& dims, uint64_t bytes) {
    return OpenPlain(
        R"({"a":{"dtype":"U8","shape":[)" + dims + R"(],"data_offsets":[0,)" + std::to_string(bytes) + "]}}",
        std::string(bytes, 'x'));
  };
  CHECK(shape("", 1).ok());
  CHECK(shape("0", 0).ok());
  CHECK(shape("1048576", 1 << 20).ok());
  // A size that is none of ours is listed and not read; its bytes must be there all the same.
  CHECK(shape("1048577", (1 << 20) + 1).ok());
  CHECK(Contains(shape("1048577", 1 << 20), "needs 1048577 bytes"));
  CHECK(Contains(shape("1048576,4096", 0), "needs"));
  // 2^64 elements would wrap to zero bytes.
  CHECK_FALSE(shape("1048576,1048576,1048576,16", 0).ok());
  CHECK_FALSE(shape("4294967296,4294967296", 0).ok());
  for (int k = 1; k < 64; ++k) {
    for (int64_t delta : {-1, 0, 1}) {
      const uint64_t value = (uint64_t{1} << k) + static_cast<uint64_t>(delta);
      const bool fits = value == 3;  // the only number of bytes that agrees with the data below
      const std::string number = std::to_string(value);
      CHECK(OpenPlain(R"({"a":{"dtype":"U8","shape":[)" + number + R"(],"data_offsets":[0,)" + number + "]}}",
                      "xyz")
                .ok() == fits);
      CHECK_FALSE(
          OpenPlain(R"({"a":{"dtype":"F64","shape":[)" + number + R"(],"data_offsets":[0,3]}})", "xyz").ok());
    }
  }
  // A header length beyond the file, at and around every power of two.
  for (int k = 0; k < 64; ++k) {
    for (int64_t delta : {-1, 0, 1}) {
      const uint64_t length = (uint64_t{1} << k) + static_cast<uint64_t>(delta);
      if (length == 2) continue;
      std::string file(8, '\0');
      std::memcpy(file.data(), &length, 8);
      CHECK(TensorFile::Open(Source(file + "{}"), Profile::kPlain).status().code() == Code::kRefused);
    }
  }
}

TEST_CASE("a model's tensors are exactly those of its config, and all problems come in one message") {
  const ModelConfig config = TinyFlow();
  const auto open = [&](const std::vector<OwnedTensor>& tensors) {
    return ModelFile::Open(Source(EncodeFile(tensors, {{kConfigKey, ConfigToJson(config)}}, Profile::kModel)))
        .status();
  };
  auto tensors = MadeUpTensors(config);
  CHECK(open(tensors).ok());
  auto broken = tensors;
  broken.erase(broken.begin() + 3);
  broken.push_back({"flow.stranger", DType::kF32, {1}, std::string(4, '\0')});
  for (OwnedTensor& tensor : broken) {
    if (tensor.name != "flow._transform._transforms.0.transform_net.final_layer.bias") continue;
    tensor.type = DType::kF64;
    tensor.shape = Shape{tensor.shape[0] / 2};
  }
  const Status status = open(broken);
  CHECK(status.code() == Code::kRefused);
  CHECK(Contains(status, "is missing"));
  CHECK(Contains(status, "flow.stranger does not belong here"));
  CHECK(Contains(status, "final_layer.bias is [3], [6] expected"));
  CHECK(Contains(status, "is F64"));
  const Status many = open({{"flow.stranger", DType::kF32, {1}, std::string(4, '\0')}});
  CHECK(Contains(many, "... and "));
  CHECK(Contains(many, " more"));
}

// Whichever tensor it is, of every component.
TEST_CASE("each tensor of a model has to be there, in its shape and type") {
  for (const ModelConfig& config : {TinyGenerator(), TinyNvidiaGenerator(), TinyFlow(), TinyEncoder()}) {
    const std::vector<OwnedTensor> whole = MadeUpTensors(config);
    const auto problem = [&](const std::vector<OwnedTensor>& tensors) {
      const Metadata metadata = {{kConfigKey, ConfigToJson(config)}};
      return std::string(ModelFile::Open(Source(EncodeFile(tensors, metadata, Profile::kModel))).status().message());
    };
    CHECK(problem(whole).empty());
    for (size_t i = 0; i < whole.size(); ++i) {
      const std::string name = whole[i].name, shape = whole[i].shape.ToString();
      std::vector<OwnedTensor> broken = whole;
      broken.erase(broken.begin() + static_cast<std::ptrdiff_t>(i));
      CHECK(problem(broken) == name + " " + shape + " is missing");
      broken = whole;
      broken[i].name += "_";
      CHECK(problem(broken).find(name + "_ does not belong here") != std::string::npos);
      broken = whole;
      const Shape wrong = {broken[i].shape.elements() * 2};
      broken[i].shape = wrong;
      broken[i].bytes += broken[i].bytes;
      CHECK(problem(broken) == name + " is " + wrong.ToString() + ", " + shape + " expected");
      broken = whole;
      broken[i].type = whole[i].type == DType::kI64 ? DType::kF64 : DType::kI32;
      CHECK(problem(broken).starts_with(name + " is " + DTypeName(broken[i].type) + ", "));
    }
  }
}

TEST_CASE("masks that are no permutation are refused") {
  const ModelConfig config = TinyFlow();
  const auto with_first_column = [&](int64_t column) {
    auto tensors = MadeUpTensors(config);
    std::memcpy(tensors[0].bytes.data(), &column, 8);
    return ModelFile::Open(Source(EncodeFile(tensors, {{kConfigKey, ConfigToJson(config)}}, Profile::kModel)))
        .status();
  };
  CHECK(with_first_column(0).ok());
  for (int64_t column :
       {int64_t{-1}, int64_t{1}, int64_t{2}, int64_t{7}, INT64_MAX, INT64_MIN, int64_t{1} << 32}) {
    CHECK(Contains(with_first_column(column), "column"));
  }
}

TEST_CASE("numbers that are not finite or not exact are refused by name") {
  const auto read = [](DType type, std::string bytes) {
    const auto count = static_cast<int64_t>(bytes.size() / DTypeBytes(type));
    const auto file = TensorFile::Open(
        Source(EncodeFile({{"numbers", type, {count}, bytes}}, {}, Profile::kPlain)), Profile::kPlain);
    REQUIRE(file.ok());
    std::vector<float> out(static_cast<size_t>(count));
    return file->ReadFloats(file->tensors()[0], out);
  };
  CHECK(read(DType::kF32, BytesOf<float>({0, -3.4e38f, 1e-45f})).ok());
  CHECK(Contains(read(DType::kF32, BytesOf<float>({0, NAN})), "numbers: element 1"));
  CHECK_FALSE(read(DType::kF32, BytesOf<float>({INFINITY})).ok());
  CHECK_FALSE(read(DType::kF32, BytesOf<float>({-INFINITY})).ok());
  CHECK_FALSE(read(DType::kF16, BytesOf<uint16_t>({0x7c00})).ok());
  CHECK_FALSE(read(DType::kBF16, BytesOf<uint16_t>({0x7fc0})).ok());
  CHECK_FALSE(read(DType::kF64, BytesOf<double>({1e39})).ok());
  CHECK(read(DType::kF64, BytesOf<double>({1e38})).ok());
  CHECK(read(DType::kI64, BytesOf<int64_t>({-16777216, 1 << 30})).ok());
  CHECK_FALSE(read(DType::kI64, BytesOf<int64_t>({16777217})).ok());
  CHECK_FALSE(read(DType::kI64, BytesOf<int64_t>({INT64_MAX})).ok());
}

TEST_CASE("what the writer cannot write readably, it refuses") {
  const std::string path = TemporaryPath("writer.safetensors");
  const std::string data(4, '\0');
  const auto write = [&](const std::string& name, Profile profile) {
    return WriteTensorFile(path, {{name, DType::kF32, {1}, Bytes(data)}}, {}, profile);
  };
  CHECK(write("fine/name.0_a-B", Profile::kModel).ok());
  CHECK(write("fine name", Profile::kPlain).ok());
  CHECK_FALSE(write("no spaces", Profile::kModel).ok());
  CHECK_FALSE(write("", Profile::kPlain).ok());
  CHECK_FALSE(write("__metadata__", Profile::kPlain).ok());
  CHECK_FALSE(write(std::string(128, 'a'), Profile::kModel).ok());
  CHECK_FALSE(write("\xff", Profile::kPlain).ok());
  CHECK_FALSE(WriteTensorFile(path, {{"a", DType::kF32, {2}, Bytes(data)}}, {}, Profile::kPlain).ok());
  CHECK_FALSE(WriteTensorFile(path,
                              {{"a", DType::kF32, {1}, Bytes(data)}, {"a", DType::kF32, {1}, Bytes(data)}},
                              {}, Profile::kPlain)
                  .ok());
  // Odd but legal strings survive.
  const Metadata odd = {{"k\"\\\n\t\x01", "\xc3\xa9\xf0\x9f\x98\x80\x7f\"}{"}};
  REQUIRE(WriteTensorFile(path, {{"quo\"te\\", DType::kF32, {1}, Bytes(data)}}, odd, Profile::kPlain).ok());
  auto file = File::Open(path);
  REQUIRE(file.ok());
  const auto read = TensorFile::Open(std::make_shared<File>(std::move(*file)), Profile::kPlain);
  REQUIRE_MESSAGE(read.ok(), read.status().message());
  CHECK(read->metadata() == odd);
  CHECK(read->tensors()[0].name == "quo\"te\\");
  unlink(path.c_str());
}

}  // namespace
}  // namespace mien::testing
