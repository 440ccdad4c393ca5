// The weight recipe against its published test vector and against the values the golden files carry of it.
#include <doctest/doctest.h>

#include <memory>

#include "tests/support/hashgen.h"
#include "weights/container.h"

namespace {

using mien::hashgen::Rule;
using mien::hashgen::Tensor;

// Compares every wcheck/<key> of the file; returns how many there were.
int CheckFile(const std::string& kind, Rule rule, const std::vector<Tensor>& tensors) {
  const std::string path = std::string(MIEN_SOURCE_DIR) + "/tests/data/golden/sh_" + kind + ".io.safetensors";
  auto source = mien::File::Open(path);
  REQUIRE_MESSAGE(source.ok(), source.status().message());
  auto file = mien::TensorFile::Open(std::make_shared<mien::File>(std::move(*source)),
                                     mien::TensorFile::Profile::kPlain);
  REQUIRE_MESSAGE(file.ok(), file.status().message());
  int checked = 0;
  for (const Tensor& tensor : tensors) {
    const mien::TensorEntry* entry = file->Find("wcheck/" + tensor.key);
    if (entry == nullptr) continue;
    std::vector<float> expected(static_cast<size_t>(entry->shape.elements()));
    REQUIRE(file->ReadFloats(*entry, expected).ok());
    std::vector<float> values = mien::hashgen::WeightValues("sh_" + kind, tensor, rule);
    values.resize(expected.size());
    CHECK_MESSAGE(values == expected, kind << " " << tensor.key);
    ++checked;
  }
  return checked;
}

}  // namespace

TEST_CASE("hash recipe: test vector") {
  std::vector<float> expected = {-0.98828971385955811f, 0.27072060108184814f, -0.33340215682983398f,
                                 -0.35251665115356445f};
  CHECK(mien::hashgen::Values("test/a", 4, 1.0) == expected);
}

TEST_CASE("hash recipe: values in the golden files") {
  CHECK(CheckFile("g256", Rule::kGenerator, mien::hashgen::GeneratorTensors(256, 2)) == 6);
  CHECK(CheckFile("g1024", Rule::kGenerator, mien::hashgen::GeneratorTensors(1024, 2)) == 6);
  CHECK(CheckFile("e4e", Rule::kIrSe, mien::hashgen::EncoderTensors(18, 256)) == 6);
  CHECK(CheckFile("flow512", Rule::kFlow, mien::hashgen::FlowTensors(512, 512, 18, 10, 2)) == 3);
  CHECK(CheckFile("rn18", Rule::kResNet, mien::hashgen::ResNetTensors()) == 3);
}
