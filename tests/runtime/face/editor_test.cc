// The editor: parsing with units, what changes and what keeps its bits, blending.
#include "runtime/face/editor.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "runtime/face/pipeline.h"
#include "runtime/face/random.h"
#include "tests/support/allocations.h"
#include "tests/support/hashgen.h"
#include "tests/support/tiny_model.h"

namespace mien {
namespace {

using testing::kTinyDim;
using testing::kTinyRows;
using testing::TinyModel;
constexpr int kYaw = 2, kAge = 6, kSmile = 7;

const FlowConfig& Flow() { return *TinyModel()->config().flow; }

std::vector<float> Codes(const std::string& name, int samples = 1) {
  return hashgen::Values("editor/" + name, int64_t{samples} * kTinyRows * kTinyDim, 1.3);
}

bool SameBits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

std::unique_ptr<Pipeline> EditPipeline() {
  PipelineOptions options;
  options.threads = 2;
  options.edit = options.encode = options.synthesize = options.map = true;
  auto pipeline = Pipeline::Create(TinyModel(), options);
  REQUIRE_MESSAGE(pipeline.ok(), pipeline.status().message());
  return std::move(*pipeline);
}

TEST_CASE("Edits are parsed with their units") {
  struct Case {
    const char* text;
    Edit::Mode mode;
    int attribute;
    double value;
  };
  for (const Case& c : {Case{"smile=1.5", Edit::Mode::kSet, kSmile, 1.5},
                        {"smile=-2", Edit::Mode::kAdd, kSmile, -2},
                        {"smile=+.25", Edit::Mode::kSet, kSmile, 0.25},
                        {"yaw=58.1deg", Edit::Mode::kSet, kYaw, 1},
                        {"yaw=-52.3deg", Edit::Mode::kSet, kYaw, -1},
                        {"yaw=15deg", Edit::Mode::kSet, kYaw, 2 * 67.3 / 110.4 - 1},
                        {"yaw=15deg", Edit::Mode::kAdd, kYaw, 30 / 110.4},
                        {"age=60y", Edit::Mode::kSet, kAge, 120.0 / 72 - 1},
                        {"age=-7.2y", Edit::Mode::kAdd, kAge, -0.2}}) {
    CAPTURE(c.text);
    const auto edit = ParseEdit(Flow(), c.text, c.mode);
    REQUIRE_MESSAGE(edit.ok(), edit.status().message());
    CHECK(edit->attribute == c.attribute);
    CHECK(edit->mode == c.mode);
    CHECK(edit->value == doctest::Approx(c.value).epsilon(1e-6));
  }
  for (const char* text :
       {"", "smile", "=1", "smile=", "smile=x", "smile=1deg", "age=3deg", "yaw=3y", "smile=nan", "smile=inf",
        "smile=1e9", "smile=1 ", "joy=1", "smile=1=2", "Smile=1", "smile=+-1"}) {
    CAPTURE(text);
    const auto edit = ParseEdit(Flow(), text, Edit::Mode::kSet);
    CHECK(edit.status().code() == Code::kUsage);
  }
  CHECK(std::string(ParseEdit(Flow(), "joy=1", Edit::Mode::kSet).status().message()).find("beard") !=
        std::string::npos);
  FlowConfig bare = Flow();
  bare.attribute_min.clear();
  bare.attribute_max.clear();
  CHECK(ParseEdit(bare, "age=1", Edit::Mode::kSet).ok());
  CHECK(ParseEdit(bare, "age=60y", Edit::Mode::kSet).status().code() == Code::kUsage);
}

TEST_CASE("Far values are described once per attribute, by the farthest") {
  const auto one = [](const char* text, Edit::Mode mode) { return *ParseEdit(Flow(), text, mode); };
  const auto set = [&](const char* text) { return one(text, Edit::Mode::kSet); };
  const auto add = [&](const char* text) { return one(text, Edit::Mode::kAdd); };
  const std::vector<std::vector<Edit>> near = {{set("smile=3"), set("yaw=50deg")}, {set("age=9"), set("age=1")}, {}};
  CHECK(FarValues(Flow(), near).empty());
  const std::vector<std::vector<Edit>> edits = {
      {set("age=-20"), add("age=5y")}, {set("age=40"), add("age=20")}, {add("yaw=-100deg"), add("yaw=-100deg")}};
  const auto far = FarValues(Flow(), edits);
  REQUIRE(far.size() == 2);
  CHECK(far[0].what == "yaw-200deg is far outside of the training range (-52.3deg to 58.1deg)");
  CHECK(far[0].meant.empty());
  CHECK(far[1].what == "age=60 is 60 times the training range (-1 to 1)");
  CHECK(far[1].meant == "60 years");
  CHECK(far[1].written == "age=60y");
  FlowConfig bare = Flow();
  bare.attribute_min.clear();
  bare.attribute_max.clear();
  CHECK(FarValues(bare, edits)[1].meant.empty());  // the unit cannot be used
}

TEST_CASE("Rows are parsed") {
  const auto rows = [](const char* text) {
    std::string picture;
    const auto parsed = ParseRows(text, 8);
    if (!parsed.ok()) return std::string("refused");
    for (const bool row : *parsed) picture += row ? '1' : '0';
    return picture;
  };
  CHECK(rows("") == "11111111");
  CHECK(rows("4-7") == "00001111");
  CHECK(rows("3") == "00010000");
  CHECK(rows("0-2,6") == "11100010");
  CHECK(rows("1,0,1-1") == "11000000");
  for (const char* text :
       {"8", "4-8", "-1", "7-4", "a", "1,", ",1", "1-", "1--2", "1;2", "99999999999", " 1"}) {
    CAPTURE(text);
    CHECK(rows(text) == "refused");
  }
}

TEST_CASE("An edit writes attribute coordinates of the chosen rows and keeps every other bit") {
  const std::vector<float> before = Codes("latent", 2);
  std::vector<float> latent = before;
  const std::vector<Edit> edits = {{kSmile, Edit::Mode::kSet, 2.0f}, {kYaw, Edit::Mode::kAdd, -0.5f}};
  REQUIRE(ApplyEdits(Flow(), edits, *ParseRows("2-4", kTinyRows), latent).ok());
  for (size_t i = 0; i < latent.size(); ++i) {
    const int column = static_cast<int>(i) % kTinyDim, row = static_cast<int>(i) / kTinyDim % kTinyRows;
    const bool chosen = row >= 2 && row <= 4;
    const float expected = chosen && column == kSmile ? 2.0f
                           : chosen && column == kYaw ? before[i] + -0.5f
                                                      : before[i];
    CHECK(SameBits(latent[i], expected));
  }
  CHECK_FALSE(
      ApplyEdits(Flow(), {{8, Edit::Mode::kSet, 0}}, std::vector<bool>(kTinyRows, true), latent).ok());
  CHECK_FALSE(
      ApplyEdits(Flow(), {{-1, Edit::Mode::kSet, 0}}, std::vector<bool>(kTinyRows, true), latent).ok());
  CHECK_FALSE(ApplyEdits(Flow(), edits, std::vector<bool>(kTinyRows + 1, true), latent).ok());
  CHECK_FALSE(ApplyEdits(Flow(), edits, {}, latent).ok());
}

TEST_CASE("A strength below one blends the chosen rows and restores the others") {
  const std::vector<float> original = Codes("original"), edited = Codes("edited");
  const auto rows = *ParseRows("1,5-6", kTinyRows);
  for (const float strength : {1.0f, 0.25f, 0.0f}) {
    std::vector<float> out = edited;
    REQUIRE(Blend(Flow(), rows, strength, original, out).ok());
    for (size_t i = 0; i < out.size(); ++i) {
      const float blended = strength == 1.0f ? edited[i] : original[i] + strength * (edited[i] - original[i]);
      CHECK(SameBits(out[i], rows[i / kTinyDim] ? blended : original[i]));
    }
  }
  std::vector<float> out = edited;
  CHECK_FALSE(Blend(Flow(), rows, -0.1f, original, out).ok());
  CHECK_FALSE(Blend(Flow(), rows, 1.1f, original, out).ok());
  CHECK_FALSE(Blend(Flow(), rows, std::nanf(""), original, out).ok());
}

TEST_CASE("Through the flow: chosen rows change, others keep their bits, the attribute arrives") {
  auto pipeline = EditPipeline();
  const std::vector<float> codes = Codes("w_plus");
  std::vector<float> edited(codes.size()), again(codes.size());
  const auto rows = *ParseRows("4-7", kTinyRows);
  REQUIRE(pipeline->ApplyEdit({{kSmile, Edit::Mode::kSet, 1.5f}}, rows, 1.0f, codes, edited).ok());
  for (int row = 0; row < kTinyRows; ++row) {
    const bool same =
        std::memcmp(&codes[row * kTinyDim], &edited[row * kTinyDim], kTinyDim * sizeof(float)) == 0;
    CHECK(same == (row < 4));
  }
  again = codes;  // in and out may be the same memory
  REQUIRE(pipeline->ApplyEdit({{kSmile, Edit::Mode::kSet, 1.5f}}, rows, 1.0f, again, again).ok());
  CHECK(std::memcmp(again.data(), edited.data(), edited.size() * sizeof(float)) == 0);

  EngineOptions flow;
  flow.programs = {{FlowOptions{}}};
  auto engine = std::move(*Engine::Create(std::make_shared<WeightStore>(TinyModel()), flow));
  std::vector<float> before(codes.size()), after(codes.size());
  const auto latent = [&](const std::vector<float>& w_plus, std::vector<float>& out) {
    return engine->Run(0, std::array{std::span<const float>(w_plus)},
                       std::array{std::span<float>(out), std::span<float>()});
  };
  REQUIRE(latent(codes, before).ok());
  REQUIRE(latent(edited, after).ok());
  for (int row = 4; row < kTinyRows; ++row) {
    for (int k = 0; k < kTinyDim; ++k) {
      const size_t i = row * kTinyDim + k;
      // The latent of the edited code is the edited latent, up to one way back and forth through the flow.
      CHECK(after[i] == doctest::Approx(k == kSmile ? 1.5f : before[i]).epsilon(1e-3));
    }
  }
}

TEST_CASE("The identity of another person comes with it, the attributes stay") {
  const size_t attributes = Flow().attributes.size();
  std::vector<float> latent = Codes("latent"), person = Codes("person");
  const std::vector<float> before = latent;
  REQUIRE(TakeIdentity(Flow(), person, latent).ok());
  for (size_t i = 0; i < latent.size(); ++i)
    CHECK(SameBits(latent[i], i % kTinyDim < attributes ? before[i] : person[i]));
  CHECK(TakeIdentity(Flow(), std::span(person).subspan(1), latent).code() == Code::kUsage);

  const auto pipeline = EditPipeline();
  const std::vector<bool> rows(kTinyRows, true);
  std::vector<float> result(before.size()), back(before.size());
  REQUIRE(pipeline->ReplaceIdentity(before, person, result).ok());
  for (int attribute = 0; attribute < static_cast<int>(attributes); ++attribute) {
    const double was = *pipeline->Coordinate(before, attribute, rows),
                 is = *pipeline->Coordinate(result, attribute, rows);
    CHECK(is == doctest::Approx(was).epsilon(1e-3));
  }
  // With its own identity again, or that of somebody who has it.
  REQUIRE(pipeline->ReplaceIdentity(result, before, back).ok());
  for (size_t i = 0; i < before.size(); ++i) CHECK(back[i] == doctest::Approx(before[i]).epsilon(1e-3));
  CHECK(pipeline->ReplaceIdentity(before, std::span(person).subspan(1), result).code() == Code::kUsage);
}

TEST_CASE("A photo goes through the whole pipeline, the same bits every time") {
  auto pipeline = EditPipeline();
  Image photo = std::move(*Image::Create(47, 40));
  for (int i = 0; i < 47 * 40 * 3; ++i) photo.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 7);
  std::vector<float> first(kTinyRows * kTinyDim), second(first.size()), seeded(first.size());
  REQUIRE(pipeline->Encode(photo, first).ok());
  REQUIRE(pipeline->FromSeed(3, seeded).ok());
  const auto picture = pipeline->Synthesize(first, 0);
  REQUIRE(picture.ok());
  CHECK(picture->width == testing::kTinySide);
  REQUIRE(pipeline->Encode(photo, second).ok());
  CHECK(std::memcmp(first.data(), second.data(), first.size() * sizeof(float)) == 0);
  const auto other = pipeline->Synthesize(seeded, 0);
  REQUIRE(other.ok());
  CHECK(std::memcmp(other->pixels.data(), picture->pixels.data(), picture->bytes().size()) != 0);
  CHECK(pipeline->Synthesize(std::span(first).first(5), 0).status().code() == Code::kUsage);
}

TEST_CASE("Fewer edits together than the pipeline allows have the bits of each alone, also after others that failed") {
  PipelineOptions options;
  options.threads = 2;
  options.edit = true;
  options.edits = 4;
  auto pipeline = std::move(*Pipeline::Create(TinyModel(), options));
  const std::vector<float> codes = Codes("together");
  const std::vector<bool> rows(kTinyRows, true);
  const float infinity = std::numeric_limits<float>::infinity();
  const auto smile = [](float value) { return std::vector<Edit>{{kSmile, Edit::Mode::kSet, value}}; };
  const std::vector<std::vector<Edit>> broken(4, smile(infinity)), edits = {smile(1), smile(-1), smile(0.5f)};
  std::vector<float> together(4 * codes.size()), alone(codes.size());
  CHECK(pipeline->ApplyEdits(broken, rows, 1, codes, together).code() == Code::kNumeric);
  together.resize(3 * codes.size());
  const Status applied = pipeline->ApplyEdits(edits, rows, 1, codes, together);
  REQUIRE_MESSAGE(applied.ok(), applied.message());
  for (size_t k = 0; k < 3; ++k) {
    REQUIRE(pipeline->ApplyEdit(edits[k], rows, 1, codes, alone).ok());
    CHECK(std::memcmp(alone.data(), &together[k * codes.size()], codes.size() * sizeof(float)) == 0);
  }
  const std::vector<std::vector<Edit>> none, five(5, smile(1));
  CHECK(pipeline->ApplyEdits(none, rows, 1, codes, {}).code() == Code::kUsage);
  together.resize(5 * codes.size());
  CHECK(pipeline->ApplyEdits(five, rows, 1, codes, together).code() == Code::kUsage);
}

TEST_CASE("Random noise follows its seed") {
  PipelineOptions options;
  options.synthesize = true;
  options.random_noise = true;
  auto pipeline = std::move(*Pipeline::Create(TinyModel(), options));
  const std::vector<float> codes = Codes("noise");
  const auto a = pipeline->Synthesize(codes, 1), b = pipeline->Synthesize(codes, 2),
             c = pipeline->Synthesize(codes, 1);
  REQUIRE((a.ok() && b.ok() && c.ok()));
  CHECK(std::memcmp(a->pixels.data(), c->pixels.data(), a->bytes().size()) == 0);
  CHECK(std::memcmp(a->pixels.data(), b->pixels.data(), a->bytes().size()) != 0);
}

// Map i has stream i of the seed, so no two maps are alike.
TEST_CASE("Random noise is one stream of the seed for each map") {
  PipelineOptions options;
  options.synthesize = options.random_noise = true;
  auto pipeline = std::move(*Pipeline::Create(TinyModel(), options));
  const std::vector<float> codes = Codes("noise");
  EngineOptions engine_options;
  engine_options.programs = {{SynthesisOptions{.noise = NoiseMode::kInput}}};
  auto engine = std::move(*Engine::Create(std::make_shared<WeightStore>(TinyModel()), engine_options));
  const Graph& graph = engine->graph(0);
  std::vector<std::vector<float>> inputs = {codes};
  for (size_t i = 1; i < graph.inputs.size(); ++i) {
    inputs.emplace_back(static_cast<size_t>(graph.values[graph.inputs[i]].shape.elements()));
    FillNoise(7, i - 1, inputs.back());
    const std::vector<float>& before = inputs[i - 1];
    CHECK_FALSE(std::equal(before.begin(), before.begin() + 16, inputs[i].begin()));
  }
  CHECK(inputs.size() > 3);
  const std::vector<std::span<const float>> in(inputs.begin(), inputs.end());
  REQUIRE(engine->Run(0, in, std::array{std::span<float>()}).ok());
  const auto expected = FromFloats(engine->output(0, 0), testing::kTinySide, TinyModel()->config().generator->rounding);
  const auto found = pipeline->Synthesize(codes, 7);
  REQUIRE((expected.ok() && found.ok()));
  CHECK(std::memcmp(found->pixels.data(), expected->pixels.data(), found->bytes().size()) == 0);
}

TEST_CASE("Editing allocates the picture it gives and nothing else") {
  if (!testing::kCountsAllocations) return;
  PipelineOptions options;
  options.threads = 2;
  options.edit = options.synthesize = options.map = options.random_noise = true;
  auto pipeline = Pipeline::Create(TinyModel(), options);
  REQUIRE(pipeline.ok());
  const std::vector<Edit> edits = {{kSmile, Edit::Mode::kSet, 1.5f}};
  const std::vector<bool> rows(kTinyRows, true);
  std::vector<float> codes(size_t{kTinyRows} * kTinyDim);
  const testing::AllocationCount count;
  const bool edited =
      (*pipeline)->FromSeed(3, codes).ok() && (*pipeline)->ApplyEdit(edits, rows, 0.75f, codes, codes).ok();
  const auto by_edit = count.calls();
  const auto picture = (*pipeline)->Synthesize(codes, 7);
  const auto by_picture = count.calls() - by_edit;
  REQUIRE(edited);
  REQUIRE(picture.ok());
  CHECK(by_edit == 0);
  CHECK(by_picture == 1);
}

}  // namespace
}  // namespace mien
