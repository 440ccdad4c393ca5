// The containers of public checkpoints, tensor by tensor: strides, shared storages, every element type.
#include <doctest/doctest.h>

#include "tests/support/parity.h"

namespace {

using mien::parity::DataPath;
using mien::parity::Recorded;
using mien::parity::TempFolder;
using mien::parity::Tensor;

// What `convert --tensors-only` writes must hold the expected values exactly, whatever it prefixes the names with.
void TestContainer(const std::string& name) {
  CAPTURE(name);
  TempFolder folder;
  std::string errors;
  int status = mien::parity::RunMien(
      {"convert", "--tensors-only", DataPath("golden/" + name + ".pt"), "-o", folder.Path("out")}, &errors);
  REQUIRE_MESSAGE(status == 0, errors);
  Recorded out(folder.Path("out")), expect(DataPath("golden/" + name + ".expect.safetensors"));
  for (const std::string& key : expect.Names()) {
    CAPTURE(key);
    std::string stored = key == "bf16_as_f32" ? "bf16" : key;
    if (!out.Has(stored)) stored = "state_dict." + stored;
    Tensor ours = out.Get(stored), expected = expect.Get(key);
    CHECK(ours.shape == expected.shape);
    CHECK(ours.values == expected.values);
  }
}

// The state dict of G_ema, read from the pickle without running it.
void TestPickle(const std::string& name) {
  CAPTURE(name);
  TempFolder folder;
  std::string errors;
  int status = mien::parity::RunMien(
      {"convert", "--tensors-only", DataPath("golden/" + name + ".pkl"), "-o", folder.Path("out")}, &errors);
  REQUIRE_MESSAGE(status == 0, errors);
  Recorded out(folder.Path("out")), io(DataPath("golden/" + name + ".io.safetensors"));
  for (const std::string& key : io.Names()) {
    if (key.rfind("state/", 0) != 0) continue;
    CAPTURE(key);
    Tensor ours = out.Get("G_ema." + key.substr(6)), expected = io.Get(key);
    CHECK(ours.shape == expected.shape);
    CHECK(ours.values == expected.values);
  }
}

}  // namespace

TEST_CASE("containers: every tensor of the stress files") {
  TestContainer("container_a_zip");
  TestContainer("container_b_legacy");
}

TEST_CASE("containers: NVIDIA pickles") {
  TestPickle("nv_tiny_a");
  TestPickle("nv_tiny_b_clamp");
}
