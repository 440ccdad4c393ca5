// mien encode from outside.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

TEST_CASE("encode writes w_plus, one file per photo") {
  const std::string one = Fresh("w.safetensors"), folder = Fresh("codes");
  REQUIRE(Mien({"encode", "--aligned", Photo(10), "-o", one}).code == 0);
  CHECK(TensorOutput(one, "w_plus").size() == testing::kTinyRows * testing::kTinyDim);
  REQUIRE(Mien({"encode", "--aligned", Photo(10), Photo(11), "-o", folder, "--npz"}).code == 0);
  CHECK(std::filesystem::exists(folder + "/photo11.npz"));
}

TEST_CASE("npz files carry w_plus both ways") {
  const std::string photo = Photo(12), plain = Fresh("w.safetensors"), npz = Fresh("w.npz");
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", plain}).code == 0);
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", npz}).code == 0);
  const std::string a = Fresh("a.safetensors"), b = Fresh("b.safetensors");
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", plain, "--out", a}).code == 0);
  REQUIRE(Mien({"run", "--graph", "synthesis", "--in", npz, "--out", b}).code == 0);
  CHECK(Content(a) == Content(b));
}

}  // namespace
}  // namespace mien
