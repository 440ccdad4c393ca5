// Files of the forms that people have, through the program: the right numbers, or what is said instead.
#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "tests/support/parity.h"

namespace mien::parity {
namespace {

std::string Field(const std::string& name) { return DataPath("field/" + name); }

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Ok(const std::vector<std::string>& arguments, std::string* errors) {
  CHECK_MESSAGE(RunMien(arguments, errors) == 0, *errors);
}

TEST_CASE("field: encoders of either kind, told by their settings") {
  const Tensor image = Recorded(Field("encoder_input.safetensors")).Get("image");
  for (const std::string name : {"encoder_psp", "encoder_namespace_opts"}) {
    CAPTURE(name);
    TempFolder folder;
    const Subject subject(folder, Field(name + ".pt"));
    const Recorded expected(Field(name + ".expected.safetensors"));
    const std::vector<double> codes =
        subject.Run({"--graph", "encoder"}, {{"image", image}}).Get("w_plus").values;
    Judge("field " + name, "w_plus", codes, expected);
  }
}

TEST_CASE(
    "field: a generator without average can be truncated, with the same bytes from any number of threads") {
  TempFolder folder;
  std::string errors, first;
  const std::string model = folder.Path("m");
  for (const char* threads : {"1", "3"}) {
    Ok({"--threads", threads, "convert", DataPath("oracle/ckpt_rosinality_bare.pt"), "-o", model}, &errors);
    CHECK(errors.find("mean of w over 10000 seeds") != errors.npos);
    const std::string bytes = Content(model);
    CHECK((first.empty() || bytes == first));
    first = bytes;
  }
  CHECK(first.find("was not in its file") != first.npos);  // the model card
  Ok({"-m", model, "synth", "--psi", "0.7", "-o", folder.Path("truncated.png")}, &errors);
}

TEST_CASE("field: a generator without noise maps makes pictures without noise") {
  TempFolder folder;
  std::string errors;
  const std::string model = folder.Path("m");
  Ok({"convert", DataPath("oracle/ckpt_no_noises.pt"), "-o", model}, &errors);
  CHECK(errors.find("has no noise maps") != errors.npos);
  std::vector<Tensor> images;
  const Tensor w_plus = {{1, 6, 12}, std::vector<double>(72, 0.5)};
  const Subject subject(folder, DataPath("oracle/ckpt_no_noises.pt"));
  for (const char* noise : {"const", "none"}) {
    images.push_back(
        subject.Run({"--graph", "synthesis", "--noise", noise}, {{"w_plus", w_plus}}).Get("image"));
  }
  CHECK(images[0].values == images[1].values);
  Ok({"-m", model, "synth", "-o", folder.Path("plain.png")}, &errors);
}

}  // namespace
}  // namespace mien::parity
