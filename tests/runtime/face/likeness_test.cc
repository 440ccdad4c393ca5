// Distances of faces, and what is concluded from them.
#include "runtime/face/likeness.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "runtime/builtin_model.h"
#include "runtime/face/face_search.h"

namespace mien {
namespace {

const std::string kData = std::string(MIEN_SOURCE_DIR) + "/tests/data/faces/";

EqualError ErrorOf(std::vector<double> same, std::vector<double> different) {
  const auto error = EqualErrorRate(std::move(same), std::move(different));
  REQUIRE_MESSAGE(error.ok(), error.status().message());
  return *error;
}

void CheckError(const EqualError& error, double threshold, double rate) {
  CHECK(error.threshold == doctest::Approx(threshold));
  CHECK(error.rate == doctest::Approx(rate));
}

TEST_CASE("equal error rate: as many pairs of one person refused as pairs of two accepted") {
  CheckError(ErrorOf({0.3, 0.1}, {0.9, 0.5}), 0.4, 0);
  CheckError(ErrorOf({5, 1, 3, 2}, {4, 8, 7, 6}), 4.5, 0.25);
  CheckError(ErrorOf({5, 6}, {1, 2}), 3.5, 1);
}

TEST_CASE("equal error rate of lists whose shares are never the same: where they are nearest, their mean") {
  CheckError(ErrorOf({1, 4}, {2, 3, 5, 6, 7}), 3.5, 0.45);  // half of one person's, 2/5 of the others
  CheckError(ErrorOf({1, 2, 2}, {2, 3, 3}), 2.5, 1.0 / 6);  // equal distances lie on one side of every threshold
  CheckError(ErrorOf({2}, {2}), 2, 0.5);
}

TEST_CASE("equal error rate: there is none of an empty list or of what is no number") {
  const double infinity = std::numeric_limits<double>::infinity(), none = std::numeric_limits<double>::quiet_NaN();
  CHECK(EqualErrorRate({}, {1}).status().code() == Code::kUsage);
  CHECK(EqualErrorRate({1}, {}).status().code() == Code::kUsage);
  CHECK(EqualErrorRate({1, none}, {1}).status().code() == Code::kUsage);
  CHECK(EqualErrorRate({1}, {infinity, 1}).status().code() == Code::kUsage);
}

TEST_CASE("a judgement needs a rule that is seldom wrong") {
  const LikenessRule good = {0.6, 0.1, "a source"}, bad = {0.5, 0.11, "another"};
  CHECK(Judge(0.59, good) == Judgement::kSamePerson);
  CHECK(Judge(0.6, good) == Judgement::kAnotherPerson);
  CHECK(Judge(0.1, bad) == Judgement::kCannotTell);
  CHECK(Judge(0.9, bad) == Judgement::kCannotTell);
  CHECK(Judge(std::numeric_limits<double>::quiet_NaN(), good) == Judgement::kCannotTell);
  CHECK(JudgementInWords(0.2, good) == "same person (below 0.6, a source)");
  CHECK(JudgementInWords(0.7, good) == "another person (not below 0.6, a source)");
  CHECK(JudgementInWords(0.2, bad) ==
        "cannot tell (another: at the best threshold, 0.50, 11 % of the pairs are judged "
        "wrongly)");
  CHECK(RuleOf(Portrayal::kPhotograph).threshold == 0.6);
  CHECK(Judge(0.3, RuleOf(Portrayal::kPhotograph)) == Judgement::kSamePerson);
}

TEST_CASE("the distance of descriptors is L2") {
  const std::vector<float> a = {1, 2, 3}, b = {1, 5, -1};
  CHECK(Distance(a, b) == 5);
  CHECK(Distance(a, a) == 0);
}

std::unique_ptr<FaceNetworks> Networks() {
  FaceNetworksOptions options;
  options.backend = "cpu";
  AddDescriptors(&options);
  AddDetectors(DetectorChoice::kAuto, &options);
  const auto model = OpenBuiltinFaces();
  REQUIRE_MESSAGE(model.ok(), model.status().message());
  auto networks = FaceNetworks::Create(*model, options);
  REQUIRE_MESSAGE(networks.ok(), networks.status().message());
  return std::move(*networks);
}

Image Picture(const std::string& name) {
  auto picture = ReadImage(kData + name);
  REQUIRE_MESSAGE(picture.ok(), picture.status().message());
  return std::move(*picture);
}

std::vector<float> Value(Result<std::vector<float>> descriptor) {
  REQUIRE_MESSAGE(descriptor.ok(), descriptor.status().message());
  CHECK(descriptor->size() == 128);
  return std::move(*descriptor);
}

FoundFace Found(FaceNetworks& networks, const Image& photo) {
  const auto search = SearchFaces(networks, photo, DetectorChoice::kAuto);
  REQUIRE((search.ok() && search->chosen >= 0));
  const auto face = LocateFace(networks, photo, search->boxes()[0]);
  REQUIRE((face.ok() && *face));
  return **face;
}

TEST_CASE("an aligned square has the descriptor of the face that was found in the photo") {
  const auto networks = Networks();
  for (const char* name :
       {"astronaut.png", "portrait_a_neutral.png", "portrait_a_smile.png", "portrait_b_neutral.png"}) {
    CAPTURE(name);
    const Image photo = Picture(name);
    const FoundFace face = Found(*networks, photo);
    const auto crop = AlignFace(photo, face.landmarks, kCropSide);
    REQUIRE(crop.ok());
    const double distance = Distance(Value(DescribeLandmarks(*networks, photo, face.landmarks, face.part)),
                                     Value(DescribeCrop(*networks, *crop)));
    CHECK(distance > 0);
    CHECK(distance < 0.2);  // 0.07 to 0.15 when this was written
  }
}

TEST_CASE("an edit: three distances of three squares") {
  const auto networks = Networks();
  const Image photo = Picture("portrait_a_neutral.png"), again = Picture("portrait_a_smile.png"),
              edit = Picture("portrait_b_neutral.png");
  const auto likeness = CompareEdit(*networks, photo, again, edit);
  REQUIRE_MESSAGE(likeness.ok(), likeness.status().message());
  const auto a = Value(DescribeCrop(*networks, photo)), b = Value(DescribeCrop(*networks, again)),
             c = Value(DescribeCrop(*networks, edit));
  CHECK(likeness->photo_reconstruction == Distance(a, b));
  CHECK(likeness->photo_edit == Distance(a, c));
  CHECK(likeness->reconstruction_edit == Distance(b, c));
  CHECK(likeness->photo_reconstruction != likeness->photo_edit);
  CHECK(EditInWords({0.25, 0.5, 0.125}, Portrayal::kPhotograph) ==
        "distance of photo and reconstruction 0.250, photo and edit 0.500, reconstruction and edit 0.125; photo and "
        "edit: "
        "same person (below 0.6, the publisher's threshold for photographs)");
}

TEST_CASE("no square, no face in a square, and landmarks outside of the photo are refused") {
  const auto networks = Networks();
  const Image wide = std::move(*Image::Create(64, 63)), point = std::move(*Image::Create(1, 1));
  CHECK(DescribeCrop(*networks, wide).status().code() == Code::kUsage);
  CHECK(DescribeCrop(*networks, point).status().code() == Code::kNoFace);
  Landmarks far;
  for (int i = 0; i < kLandmarks; ++i) far[i] = {500.0 + i, 400.0 + i};
  CHECK(DescribeLandmarks(*networks, wide, far, {0, 0, 64, 63}).status().code() == Code::kNoFace);
  const Image square = Picture("portrait_a_neutral.png");
  CHECK(CompareEdit(*networks, wide, square, square).status().code() == Code::kUsage);
}

}  // namespace
}  // namespace mien
