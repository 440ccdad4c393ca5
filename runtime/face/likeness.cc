#include "runtime/face/likeness.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace mien {
namespace {

// The one place of these numbers. Photographs: the threshold and the share of pairs of Labeled Faces in the Wild that
// it gets wrong, as published with dlib's network. Drawn people: the equal error rate of renders of 256 pixels
// (weights/builtin/FACES.md, "Who is it").
constexpr LikenessRule kPhotographs = {0.6, 0.0062, "the publisher's threshold for photographs"};
constexpr LikenessRule kDrawnPeople = {0.54, 0.243, "measured on drawn people"};

// The face in an aligned square, as shares of its side: between the mean boxes of the small detector (0.13 to 0.88
// across, 0.33 to 0.93 down, in 39 of 100 renders) and of the stronger one (0.17 to 0.80, 0.20 to 0.94, in all). It
// matters little to descriptors: six such boxes gave ones that were all 0.10 to 0.11 from those of found faces.
constexpr double kCropLeft = 0.15, kCropTop = 0.25, kCropWidth = 0.70, kCropHeight = 0.68;

std::string Text(const char* format, double a, double b = 0.0, double c = 0.0) {
  char text[160];
  std::snprintf(text, sizeof text, format, a, b, c);
  return text;
}

}  // namespace

void AddDescriptors(FaceNetworksOptions* options) { options->landmarks = options->descriptor = true; }

Result<std::vector<float>> DescribeLandmarks(FaceNetworks& networks, const Image& photo, const Landmarks& landmarks,
                                             const Part& part) {
  const Part square = PartOf(RecognizerBox(landmarks, part), photo.width, photo.height);
  if (square.empty()) return Status::Error(Code::kNoFace, "too little of the face lies in the picture");
  return networks.Describe(photo, square);
}

Part FaceOfCrop(int side) {
  return PartOf({kCropLeft * side, kCropTop * side, kCropWidth * side, kCropHeight * side}, side, side);
}

Result<std::vector<float>> DescribeCrop(FaceNetworks& networks, const Image& crop) {
  if (crop.width != crop.height)
    return Status::Error(Code::kUsage, "an aligned face: a square expected, %d x %d pixels found", crop.width,
                         crop.height);
  const Part part = FaceOfCrop(crop.width);
  if (part.empty()) return Status::Error(Code::kNoFace, "too little of the face lies in the picture");
  MIEN_ASSIGN(const Landmarks relative, networks.FindLandmarks(crop, part));
  const Box corner = {static_cast<double>(part.x), static_cast<double>(part.y)};
  return DescribeLandmarks(networks, crop, LandmarksIn(relative, part, corner), part);
}

double Distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double off = double{a[i]} - double{b[i]};
    sum += off * off;
  }
  return std::sqrt(sum);
}

const char* InWords(Judgement judgement) {
  constexpr const char* kWords[] = {"same person", "another person", "cannot tell"};
  return kWords[static_cast<size_t>(judgement)];
}

const LikenessRule& RuleOf(Portrayal portrayal) {
  return portrayal == Portrayal::kPhotograph ? kPhotographs : kDrawnPeople;
}

Judgement Judge(double distance, const LikenessRule& rule) {
  if (!(rule.error_rate <= kMostErrors) || !std::isfinite(distance)) return Judgement::kCannotTell;
  return distance < rule.threshold ? Judgement::kSamePerson : Judgement::kAnotherPerson;
}

std::string JudgementInWords(double distance, const LikenessRule& rule) {
  const Judgement judgement = Judge(distance, rule);
  const std::string words = std::string(InWords(judgement)) + " (";
  switch (judgement) {
    case Judgement::kSamePerson:
      return words + Text("below %g, ", rule.threshold) + rule.source + ")";
    case Judgement::kAnotherPerson:
      return words + Text("not below %g, ", rule.threshold) + rule.source + ")";
    case Judgement::kCannotTell:
      break;
  }
  return words + rule.source +
         Text(": at the best threshold, %.2f, %.0f %% of the pairs are judged wrongly)", rule.threshold,
              100 * rule.error_rate);
}

Result<EqualError> EqualErrorRate(std::vector<double> same, std::vector<double> different) {
  if (same.empty() || different.empty())
    return Status::Error(Code::kUsage, "equal error rate: distances expected, %zu of one person and %zu of two found",
                         same.size(), different.size());
  for (std::vector<double>* list : {&same, &different}) {
    if (!std::ranges::all_of(*list, [](double distance) { return std::isfinite(distance); }))
      return Status::Error(Code::kUsage, "equal error rate: a distance is not finite");
    std::ranges::sort(*list);
  }
  EqualError best;
  double least = std::numeric_limits<double>::infinity(), below = std::min(same[0], different[0]);
  size_t accepted_same = 0, accepted_different = 0;  // below the threshold
  for (;;) {
    const bool ended[] = {accepted_same == same.size(), accepted_different == different.size()};
    if (ended[0] && ended[1]) return best;
    const double next = ended[0]   ? different[accepted_different]
                        : ended[1] ? same[accepted_same]
                                   : std::min(same[accepted_same], different[accepted_different]);
    const double refused = 1.0 - static_cast<double>(accepted_same) / static_cast<double>(same.size());
    const double accepted = static_cast<double>(accepted_different) / static_cast<double>(different.size());
    if (std::abs(refused - accepted) < least) {
      least = std::abs(refused - accepted);
      best = {(below + next) / 2, (refused + accepted) / 2};
    }
    while (accepted_same < same.size() && same[accepted_same] == next) ++accepted_same;
    while (accepted_different < different.size() && different[accepted_different] == next) ++accepted_different;
    below = next;
  }
}

EditLikeness LikenessOf(std::span<const float> photo, std::span<const float> reconstruction,
                        std::span<const float> edit) {
  return {Distance(photo, reconstruction), Distance(photo, edit), Distance(reconstruction, edit)};
}

Result<EditLikeness> CompareEdit(FaceNetworks& networks, const Image& photo, const Image& reconstruction,
                                 const Image& edit) {
  MIEN_ASSIGN(const std::vector<float> before, DescribeCrop(networks, photo));
  MIEN_ASSIGN(const std::vector<float> between, DescribeCrop(networks, reconstruction));
  MIEN_ASSIGN(const std::vector<float> after, DescribeCrop(networks, edit));
  return LikenessOf(before, between, after);
}

std::string EditInWords(const EditLikeness& likeness, Portrayal portrayal) {
  const LikenessRule& rule = RuleOf(portrayal);
  return Text("distance of photo and reconstruction %.3f, photo and edit %.3f, reconstruction and edit %.3f; ",
              likeness.photo_reconstruction, likeness.photo_edit, likeness.reconstruction_edit) +
         "photo and edit: " + JudgementInWords(likeness.photo_edit, rule);
}

}  // namespace mien
