// Latent codes in the forms people have give the same pictures.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"
#include "weights/container.h"

namespace mien {
namespace {

using namespace testing;

constexpr int kRows = kTinyRows, kDim = kTinyDim;

// Numbers that half floats and bfloat16 hold.
std::vector<float> Numbers(size_t count) {
  std::vector<float> numbers(count);
  for (size_t i = 0; i < count; ++i)
    numbers[i] = static_cast<float>(static_cast<int>(i * 37 % 61) - 30) / 32.0f;
  return numbers;
}

struct Tensor {
  std::string name;
  Shape shape;
  std::vector<float> values;
  DType type = DType::kF32;
};

std::string BytesOf(const Tensor& tensor) {
  std::string bytes;
  const auto add = [&](const auto& number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  for (const float value : tensor.values) {
    if (tensor.type == DType::kF16) add(FloatToHalf(value));
    if (tensor.type == DType::kBF16) add(static_cast<uint16_t>(__builtin_bit_cast(uint32_t, value) >> 16));
    if (tensor.type == DType::kF32) add(value);
    if (tensor.type == DType::kF64) add(static_cast<double>(value));
    if (tensor.type == DType::kU8) add(static_cast<uint8_t>(1));
  }
  return bytes;
}

std::string FileWith(const std::vector<Tensor>& tensors) {
  const std::string path = Fresh("codes.safetensors");
  std::vector<std::string> bytes;
  for (const Tensor& tensor : tensors) bytes.push_back(BytesOf(tensor));
  std::vector<TensorToWrite> to_write;
  for (size_t i = 0; i < tensors.size(); ++i)
    to_write.push_back(
        {tensors[i].name, tensors[i].type, tensors[i].shape, std::as_bytes(std::span(bytes[i]))});
  REQUIRE(WriteTensorFile(path, to_write, {}, TensorFile::Profile::kPlain).ok());
  return path;
}

Ran Faces(const std::string& codes, const std::string& folder) {
  return Mien({"synth", "--codes", codes, "-o", folder + "/", "--no-metadata"});
}

// The pictures of a code file are those of w_plus [N,L,D] with these numbers, and `note` is said.
void CheckFaces(const std::string& path, const std::vector<float>& w_plus, const std::string& note) {
  const int64_t count = static_cast<int64_t>(w_plus.size()) / (kRows * kDim);
  const std::string expected = Fresh("expected"), found = Fresh("found");
  REQUIRE(Faces(FileWith({{"w_plus", {count, kRows, kDim}, w_plus}}), expected).code == 0);
  const Ran ran = Faces(path, found);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK_MESSAGE((note.empty() ? ran.err.empty() : ran.err.find(note) != std::string::npos), ran.err);
  CHECK(FilesIn(found) == static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = count > 1 ? "/codes-" + std::to_string(i) + ".png" : "/codes.png";
    CHECK(Content(found + name) == Content(expected + name));
  }
}

std::vector<float> EachRow(const std::vector<float>& rows) {
  std::vector<float> all;
  for (size_t n = 0; n < rows.size(); n += kDim) {
    for (int row = 0; row < kRows; ++row) all.insert(all.end(), rows.begin() + n, rows.begin() + n + kDim);
  }
  return all;
}

TEST_CASE("codes: shapes, types and names") {
  const std::vector<float> one = Numbers(kRows * kDim), three = Numbers(3 * kRows * kDim),
                           row = Numbers(kDim), rows = Numbers(3 * kDim);
  const char* const one_face = "is read as one face of 8 rows";
  const char* const repeated = "it is used for all 8 rows";
  CheckFaces(FileWith({{"w_plus", {kRows, kDim}, one}}), one, one_face);
  CheckFaces(FileWith({{"f", {3, kRows, kDim}, three}}), three, "");
  CheckFaces(FileWith({{"latent", {3, 1, kRows, kDim}, three}}), three, "");
  CheckFaces(FileWith({{"latents", {3, 1, kDim}, rows}}), EachRow(rows), repeated);
  CheckFaces(FileWith({{"w", {3, kDim}, rows}}), EachRow(rows), repeated);
  CheckFaces(FileWith({{"w", {1, kDim}, row}}), EachRow(row), repeated);
  CheckFaces(FileWith({{"latent_in", {kDim}, row}}), EachRow(row), repeated);
  for (const DType type : {DType::kF16, DType::kBF16, DType::kF64})
    CheckFaces(FileWith({{"any.name", {1, kRows, kDim}, one, type}}), one, "");
  // What lies beside it does not matter; w_plus goes before w.
  CheckFaces(FileWith({{"w", {1, kDim}, row},
                       {"w_plus", {1, kRows, kDim}, one},
                       {"img", {3, 4, 4}, Numbers(48)},
                       {"not.finite", {2}, {NAN, INFINITY}},
                       {"mask", {kRows, kDim}, one, DType::kU8}}),
             one, "w_plus is taken");
  // Projector files: one latent per picture.
  const std::string folder = Fresh("projected");
  const Ran ran = Faces(FileWith({{"a/b.png.latent", {kRows, kDim}, one},
                                  {"c.png.latent", {kRows, kDim}, one},
                                  {"c.png.noise", {1, 1, 4, 4}, Numbers(16)}}),
                        folder);
  CHECK_MESSAGE(ran.code == 0, ran.err);
  CHECK(std::filesystem::exists(folder + "/b.png"));
  CHECK(std::filesystem::exists(folder + "/c.png"));
}

TEST_CASE("codes: what does not fit is refused, and the message says what is there") {
  const auto refused = [](const std::string& path, int code, const std::string& words) {
    const std::string folder = Fresh("none");
    const Ran ran = Faces(path, folder);
    CHECK(ran.code == code);
    CHECK_MESSAGE(ran.err.find(words) != std::string::npos, ran.err);
    CHECK_FALSE(std::filesystem::exists(folder));
  };
  refused(FileWith({{"w_plus", {1, 14, kDim}, Numbers(14 * kDim)}}), 2, "w_plus F32 [1,14,32]");
  refused(FileWith({{"w_plus", {1, kRows, 16}, Numbers(kRows * 16)}}), 2, "8 rows of 32 numbers expected");
  refused(FileWith({{"w_plus", {kRows, kDim}, Numbers(kRows * kDim), DType::kU8}}), 2, "w_plus U8 [8,32]");
  refused(FileWith({{"a", {kRows, kDim}, Numbers(kRows * kDim)}, {"b", {kDim}, Numbers(kDim)}}), 2,
          "which tensor is meant");
  refused(FileWith({{"w", {4097, kDim}, Numbers(4097 * kDim)}}), 2, "4097 codes, at most 4096");
  std::vector<float> bad = Numbers(kRows * kDim);
  bad[17] = NAN;
  refused(FileWith({{"w_plus", {kRows, kDim}, bad}}), 4, "element 17 is not finite");
}

TEST_CASE("codes: faces of one name in a file get names of their own") {
  const std::vector<float> one = Numbers(kRows * kDim);
  const std::string folder = Fresh("found");
  const Ran ran =
      Faces(FileWith({{"a.jpg.latent", {kRows, kDim}, one}, {"a.png.latent", {kRows, kDim}, one}}), folder);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(FilesIn(folder) == 2);
  CHECK(Content(folder + "/a.png") == Content(folder + "/a-1.png"));
}

TEST_CASE("codes: the files of other programs") {
  const std::string data = MIEN_SOURCE_DIR "/tests/data/", model = Fresh("model"),
                    expected = Fresh("expected");
  REQUIRE(Run({"convert", data + "field/generator.pt", "-o", model}).code == 0);
  const auto faces = [&](const std::string& file) {
    const std::string folder = Fresh("faces");
    const Ran ran =
        Run({"synth", "-m", model, "--codes", data + "codes/" + file, "-o", folder + "/", "--no-metadata"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    std::vector<std::string> pictures;
    for (int i = 0; i < 3; ++i) {
      const std::string name = folder + "/" + std::filesystem::path(file).stem().string();
      if (const std::string several = name + "-" + std::to_string(i) + ".png";
          std::filesystem::exists(several))
        pictures.push_back(Content(several));
      else if (i == 0)
        pictures.push_back(Content(name + ".png"));
    }
    return pictures;
  };
  const auto right = faces("codes.npz");
  REQUIRE(right.size() == 3);
  for (const char* file : {"codes.npy", "codes_unnamed.npz", "codes_with_name.npz", "codes_tensor.pt"}) {
    CAPTURE(file);
    CHECK(faces(file) == right);
  }
  for (const char* file : {"codes_rank2.npz", "codes_one_row_block.pt"}) {
    CAPTURE(file);
    CHECK(faces(file) == std::vector<std::string>{right[0]});
  }
  CHECK(faces("codes_half.npz").size() == 3);
  // ReStyle's, of several steps for each picture: the last, under the picture's name.
  const std::string steps = Fresh("steps");
  REQUIRE(Run({"synth", "-m", model, "--codes", data + "codes/codes_restyle.npy", "-o", steps + "/", "--no-metadata"})
              .code == 0);
  CHECK(FilesIn(steps) == 3);
  for (size_t i = 0; i < 3; ++i) CHECK(Content(steps + "/" + "abc"[i] + ".png") == right[i]);
}

TEST_CASE("run: only the tensors that the network needs are read") {
  const std::vector<float> one = Numbers(kRows * kDim);
  const std::string plain = FileWith({{"w_plus", {1, kRows, kDim}, one}}),
                    more = FileWith({{"w_plus", {1, kRows, kDim}, one}, {"bad", {2}, {NAN, 1}}});
  const std::string a = Fresh("a"), b = Fresh("b");
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", plain, "--out", a}).code == 0);
  const Ran ran = Mien({"run", "--graph", "synthesis", "--in", more, "--out", b});
  CHECK_MESSAGE(ran.code == 0, ran.err);
  CHECK(Content(a) == Content(b));
  // A shape is refused (2) before the numbers are read (4).
  std::vector<float> wrong = Numbers(kRows * kDim + kDim);
  wrong[0] = NAN;
  CHECK(Mien({"run", "--graph", "synthesis", "--in", FileWith({{"w_plus", {1, kRows + 1, kDim}, wrong}}),
              "--out", b})
            .code == 2);
  wrong.resize(kRows * kDim);
  CHECK(Mien({"run", "--graph", "synthesis", "--in", FileWith({{"w_plus", {1, kRows, kDim}, wrong}}), "--out",
              b})
            .code == 4);
}

}  // namespace
}  // namespace mien
