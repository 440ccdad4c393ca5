#include "runtime/face/photo_face.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/face/resample.h"

namespace mien {
namespace {

constexpr double kFrameTolerance = 0.03;  // of the sides
constexpr double kDark = 40.0;            // mean of all channels, of 255
constexpr int kSmall = 80;                // pixels of the longer side

double MeanBrightness(const Image& photo) {
  double sum = 0;
  for (int y = 0; y < photo.height; ++y) {
    uint64_t row = 0;
    for (int i = 0; i < 3 * photo.width; ++i) row += photo.row(y)[i];
    sum += static_cast<double>(row);
  }
  return sum / (3.0 * photo.width * photo.height);
}

// Whether a turned copy of the photo shows a face.
Result<bool> FaceLiesOnItsSide(FaceNetworks& networks, const Image& photo) {
  const double shrink = std::min(1.0, double{kFirstLook} / std::max(photo.width, photo.height));
  const int width = std::max(1, static_cast<int>(photo.width * shrink));
  const int height = std::max(1, static_cast<int>(photo.height * shrink));
  for (const int orientation : {6, 8, 3}) {  // of EXIF: a quarter to the right, to the left, upside down
    MIEN_ASSIGN(Image small, ResizeImage(photo, width, height));
    MIEN_ASSIGN(const Image turned, TurnUpright(std::move(small), orientation));
    MIEN_ASSIGN(const std::vector<Box> boxes,
                networks.FindByCells(turned, {0, 0, turned.width, turned.height}, kFirstLook));
    if (!boxes.empty() && boxes[0].score >= kSureScore) return true;
  }
  return false;
}

}  // namespace

void AddSearch(DetectorChoice detector, FaceNetworksOptions* options) {
  AddDetectors(detector, options);
  options->landmarks = true;
  if (std::ranges::count(options->cell_sizes, kFirstLook) == 0) options->cell_sizes.push_back(kFirstLook);
}

Result<FaceChoice> ParseFaceChoice(const std::string& text) {
  FaceChoice choice;
  choice.all = text == "all";
  if (choice.all || text == "largest") return choice;
  int used = 0;
  const auto whole = [&] { return used == static_cast<int>(text.size()); };
  Point point;
  if (std::sscanf(text.c_str(), "%lf,%lf%n", &point.x, &point.y, &used) == 2 && whole()) {
    choice.point = point;
    return choice;
  }
  unsigned long number = 0;
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && std::sscanf(text.c_str(), "%9lu%n", &number, &used) == 1 && whole() && number > 0) {
    choice.number = number;
    return choice;
  }
  return Status::Error(Code::kUsage, "--face %s: largest, all, a number from 1 on or a point X,Y expected",
                       text.c_str());
}

Result<std::vector<Box>> ChooseFaces(const FaceChoice& choice, const std::vector<Box>& faces) {
  if (choice.all) return faces;
  if (choice.number > faces.size())
    return Status::Error(Code::kNoFace, "--face %zu: %zu found", choice.number, faces.size());
  if (choice.number > 0) return std::vector<Box>{faces[choice.number - 1]};
  if (!choice.point) {
    const auto area = [](const Box& box) { return box.width * box.height; };
    return std::vector<Box>{*std::ranges::max_element(faces, {}, area)};
  }
  for (const Box& box : faces) {
    const double x = choice.point->x - box.x, y = choice.point->y - box.y;
    if (x >= 0 && x < box.width && y >= 0 && y < box.height) return std::vector<Box>{box};
  }
  return Status::Error(Code::kNoFace, "--face %g,%g: none there, %zu elsewhere", choice.point->x, choice.point->y,
                       faces.size());
}

Result<std::vector<PhotoFace>> LocateFaces(FaceNetworks& networks, const FaceSearch& search, const FaceChoice& choice,
                                           const Image& photo) {
  std::vector<PhotoFace> faces;
  if (search.chosen < 0) return faces;
  MIEN_ASSIGN(const std::vector<Box> chosen, ChooseFaces(choice, search.boxes()));
  for (const Box& box : chosen) {
    const Part part = PartOf(box, photo.width, photo.height);
    if (part.empty()) continue;
    MIEN_ASSIGN(const Landmarks relative, networks.FindLandmarks(photo, part));
    // Landmarks are fractions of the part of the box that lies in the photo, so they are shifted by its corner; the
    // publisher's package shifts them by the box's own (LocateFace), which differs where the box leaves the photo.
    const Box corner = {static_cast<double>(part.x), static_cast<double>(part.y)};
    faces.push_back(
        {LandmarksIn(relative, part, corner), box, search.looks[static_cast<size_t>(search.chosen)].detector});
  }
  return faces;
}

bool FillsPicture(const Quad& quad, int width, int height) {
  const auto near = [&](Point corner, int x, int y) {
    return std::abs(corner.x - x) <= kFrameTolerance * width && std::abs(corner.y - y) <= kFrameTolerance * height;
  };
  return near(quad.nw, 0, 0) && near(quad.ne, width, 0) && near(quad.se, width, height) && near(quad.sw, 0, height);
}

Result<FaceCrop> CutCentre(const Image& photo) {
  FaceCrop crop;
  MIEN_ASSIGN(crop.picture, CropCentreSquare(photo));
  const double side = crop.picture.width;
  crop.place = {{std::floor((photo.width - side) / 2), std::floor((photo.height - side) / 2)}, {side, 0}, {0, side}};
  crop.as_it_is = true;
  crop.picture.profile = photo.profile;
  return crop;
}

Result<FaceCrop> CutFace(const Image& photo, const PhotoFace& face, int size, ThreadPool* pool) {
  if (face.box) {
    MIEN_ASSIGN(const Quad quad, FaceQuad(RoundedLandmarks(face.landmarks)));
    if (FillsPicture(quad, photo.width, photo.height)) return CutCentre(photo);
  }
  FaceCrop crop;
  MIEN_ASSIGN(crop.picture, AlignFace(photo, face.landmarks, size, &crop.place, pool));
  crop.picture.profile = photo.profile;
  return crop;
}

Result<std::string> AdviceWithoutFace(FaceNetworks& networks, const Image& photo) {
  const double brightness = MeanBrightness(photo);
  char text[120];
  if (std::max(photo.width, photo.height) < kSmall) {
    std::snprintf(text, sizeof text, "the photo has %d x %d pixels only, a larger one may help", photo.width,
                  photo.height);
    return std::string(text);
  }
  MIEN_ASSIGN(const bool turned, FaceLiesOnItsSide(networks, photo));
  if (turned) return std::string("one is seen when the photo is turned, so turn it upright");
  if (brightness < kDark) {
    std::snprintf(text, sizeof text, "the photo is dark (mean brightness %.0f of 255), a brighter one may help",
                  brightness);
    return std::string(text);
  }
  return std::string(
      "a face that is larger, upright and seen from the front, another --detector, or its 68 points (mien align "
      "--landmarks) may help");
}

}  // namespace mien
