// The C API on photos: what is found, cut out and compared, edits from memory to memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "runtime/builtin_model.h"
#include "runtime/face/image.h"
#include "runtime/face/likeness.h"
#include "runtime/face/photo_face.h"
#include "runtime/face/pipeline.h"
#include "runtime/libmien/mien.h"
#include "tests/support/tiny_model.h"

namespace mien {
namespace {

const std::string kAstronaut = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/astronaut.png";
constexpr mien_edit kSmile = {"smile", MIEN_SET, MIEN_NORMALISED, 1.5f};
constexpr mien_edit kTurn[] = {{"yaw", MIEN_ADD, MIEN_NATURAL, 10.0f}, {"age", MIEN_SET, MIEN_NORMALISED, -0.25f}};

struct Heard {
  std::string stages, log, stop_at;
  mien_context* context = nullptr;
};

int OnStage(void* user, const char* stage) {
  auto* heard = static_cast<Heard*>(user);
  heard->stages += std::string(stage) + " ";
  if (heard->stop_at == std::string("cancel ") + stage) mien_cancel(heard->context);
  return heard->stop_at == stage;
}

// A context with the tiny model, and what it says.
struct Context {
  explicit Context(uint64_t max_memory = 0) {
    mien_params params;
    mien_params_init(&params);
    params.model_path = testing::TinyModelPath().c_str();
    params.threads = 2;
    params.max_memory = max_memory;
    params.progress = OnStage;
    params.log = [](void* user, const char* line) { static_cast<Heard*>(user)->log += std::string(line) + "\n"; };
    params.progress_user = params.log_user = &heard;
    REQUIRE_MESSAGE(mien_create(&params, &context) == MIEN_OK, mien_last_error(nullptr));
    heard = {};
    heard.context = context;
  }
  ~Context() { mien_destroy(context); }
  operator mien_context*() const { return context; }

  Heard heard;
  mien_context* context = nullptr;
};

mien_image Of(const Image& image) { return {image.pixels.as<uint8_t>(), image.width, image.height, 0}; }

const std::vector<std::byte>& Astronaut() {
  static const std::vector<std::byte> bytes = [] {
    const File file = std::move(*File::Open(kAstronaut));
    std::vector<std::byte> content(file.size());
    REQUIRE(file.ReadAt(0, content).ok());
    return content;
  }();
  return bytes;
}

mien_photo_options Defaults() {
  mien_photo_options options;
  mien_photo_options_init(&options);
  return options;
}

struct Results {
  explicit Results(size_t count) : all(count) {}
  ~Results() { mien_free_results(all.data(), all.size()); }
  Image picture(size_t i) const {
    const auto bytes = std::as_bytes(std::span(all[i].file, all[i].bytes));
    return std::move(*DecodePicture(MemorySource(bytes)));
  }
  std::vector<mien_result> all;
};

TEST_CASE("faces are found with box and landmarks, and cut out as the library does") {
  const Context context;
  const Image photo = std::move(*ReadImage(kAstronaut));
  const mien_image given = Of(photo);
  mien_face faces[2] = {};
  size_t count = 7;
  REQUIRE_MESSAGE(mien_find_faces(context, &given, faces, 2, &count) == MIEN_OK, mien_last_error(context));
  REQUIRE(count == 1);
  CHECK(context.heard.stages == "read faces find ");
  CHECK(faces[0].score > 0.5);
  CHECK(faces[1].width == 0);
  for (const auto& [x, y] : faces[0].landmarks) {
    CHECK(x > faces[0].x - faces[0].width);
    CHECK(x < faces[0].x + 2 * faces[0].width);
    CHECK(y > faces[0].y - faces[0].height);
    CHECK(y < faces[0].y + 2 * faces[0].height);
  }
  // Rows that lie apart, and a caller who only counts.
  const size_t stride = 3 * photo.width + 13;
  std::vector<uint8_t> apart(stride * photo.height, 99);
  for (int y = 0; y < photo.height; ++y) std::memcpy(&apart[stride * y], photo.row(y), 3 * photo.width);
  const mien_image strided = {apart.data(), photo.width, photo.height, stride};
  CHECK(mien_find_faces(context, &strided, nullptr, 0, &count) == MIEN_OK);
  CHECK(count == 1);

  Landmarks landmarks;
  for (size_t i = 0; i < landmarks.size(); ++i) landmarks[i] = {faces[0].landmarks[i][0], faces[0].landmarks[i][1]};
  const Image expected = std::move(*AlignFace(photo, landmarks, 100));
  std::vector<uint8_t> crop(3 * 100 * 100);
  REQUIRE(mien_align(context, &strided, &faces[0], 100, crop.data()) == MIEN_OK);
  CHECK(std::ranges::equal(crop, expected.bytes()));
  CHECK(mien_align(context, &given, &faces[0], 15, crop.data()) == MIEN_USAGE);
  CHECK(mien_align(context, &given, nullptr, 100, crop.data()) == MIEN_USAGE);
  CHECK(mien_align(context, &given, &faces[1], 100, crop.data()) == MIEN_USAGE);  // 68 times the same point

  const Image nobody = std::move(*Image::Create(64, 64));
  const mien_image black = Of(nobody);
  CHECK(mien_find_faces(context, &black, faces, 2, &count) == MIEN_OK);
  CHECK(count == 0);
}

TEST_CASE("two faces are compared") {
  const Context context;
  const Image photo = std::move(*ReadImage(kAstronaut));
  const mien_image given = Of(photo);
  mien_face face = {};
  size_t count = 0;
  REQUIRE(mien_find_faces(context, &given, &face, 1, &count) == MIEN_OK);
  std::vector<uint8_t> square(3 * 256 * 256);
  REQUIRE(mien_align(context, &given, &face, 256, square.data()) == MIEN_OK);
  const mien_image crop = {square.data(), 256, 256, 0};
  double distance = -1;
  mien_verdict verdict = MIEN_CANNOT_TELL;
  CHECK(mien_compare(context, &given, &face, &given, &face, 0, &distance, &verdict) == MIEN_OK);
  CHECK(distance == 0.0);
  CHECK(verdict == MIEN_SAME_PERSON);
  CHECK(mien_compare(context, &given, &face, &crop, nullptr, 0, &distance, &verdict) == MIEN_OK);
  CHECK(distance > 0.0);
  CHECK(distance < 0.4);
  CHECK(mien_compare(context, &given, &face, &crop, nullptr, 1, &distance, &verdict) == MIEN_OK);
  CHECK(verdict == MIEN_CANNOT_TELL);
  CHECK(mien_compare(context, &given, &face, &given, nullptr, 0, nullptr, &verdict) == MIEN_USAGE);
}

TEST_CASE("a photo is edited whole, from file to file; several edits give what each gives alone") {
  Context context;
  mien_photo_options options = Defaults();
  const mien_edits edits[] = {{&kSmile, 1}, {nullptr, 0}, {kTurn, 2}};
  Results together(3);
  REQUIRE_MESSAGE(mien_edit_photo(context, Astronaut().data(), Astronaut().size(), &options, edits, 3,
                                  together.all.data()) == MIEN_OK,
                  mien_last_error(context));
  CHECK(context.heard.stages ==
        "read faces find encode edit synthesize compare paste write synthesize compare paste write "
        "edit synthesize compare paste write ");
  CHECK(context.heard.log.find("photo and edit: ") != std::string::npos);
  const Image photo = std::move(*ReadImage(kAstronaut));
  for (size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    Results alone(1);
    REQUIRE(mien_edit_photo(context, Astronaut().data(), Astronaut().size(), &options, &edits[i], 1,
                            alone.all.data()) == MIEN_OK);
    const mien_result &one = alone.all[0], &same = together.all[i];
    CHECK(std::ranges::equal(std::span(one.file, one.bytes), std::span(same.file, same.bytes)));
    CHECK(one.width == photo.width);
    CHECK(one.faces == 1);
    CHECK(one.photo_edit > 0.0);
    CHECK((one.reconstruction_edit == 0.0) == (i == 1));
    const Image made = alone.picture(0);
    CHECK(std::ranges::equal(made.bytes().first(3000), photo.bytes().first(3000)));  // rows above the face
    CHECK_FALSE(std::ranges::equal(made.bytes(), photo.bytes()));
    const auto texts = std::move(*ReadTexts(MemorySource(std::as_bytes(std::span(one.file, one.bytes)))));
    REQUIRE(texts.size() == 3);
    CHECK(texts[1].text == one.parameters);
    CHECK(texts[2].text == one.digital_source_type);
  }
  const auto told = nlohmann::json::parse(together.all[2].parameters);
  CHECK(told["set"] == nlohmann::json{"age=-0.25"});
  CHECK(told["add"] == nlohmann::json{"yaw=10deg"});
  CHECK(told["paste"] == "replace");

  options.format = "jpeg";
  options.quality = 80;
  options.no_metadata = 1;
  options.no_likeness = 1;
  Results jpeg(1);
  REQUIRE(mien_edit_photo(context, Astronaut().data(), Astronaut().size(), &options, edits, 1, jpeg.all.data()) ==
          MIEN_OK);
  CHECK(jpeg.all[0].file[0] == 0xff);
  CHECK(jpeg.all[0].photo_edit == -1.0);
  CHECK(nlohmann::json::parse(jpeg.all[0].parameters)["quality"] == 80);
  CHECK(ReadTexts(MemorySource(std::as_bytes(std::span(jpeg.all[0].file, jpeg.all[0].bytes))))->empty());
}

TEST_CASE("of faces that touch the second is edited as the first has become, in each of several edits") {
  const Context context;
  const Image one = std::move(*ReadImage(kAstronaut));
  Image pair = std::move(*Image::Create(660, 400));  // the second face stands 150 pixels to the right of the first
  for (int y = 0; y < pair.height; ++y) {
    std::memcpy(pair.row(y), one.row(y), 3 * 300);
    std::memcpy(pair.row(y) + 3 * 300, one.row(y) + 3 * 150, 3 * 360);
  }
  const mien_image photo = Of(pair);
  mien_photo_options options = Defaults();
  options.face = "all";
  options.paste = "replace";
  options.no_likeness = 1;
  const mien_edits edits[] = {{&kSmile, 1}, {kTurn, 2}};
  std::vector<uint8_t> pictures[3];
  mien_canvas canvases[3];
  for (int i = 0; i < 3; ++i) {
    pictures[i].resize(pair.bytes().size());
    canvases[i] = {pictures[i].data(), pair.width, pair.height, 0};
  }
  Results results(2), alone(1);
  REQUIRE_MESSAGE(mien_edit_pixels(context, &photo, &options, edits, 2, canvases, results.all.data()) == MIEN_OK,
                  mien_last_error(context));
  CHECK(results.all[0].faces >= 2);
  REQUIRE(mien_edit_pixels(context, &photo, &options, edits + 1, 1, canvases + 2, alone.all.data()) == MIEN_OK);
  CHECK(pictures[1] == pictures[2]);
  CHECK(pictures[0] != pictures[1]);
}

TEST_CASE("pixels are edited as a file is, into any rows; a crop is the generator's picture") {
  const Context context;
  mien_photo_options options = Defaults();
  const mien_edits edits = {&kSmile, 1};
  Results file(1), pixels(1);
  REQUIRE(mien_edit_photo(context, Astronaut().data(), Astronaut().size(), &options, &edits, 1, file.all.data()) ==
          MIEN_OK);
  const Image expected = file.picture(0), photo = std::move(*ReadImage(kAstronaut));
  const size_t stride = 3 * photo.width + 5;
  std::vector<uint8_t> memory(stride * photo.height, 77);
  for (int y = 0; y < photo.height; ++y) std::memcpy(&memory[stride * y], photo.row(y), 3 * photo.width);
  const mien_image given = {memory.data(), photo.width, photo.height, stride};
  const mien_canvas canvas = {memory.data(), photo.width, photo.height, stride};  // in place
  REQUIRE_MESSAGE(mien_edit_pixels(context, &given, &options, &edits, 1, &canvas, pixels.all.data()) == MIEN_OK,
                  mien_last_error(context));
  for (int y = 0; y < photo.height; ++y) {
    CHECK(std::memcmp(&memory[stride * y], expected.row(y), 3 * photo.width) == 0);
    CHECK(memory[stride * y + 3 * photo.width + 4] == 77);
  }
  CHECK(pixels.all[0].file == nullptr);
  CHECK(std::string(pixels.all[0].parameters) == file.all[0].parameters);

  options.crop = 1;
  const int side = mien_image_side(context);
  std::vector<uint8_t> face(3 * side * side);
  const mien_canvas small = {face.data(), side, side, 0};
  const mien_image whole = Of(photo);
  mien_free_results(pixels.all.data(), 1);
  CHECK(mien_edit_pixels(context, &whole, &options, &edits, 1, &canvas, pixels.all.data()) == MIEN_USAGE);
  CHECK(mien_edit_pixels(context, &whole, &options, &edits, 1, &small, pixels.all.data()) == MIEN_OK);
  // Step by step it is the same.
  mien_face found = {};
  size_t count = 0;
  std::vector<uint8_t> crop(3 * 256 * 256), picture(face.size());
  std::vector<float> codes(mien_rows(context) * mien_w_dim(context));
  REQUIRE(mien_find_faces(context, &whole, &found, 1, &count) == MIEN_OK);
  REQUIRE(mien_align(context, &whole, &found, 256, crop.data()) == MIEN_OK);
  REQUIRE(mien_encode(context, crop.data(), 256, 256, codes.data()) == MIEN_OK);
  REQUIRE(mien_apply_edits(context, &kSmile, 1, nullptr, 1, codes.data(), codes.data()) == MIEN_OK);
  REQUIRE(mien_synthesize(context, codes.data(), picture.data()) == MIEN_OK);
  CHECK(picture == face);
}

TEST_CASE("what cannot be edited has a code and a text, and leaves nothing") {
  const Context context;
  const mien_edits edits = {&kSmile, 1};
  mien_result result = {};
  const auto code = [&](auto change, std::span<const std::byte> file = Astronaut()) {
    mien_photo_options options = Defaults();
    change(options);
    std::memset(static_cast<void*>(&result), 0xab, sizeof result);
    const mien_code answer = mien_edit_photo(context, file.data(), file.size(), &options, &edits, 1, &result);
    if (answer != MIEN_OK) {
      CHECK(result.file == nullptr);
      CHECK(result.parameters == nullptr);
      CHECK_FALSE(std::string(mien_last_error(context)).empty());
    }
    mien_free_results(&result, 1);
    return answer;
  };
  using Options = mien_photo_options;
  CHECK(code([](Options& o) { o.face = "second"; }) == MIEN_USAGE);
  CHECK(code([](Options& o) { o.face = "2"; }) == MIEN_NO_FACE);
  CHECK(code([](Options& o) { o.face = "3,3"; }) == MIEN_NO_FACE);
  CHECK(code([](Options& o) { o.paste = "glue"; }) == MIEN_USAGE);
  CHECK(code([](Options& o) { o.layers = "77"; }) == MIEN_USAGE);
  CHECK(code([](Options& o) { o.strength = NAN; }) == MIEN_USAGE);
  CHECK(code([](Options& o) { o.format = "webp"; }) == MIEN_USAGE);
  CHECK(code([](Options& o) { o.quality = 0; }) == MIEN_USAGE);
  CHECK(code([](Options&) {}, std::span(Astronaut()).first(100)) == MIEN_FAILURE);
  CHECK(code([](Options&) {}, {}) == MIEN_USAGE);
  const std::vector<std::byte> nobody = std::move(*EncodePng(*Image::Create(96, 96), {}));
  CHECK(code([](Options&) {}, nobody) == MIEN_NO_FACE);
  CHECK(std::string(mien_last_error(context)).find("dark") != std::string::npos);
  CHECK(code([](Options& o) { o.aligned = 1; }, nobody) == MIEN_OK);

  const mien_photo_options options = Defaults();
  const mien_edits broken = {nullptr, 1};
  CHECK(mien_edit_photo(context, Astronaut().data(), 9, nullptr, &edits, 1, &result) == MIEN_USAGE);
  CHECK(mien_edit_photo(context, Astronaut().data(), 9, &options, &broken, 1, &result) == MIEN_USAGE);
  CHECK(mien_edit_photo(context, Astronaut().data(), 9, &options, &edits, 1, nullptr) == MIEN_USAGE);
  CHECK(mien_edit_photo(nullptr, Astronaut().data(), 9, &options, &edits, 1, &result) == MIEN_USAGE);
  uint8_t pixel[3] = {};
  const mien_image narrow = {pixel, 1, 1, 2}, none = {nullptr, 1, 1, 0}, huge = {pixel, 1 << 20, 1 << 20, 0};
  mien_face face;
  size_t count = 0;
  for (const mien_image& wrong : {narrow, none, huge})
    CHECK(mien_find_faces(context, &wrong, &face, 1, &count) == MIEN_USAGE);
  mien_free_results(nullptr, 3);
  mien_photo_options_init(nullptr);
}

TEST_CASE("an edit of a photo stops where the caller says so, and is made again") {
  Context context;
  const mien_photo_options options = Defaults();
  const mien_edits edits[] = {{&kSmile, 1}, {kTurn, 2}};
  for (const char* stage : {"read", "faces", "find", "encode", "edit", "synthesize", "compare", "paste", "write",
                            "cancel find", "cancel paste"}) {
    CAPTURE(stage);
    context.heard.stop_at = stage;
    Results results(2);
    CHECK(mien_edit_photo(context, Astronaut().data(), Astronaut().size(), &options, edits, 2, results.all.data()) ==
          MIEN_INTERRUPTED);
    CHECK(results.all[0].file == nullptr);
  }
  context.heard.stop_at = "";
  Results results(2);
  CHECK(mien_edit_photo(context, Astronaut().data(), Astronaut().size(), &options, edits, 2, results.all.data()) ==
        MIEN_OK);
}

TEST_CASE("max_memory counts the face networks beside the model") {
  PipelineOptions model;
  model.threads = 2;
  model.encode = model.edit = model.synthesize = model.map = true;
  const MemoryNeed taken = (*Pipeline::Create(testing::TinyModel(), model))->engine().need();
  FaceNetworksOptions networks;
  networks.threads = 2;
  AddSearch(DetectorChoice::kAuto, &networks);
  AddDescriptors(&networks);
  const uint64_t more = (*FaceNetworks::Create(*OpenBuiltinFaces(), networks))->engine().need().total();
  const mien_photo_options options = Defaults();
  const mien_edits edits = {&kSmile, 1};
  for (const bool enough : {false, true}) {
    const Context context(taken.total() - taken.loading + more - (enough ? 0 : 1));
    Results results(1);
    CHECK(mien_edit_photo(context, Astronaut().data(), Astronaut().size(), &options, &edits, 1, results.all.data()) ==
          (enough ? MIEN_OK : MIEN_MEMORY));
    std::vector<float> codes(mien_rows(context) * mien_w_dim(context));
    CHECK(mien_from_seed(context, 1, codes.data()) == MIEN_OK);  // for which the model is enough
  }
}

}  // namespace
}  // namespace mien
