// The C API: life of a context, every call, refusals, callbacks.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "runtime/libmien/mien.h"
#include "tests/support/tiny_model.h"

namespace {

using mien::testing::kTinyDim;
using mien::testing::kTinyRows;
using mien::testing::kTinySide;

mien_params Parameters() {
  mien_params params;
  mien_params_init(&params);
  params.model_path = mien::testing::TinyModelPath().c_str();
  params.threads = 2;
  return params;
}

mien_context* Create() {
  const mien_params params = Parameters();
  mien_context* context = nullptr;
  REQUIRE_MESSAGE(mien_create(&params, &context) == MIEN_OK, mien_last_error(nullptr));
  return context;
}

TEST_CASE("A context answers what the model is") {
  CHECK(mien_abi_version() == MIEN_ABI_VERSION);
  mien_context* context = Create();
  CHECK(mien_rows(context) == kTinyRows);
  CHECK(mien_w_dim(context) == kTinyDim);
  CHECK(mien_image_side(context) == kTinySide);
  CHECK(mien_attribute_count(context) == 8);
  CHECK(std::string(mien_attribute_name(context, 7)) == "smile");
  CHECK(mien_attribute_name(context, 8) == nullptr);
  CHECK(mien_attribute_name(context, -1) == nullptr);
  CHECK(std::string(mien_last_error(context)).empty());
  mien_destroy(context);
  mien_destroy(nullptr);
}

TEST_CASE("The log tells of a psi without effect and of values far outside of the training range") {
  std::string log;
  mien_params params = Parameters();
  params.psi = 1.5f;
  params.log = [](void* user, const char* line) { *static_cast<std::string*>(user) += std::string(line) + "\n"; };
  params.log_user = &log;
  mien_context* context = nullptr;
  REQUIRE(mien_create(&params, &context) == MIEN_OK);
  CHECK(log.find("psi above 1 has no effect") != std::string::npos);
  log.clear();
  std::vector<float> codes(kTinyRows * kTinyDim);
  mien_edit edit = {"age", MIEN_SET, MIEN_NATURAL, 60.0f};
  CHECK(mien_apply_edits(context, &edit, 1, nullptr, 1, codes.data(), codes.data()) == MIEN_OK);
  CHECK(log.empty());
  edit.unit = MIEN_NORMALISED;
  CHECK(mien_apply_edits(context, &edit, 1, nullptr, 1, codes.data(), codes.data()) == MIEN_OK);
  CHECK(log == "age=60 is 60 times the training range (-1 to 1); 60 years would be MIEN_NATURAL\n");
  mien_destroy(context);
}

TEST_CASE("Encode, edit, synthesize; layers keep their bits") {
  mien_context* context = Create();
  std::vector<uint8_t> photo(40 * 33 * 3), picture(3 * kTinySide * kTinySide), edited_picture(picture.size());
  for (size_t i = 0; i < photo.size(); ++i) photo[i] = static_cast<uint8_t>(i * 11);
  std::vector<float> codes(kTinyRows * kTinyDim), edited(codes.size()), seeded(codes.size());
  REQUIRE(mien_encode(context, photo.data(), 40, 33, codes.data()) == MIEN_OK);
  const mien_edit edits[] = {{"smile", MIEN_SET, MIEN_NORMALISED, 1.5f},
                             {"age", MIEN_ADD, MIEN_NATURAL, -10.0f}};
  REQUIRE(mien_apply_edits(context, edits, 2, "5-6", 0.75f, codes.data(), edited.data()) == MIEN_OK);
  for (int row = 0; row < kTinyRows; ++row) {
    const bool same =
        std::memcmp(&codes[row * kTinyDim], &edited[row * kTinyDim], kTinyDim * sizeof(float)) == 0;
    CHECK(same == (row < 5 || row > 6));
  }
  REQUIRE(mien_synthesize(context, codes.data(), picture.data()) == MIEN_OK);
  REQUIRE(mien_synthesize(context, edited.data(), edited_picture.data()) == MIEN_OK);
  CHECK(picture != edited_picture);
  REQUIRE(mien_from_seed(context, 5, seeded.data()) == MIEN_OK);
  CHECK(seeded != codes);
  mien_destroy(context);
}

TEST_CASE("An interactive context gives the pictures of another; previews are small") {
  mien_params params = Parameters();
  params.interactive = 1;
  mien_context *whole = Create(), *kept = nullptr, *small = nullptr;
  REQUIRE(mien_create(&params, &kept) == MIEN_OK);
  params.resolution = 16;
  params.memory = "bands";
  REQUIRE(mien_create(&params, &small) == MIEN_OK);
  CHECK(mien_image_side(small) == 16);
  std::vector<float> codes(kTinyRows * kTinyDim, 0.3f);
  std::vector<uint8_t> expected(3 * kTinySide * kTinySide), found(expected.size()), preview(3 * 16 * 16);
  for (const int row : {0, 5, 2, 7}) {
    for (int i = 0; i < kTinyDim; ++i) codes[row * kTinyDim + i] -= 0.5f;
    REQUIRE(mien_synthesize(whole, codes.data(), expected.data()) == MIEN_OK);
    REQUIRE(mien_synthesize(kept, codes.data(), found.data()) == MIEN_OK);
    REQUIRE(mien_synthesize(small, codes.data(), preview.data()) == MIEN_OK);
    CHECK(found == expected);
  }
  mien_destroy(whole);
  mien_destroy(kept);
  mien_destroy(small);
}

TEST_CASE("Refusals have a code and a text") {
  mien_context* context = Create();
  std::vector<float> codes(kTinyRows * kTinyDim, 0.1f);
  std::vector<uint8_t> rgb(3 * kTinySide * kTinySide);
  const mien_edit unknown = {"joy", MIEN_SET, MIEN_NORMALISED, 1.0f},
                  unit = {"smile", MIEN_SET, MIEN_NATURAL, 1.0f};
  const mien_edit unnamed = {nullptr, MIEN_SET, MIEN_NORMALISED, 1.0f};
  const mien_edit wild = {"smile", MIEN_SET, MIEN_NORMALISED, NAN},
                  fine = {"smile", MIEN_SET, MIEN_NORMALISED, 1.0f};
  const auto apply = [&](const mien_edit& edit, const char* layers, float strength) {
    return mien_apply_edits(context, &edit, 1, layers, strength, codes.data(), codes.data());
  };
  CHECK(apply(fine, nullptr, 1.0f) == MIEN_OK);
  CHECK(apply(unknown, nullptr, 1.0f) == MIEN_USAGE);
  CHECK(std::string(mien_last_error(context)).find("smile") != std::string::npos);
  CHECK(apply(unnamed, nullptr, 1.0f) == MIEN_USAGE);
  CHECK(apply(unit, nullptr, 1.0f) == MIEN_USAGE);
  CHECK(apply(wild, nullptr, 1.0f) == MIEN_USAGE);
  CHECK(apply(fine, "9", 1.0f) == MIEN_USAGE);
  CHECK(apply(fine, nullptr, 0.0f) == MIEN_USAGE);  // what once meant the whole edit
  CHECK(std::string(mien_last_error(context)).find("1 is the whole edit") != std::string::npos);
  CHECK(apply(fine, nullptr, 2.0f) == MIEN_USAGE);
  for (const int number : {7, 2, -1, 0x7fffffff}) {  // as a C caller stores them
    mien_edit mode = fine, other_unit = fine;
    std::memcpy(&mode.mode, &number, sizeof number);
    std::memcpy(&other_unit.unit, &number, sizeof number);
    CHECK(apply(mode, nullptr, 1.0f) == MIEN_USAGE);
    CHECK(std::string(mien_last_error(context)) ==
          "edit: mode " + std::to_string(number) + ", 0 or 1 expected");
    CHECK(apply(other_unit, nullptr, 1.0f) == MIEN_USAGE);
    CHECK(std::string(mien_last_error(context)) ==
          "edit: unit " + std::to_string(number) + ", 0 or 1 expected");
  }
  CHECK(mien_apply_edits(context, nullptr, 1, nullptr, 1, codes.data(), codes.data()) == MIEN_USAGE);
  CHECK(mien_encode(context, nullptr, 8, 8, codes.data()) == MIEN_USAGE);
  CHECK(mien_encode(context, rgb.data(), 0, 8, codes.data()) == MIEN_USAGE);
  CHECK(mien_encode(context, rgb.data(), 100000, 100000, codes.data()) == MIEN_USAGE);
  CHECK(mien_synthesize(context, nullptr, rgb.data()) == MIEN_USAGE);
  codes[3] = INFINITY;
  CHECK(mien_synthesize(context, codes.data(), rgb.data()) == MIEN_NUMERIC);
  CHECK(mien_synthesize(nullptr, codes.data(), rgb.data()) == MIEN_USAGE);
  mien_destroy(context);
}

TEST_CASE("Without a path the built-in model is loaded") {
  mien_params params = Parameters();
  params.model_path = nullptr;
  mien_context* context = nullptr;
  REQUIRE_MESSAGE(mien_create(&params, &context) == MIEN_OK, mien_last_error(nullptr));
  CHECK(mien_attribute_count(context) == 8);
  mien_destroy(context);
}

TEST_CASE("Create refuses and leaves nothing") {
  const auto code_with = [](auto change) {
    mien_params params = Parameters();
    change(params);
    mien_context* context = reinterpret_cast<mien_context*>(&params);
    const mien_code code = mien_create(&params, &context);
    CHECK(context == nullptr);
    CHECK_FALSE(std::string(mien_last_error(nullptr)).empty());
    return code;
  };
  CHECK(code_with([](mien_params& p) { p.model_path = "/nonexistent"; }) == MIEN_FAILURE);
  CHECK(code_with([](mien_params& p) { p.model_path = MIEN_SOURCE_DIR "/LICENSE"; }) == MIEN_REFUSED);
  CHECK(code_with([](mien_params& p) { p.backend = "cuda"; }) == MIEN_DEVICE);
  CHECK(code_with([](mien_params& p) { p.max_memory = 1000; }) == MIEN_MEMORY);
  CHECK(code_with([](mien_params& p) { p.threads = -2; }) == MIEN_USAGE);
  CHECK(code_with([](mien_params& p) { p.resolution = 24; }) == MIEN_USAGE);
  CHECK(code_with([](mien_params& p) { p.memory = "rows"; }) == MIEN_USAGE);
  CHECK(code_with([](mien_params& p) { p.abi_version = 77; }) == MIEN_USAGE);
  CHECK(mien_create(nullptr, nullptr) == MIEN_USAGE);
}

struct Seen {
  std::string stages, log;
  std::string stop_at;
};

int OnStage(void* user, const char* stage) {
  auto* seen = static_cast<Seen*>(user);
  seen->stages += std::string(stage) + " ";
  return seen->stop_at == stage;
}

TEST_CASE("Callbacks see the stages and can stop") {
  Seen seen;
  mien_params params = Parameters();
  params.progress = OnStage;
  params.progress_user = &seen;
  params.log = [](void* user, const char* line) { static_cast<Seen*>(user)->log += line; };
  params.log_user = &seen;
  mien_context* context = nullptr;
  REQUIRE(mien_create(&params, &context) == MIEN_OK);
  CHECK(seen.log.find("cpu") != std::string::npos);
  std::vector<float> codes(kTinyRows * kTinyDim);
  std::vector<uint8_t> rgb(3 * kTinySide * kTinySide);
  CHECK(mien_from_seed(context, 1, codes.data()) == MIEN_OK);
  CHECK(mien_synthesize(context, codes.data(), rgb.data()) == MIEN_OK);
  CHECK(seen.stages == "load map synthesize ");
  seen.stop_at = "synthesize";
  CHECK(mien_synthesize(context, codes.data(), rgb.data()) == MIEN_INTERRUPTED);
  seen.stop_at = "";
  CHECK(mien_synthesize(context, codes.data(), rgb.data()) == MIEN_OK);
  mien_cancel(nullptr);
  mien_destroy(context);
}

TEST_CASE("Contexts side by side on threads give the same bytes") {
  std::vector<std::vector<uint8_t>> pictures(4, std::vector<uint8_t>(3 * kTinySide * kTinySide));
  std::vector<std::thread> threads;
  mien::testing::TinyModelPath();
  for (auto& picture : pictures) {
    threads.emplace_back([&picture] {
      const mien_params params = Parameters();
      mien_context* context = nullptr;
      if (mien_create(&params, &context) != MIEN_OK) return;
      std::vector<float> codes(kTinyRows * kTinyDim);
      const mien_edit edit = {"smile", MIEN_SET, MIEN_NORMALISED, 1.0f};
      for (int i = 0; i < 3; ++i) {
        if (mien_from_seed(context, 9, codes.data()) != MIEN_OK ||
            mien_apply_edits(context, &edit, 1, nullptr, 1, codes.data(), codes.data()) != MIEN_OK ||
            mien_synthesize(context, codes.data(), picture.data()) != MIEN_OK) {
          picture.assign(picture.size(), 0);
        }
      }
      mien_destroy(context);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& picture : pictures) CHECK(picture == pictures[0]);
  CHECK(pictures[0] != std::vector<uint8_t>(pictures[0].size()));
}

}  // namespace
