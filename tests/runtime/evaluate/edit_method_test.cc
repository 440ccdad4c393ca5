// Codes that methods give, beside the pipeline that `mien edit` uses.
#include "runtime/evaluate/edit_method.h"

#include <doctest/doctest.h>

#include <cmath>

#include "runtime/face/pipeline.h"
#include "tests/support/tiny_model.h"

namespace mien {
namespace {

using namespace testing;

std::vector<float> Codes() {
  std::vector<float> codes(kTinyRows * kTinyDim);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = std::sin(0.7f * static_cast<float>(i));
  return codes;
}

TEST_CASE("flow: the bits of an edit by the pipeline, for any number together") {
  const std::vector<float> codes = Codes();
  PipelineOptions wanted;
  wanted.edit = true;
  auto pipeline = Pipeline::Create(TinyModel(), wanted);
  REQUIRE(pipeline.ok());
  const auto weights = std::make_shared<WeightStore>(TinyModel());
  auto method = FlowMethod(weights, {}, kTinyRows, 2);
  REQUIRE(method.ok());
  REQUIRE((*method)->Take(codes).ok());
  const std::vector<EditMethod::Move> moves = {{"smile", 1.5}, {"gender", -2}, {"smile", -0.25}};
  std::vector<float> edited(moves.size() * codes.size()), one(codes.size());
  REQUIRE((*method)->Edit(moves, edited).ok());
  for (size_t i = 0; i < moves.size(); ++i) {
    const auto edit =
        MakeEdit(*TinyConfig().flow, moves[i].attribute, Edit::Mode::kSet, static_cast<float>(moves[i].value), false);
    REQUIRE((*pipeline)->ApplyEdit({*edit}, std::vector<bool>(kTinyRows, true), 1, codes, one).ok());
    CHECK(std::equal(one.begin(), one.end(), edited.begin() + static_cast<ptrdiff_t>(i * one.size())));
  }
  // An edit to the mean of the rows changes less than one to elsewhere.
  CHECK((*method)->Edits("age"));
  CHECK_FALSE((*method)->Edits("hat"));
  CHECK(std::abs((*method)->Start("smile")) < 10);
}

TEST_CASE("linear: along the direction of the attribute") {
  const std::vector<float> codes = Codes();
  std::vector<float> direction(codes.size(), 0.0f);
  direction[3] = 1;
  const auto method = LinearMethod({{"smile", direction}});
  REQUIRE(method->Take(codes).ok());
  std::vector<float> edited(2 * codes.size());
  const std::vector<EditMethod::Move> moves = {{"smile", 0.5}, {"smile", -1}};
  REQUIRE(method->Edit(moves, edited).ok());
  CHECK(edited[3] == codes[3] + 0.5f);
  CHECK(edited[codes.size() + 3] == codes[3] - 1);
  CHECK(edited[4] == codes[4]);
  CHECK(method->Start("smile") == 0);
  CHECK(method->Goal({"smile", -2, 0.3}).change == -kLinearChange);
  CHECK_FALSE(method->Edits("age"));
}

}  // namespace
}  // namespace mien
