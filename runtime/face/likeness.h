// Whether two pictures show the same person: the distance of what the face recogniser says of their faces, and what
// may be concluded from it (docs/networks.md, "Face networks"; weights/builtin/FACES.md, "Who is it").
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/face/face_networks.h"

namespace mien {

// What DescribeLandmarks and DescribeCrop need.
void AddDescriptors(FaceNetworksOptions* options);

// The 128 numbers of a face: `landmarks` in the photo, `part` what of it they were told from (FoundFace). kNoFace where
// too little of the face lies in the photo.
Result<std::vector<float>> DescribeLandmarks(FaceNetworks& networks, const Image& photo, const Landmarks& landmarks,
                                             const Part& part);
// The same of a picture that FFHQ's alignment has cut out, or that a generator of such pictures has made: the face lies
// in a known place, and nothing is searched. kUsage: not a square.
Result<std::vector<float>> DescribeCrop(FaceNetworks& networks, const Image& crop);
// Where the face lies in an aligned square of this side.
Part FaceOfCrop(int side);

// L2; both of the same length.
double Distance(std::span<const float> a, std::span<const float> b);

// How faces came into pictures: by a camera, or drawn by tools/portraits or by a generator that was trained on it.
enum class Portrayal : uint8_t { kPhotograph, kDrawn };
enum class Judgement : uint8_t { kSamePerson, kAnotherPerson, kCannotTell };
const char* InWords(Judgement judgement);

// Below the threshold two faces are one person's.
struct LikenessRule {
  double threshold = 0.0;
  double error_rate = 0.0;  // at the threshold: of pairs of one person and of pairs of two, 0..1
  const char* source = "";  // "the publisher's threshold for photographs"
};
// Where more is wrong than this share, nothing is concluded.
constexpr double kMostErrors = 0.1;
const LikenessRule& RuleOf(Portrayal portrayal);
Judgement Judge(double distance, const LikenessRule& rule);
// "same person (below 0.6, the publisher's threshold for photographs)".
std::string JudgementInWords(double distance, const LikenessRule& rule);

// The threshold at which as many pairs of one person lie at or above it as pairs of two people below it. Of finite
// lists the shares can differ: the threshold where they are nearest, in the middle between two of the distances, and
// their mean. kUsage: an empty list, or a distance that is not finite.
struct EqualError {
  double threshold = 0.0, rate = 0.0;
};
Result<EqualError> EqualErrorRate(std::vector<double> same, std::vector<double> different);

// What an edit has done to who it is.
struct EditLikeness {
  double photo_reconstruction = 0.0, photo_edit = 0.0, reconstruction_edit = 0.0;  // distances
};
EditLikeness LikenessOf(std::span<const float> photo, std::span<const float> reconstruction,
                        std::span<const float> edit);
// Of aligned squares of any size: the crop of the photo, what the generator makes of its codes before and after the
// edit. Errors are those of DescribeCrop. Who edits one photo several times calls DescribeCrop and LikenessOf.
Result<EditLikeness> CompareEdit(FaceNetworks& networks, const Image& photo, const Image& reconstruction,
                                 const Image& edit);
// One line without its end; `portrayal` is that of the generator's pictures.
std::string EditInWords(const EditLikeness& likeness, Portrayal portrayal);

}  // namespace mien
