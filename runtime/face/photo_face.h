// The faces of a photo that an edit is for: which of those that were found, where their landmarks are, and the square
// that encoders want of each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/face/face_search.h"

namespace mien {

// Which faces of a photo are meant.
struct FaceChoice {
  bool all = false;
  size_t number = 0;           // as they were found, best first, from 1 on; 0: not by number
  std::optional<Point> point;  // in the box of the face; none, and no number: the largest
};
// "largest", "all", a number or "X,Y". kUsage: anything else.
Result<FaceChoice> ParseFaceChoice(const std::string& text);
// At least one of `faces`, of which there is one at the least, best first. kNoFace: none has the number or the point.
Result<std::vector<Box>> ChooseFaces(const FaceChoice& choice, const std::vector<Box>& faces);

// The networks that finding faces takes: SearchFaces, LocateFaces, AdviceWithoutFace.
void AddSearch(DetectorChoice detector, FaceNetworksOptions* options);

struct PhotoFace {
  Landmarks landmarks;     // in pixels of the photo
  std::optional<Box> box;  // that of a detector; none: the landmarks were given
  std::string detector;    // Look::detector
};
// The chosen faces with their landmarks; without those of which too little lies in the photo. An empty list where none
// was found. Needs the landmarks' network.
Result<std::vector<PhotoFace>> LocateFaces(FaceNetworks& networks, const FaceSearch& search, const FaceChoice& choice,
                                           const Image& photo);

// The square of one face.
struct FaceCrop {
  Image picture;
  SquarePlace place;      // in the photo
  bool as_it_is = false;  // the square fills the photo, which was taken without being resampled
};
// `size` pixels a side by AlignFace. Where the face was searched and its square lies within 3 % of the photo's own
// frame, the photo is aligned already, and its centre square is taken instead.
Result<FaceCrop> CutFace(const Image& photo, const PhotoFace& face, int size = kCropSide, ThreadPool* pool = nullptr);
// The centre square of a photo that is aligned.
Result<FaceCrop> CutCentre(const Image& photo);
// Whether each corner lies within 3 % of the sides from that of the picture.
bool FillsPicture(const Quad& quad, int width, int height);

// What may help where no face was found in the photo, by what is seen of it: it is dark, small, or has a face that lies
// on its side. Needs the small detector's first look.
Result<std::string> AdviceWithoutFace(FaceNetworks& networks, const Image& photo);

}  // namespace mien
