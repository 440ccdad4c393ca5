#include "runtime/face/paste.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace mien {
namespace {

using Colour = std::function<double(double x, double y, int channel)>;

// Colours of the middles of pixels.
Image Painted(int width, int height, const Colour& colour) {
  auto image = Image::Create(width, height);
  REQUIRE(image.ok());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < 3 * width; ++x) {
      const double level = std::floor(colour(x / 3 + 0.5, y + 0.5, x % 3) + 0.5);
      image->row(y)[x] = static_cast<uint8_t>(std::min(std::max(level, 0.0), 255.0));
    }
  }
  return std::move(*image);
}

Image Even(int side, int level) {
  return Painted(side, side, [&](double, double, int) { return level; });
}

Image Copy(const Image& image) {
  auto copy = Image::Create(image.width, image.height);
  REQUIRE(copy.ok());
  std::memcpy(copy->row(0), image.row(0), image.bytes().size());
  return std::move(*copy);
}

bool Same(const Image& a, const Image& b) {
  return std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end());
}

// Waves on grey, a fifteenth of the square and longer for a face of that distance between the eyes.
Colour Waves(double eyes) {
  return [=](double x, double y, int channel) {
    return 128 + 40 * std::sin((10.5 * x + 6.5 * y) / eyes + channel) +
           30 * std::cos((5.5 * x - 12.0 * y) / eyes - 2 * channel);
  };
}

// A face of the given distance between the eyes, its head turned by `roll`; the points that alignment reads.
Landmarks Face(Point centre, double eyes, double roll = 0.0) {
  const auto turned = [&](double x, double y) {
    return Point{centre.x + std::cos(roll) * x - std::sin(roll) * y,
                 centre.y + std::sin(roll) * x + std::cos(roll) * y};
  };
  Landmarks face = {};
  for (int i = 36; i <= 41; ++i) face[i] = turned(-eyes / 2, 0);
  for (int i = 42; i <= 47; ++i) face[i] = turned(eyes / 2, 0);
  face[48] = turned(-eyes / 3, eyes);
  face[54] = turned(eyes / 3, eyes);
  return face;
}

SquarePlace Upright(double x, double y, double side) { return {{x, y}, {side, 0}, {0, side}}; }

double MaskAt(const SquarePlace& place, int x, int y) {
  const Point r = place.right, d = place.down, p = {x + 0.5 - place.corner.x, y + 0.5 - place.corner.y};
  const double area = r.x * d.y - r.y * d.x;
  return PasteMask((p.x * d.y - p.y * d.x) / area, (r.x * p.y - r.y * p.x) / area);
}

// PSNR of a and b where the mask is full, how far a lies from b there in pixels (least squares on b's gradients), and
// whether bits are the same where it is empty.
struct Comparison {
  double psnr = 0.0;
  Point shift;
  int pixels = 0;
  bool outside_same = true;
};
Comparison Compare(const Image& a, const Image& b, const SquarePlace& place) {
  Comparison result;
  double squares = 0.0, xx = 0.0, xy = 0.0, yy = 0.0, xd = 0.0, yd = 0.0;
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < a.width; ++x) {
      const double mask = MaskAt(place, x, y);
      if (mask == 0.0) result.outside_same &= std::memcmp(a.row(y) + 3 * x, b.row(y) + 3 * x, 3) == 0;
      if (mask < 1.0 || x == 0 || y == 0 || x == a.width - 1 || y == a.height - 1) continue;
      ++result.pixels;
      for (int c = 3 * x; c < 3 * x + 3; ++c) {
        const double d = double(b.row(y)[c]) - a.row(y)[c];
        const double gx = (b.row(y)[c + 3] - b.row(y)[c - 3]) / 2.0, gy = (b.row(y + 1)[c] - b.row(y - 1)[c]) / 2.0;
        squares += d * d;
        xx += gx * gx;
        xy += gx * gy;
        yy += gy * gy;
        xd += gx * d;
        yd += gy * d;
      }
    }
  }
  result.psnr = 10.0 * std::log10(255.0 * 255.0 * 3 * result.pixels / std::max(squares, 1e-9));
  const double area = xx * yy - xy * xy;
  result.shift = {(yy * xd - xy * yd) / area, (xx * yd - xy * xd) / area};
  return result;
}

struct Case {
  const char* name;
  int width, height;
  double eyes;
  Landmarks face;
  int size;  // of the generator's picture
};
const Case kCases[] = {{"enlarged", 300, 280, 50, Face({151, 120}, 50), 256},
                       {"turned", 300, 280, 45, Face({148, 131}, 45, 0.4), 512},
                       {"turned far, reduced", 700, 640, 130, Face({340, 300}, 130, -1.1), 1024},
                       {"shrunk first", 1200, 1100, 210, Face({580, 500}, 210, 0.2), 128},
                       {"beyond the border", 240, 200, 55, Face({40, 60}, 55, -0.2), 512}};

}  // namespace

TEST_CASE("replaced by its own crop, a photo keeps its picture, to a small part of a pixel") {
  for (const Case& c : kCases) {
    CAPTURE(c.name);
    const Image photo = Painted(c.width, c.height, Waves(c.eyes));
    SquarePlace place;
    const auto crop = AlignFace(photo, c.face, c.size, &place);
    REQUIRE(crop.ok());
    Image pasted = Copy(photo);
    REQUIRE(PasteFace(*crop, *crop, place, PasteMode::kReplace, &pasted).ok());
    const Comparison found = Compare(pasted, photo, place);
    CHECK(found.pixels > 5000);
    // Beyond the border alignment makes up colours, which blur into the photo.
    const bool whole = std::string(c.name) != "beyond the border";
    CHECK(found.psnr > (whole ? 48.0 : 30.0));
    CHECK(std::fabs(found.shift.x) < (whole ? 0.03 : 0.1));
    CHECK(std::fabs(found.shift.y) < (whole ? 0.03 : 0.1));
    CHECK(found.outside_same);
    CHECK_FALSE(Same(pasted, photo));
  }
}

TEST_CASE("a picture of another tint loses it") {
  const Image photo = Painted(300, 280, Waves(50));
  SquarePlace place;
  const auto crop = AlignFace(photo, Face({151, 120}, 50, 0.3), 256, &place);
  REQUIRE(crop.ok());
  Image tinted = Copy(*crop);
  for (int y = 0; y < 256; ++y) {
    for (int x = 0; x < 3 * 256; ++x) tinted.row(y)[x] += x % 3 == 0 ? 25 : x % 3 == 1 ? -20 : 10;
  }
  Image as_it_is = Copy(photo), pasted = Copy(photo);
  REQUIRE(PasteFace(*crop, *crop, place, PasteMode::kReplace, &as_it_is).ok());
  REQUIRE(PasteFace(tinted, tinted, place, PasteMode::kReplace, &pasted).ok());
  int farthest = 0;
  for (size_t i = 0; i < pasted.bytes().size(); ++i)
    farthest = std::max(farthest, std::abs(pasted.bytes()[i] - as_it_is.bytes()[i]));
  CHECK(farthest <= 1);
}

TEST_CASE("colours are matched smoothly where the difference is another on each side") {
  const Image photo = Painted(200, 200, [](double x, double y, int) { return 60 + 0.3 * x + 0.2 * y; });
  Image pasted = Copy(photo);
  REQUIRE(PasteFace(Even(64, 128), Even(64, 128), Upright(20, 30, 150), PasteMode::kReplace, &pasted).ok());
  // A membrane over straight slopes is straight: the even picture takes them all.
  CHECK(Compare(pasted, photo, Upright(20, 30, 150)).psnr > 45);
}

TEST_CASE("an edit that changes nothing leaves every bit, and so does a change that is no more than noise") {
  const Image photo = Painted(200, 180, Waves(20));
  const SquarePlace place = Upright(30.3, 20.7, 120.4);
  const Image picture = Painted(64, 64, Waves(10)),
              other = Painted(64, 64, [](double x, double y, int channel) {
                return Waves(10)(x, y, channel) + (static_cast<int>(3 * x + 7 * y) % 2 == 0 ? 2 : -2);
              });
  Image pasted = Copy(photo);
  REQUIRE(PasteFace(picture, picture, place, PasteMode::kDifference, &pasted).ok());
  CHECK(Same(pasted, photo));
  REQUIRE(PasteFace(other, picture, place, PasteMode::kDifference, &pasted).ok());
  CHECK(Same(pasted, photo));
  Image point = Copy(picture);
  point.row(40)[3 * 40] += 15;
  REQUIRE(PasteFace(point, picture, place, PasteMode::kDifference, &pasted).ok());
  CHECK(Same(pasted, photo));
}

TEST_CASE("where something else has come, details of the photo go") {
  const SquarePlace place = Upright(30, 20, 128);
  const auto dots = [](double x, double y, int) {
    return static_cast<int>(x) % 2 == static_cast<int>(y) % 2 ? 100 : 130;
  };
  const Image photo = Painted(200, 180, dots), before = Even(128, 115);
  const Image after =
      Painted(128, 128, [](double x, double y, int) { return std::hypot(x - 64, y - 80) < 20 ? 215 : 115; });
  Image pasted = Copy(photo);
  REQUIRE(PasteFace(after, before, place, PasteMode::kDifference, &pasted).ok());
  for (int y = 0; y < photo.height; ++y) {
    for (int x = 0; x < photo.width; ++x) {
      const double far = std::hypot(x + 0.5 - 94, y + 0.5 - 100);
      if (far < 15) CHECK(std::abs(pasted.row(y)[3 * x] - 215) <= 2);
      if (far > 26) CHECK(pasted.row(y)[3 * x] == photo.row(y)[3 * x]);
    }
  }
}

TEST_CASE("what is pasted fades into the photo as the mask does") {
  const Image photo = Even(200, 120);
  const SquarePlace place = Upright(25, 25, 150);
  const Image squares = Painted(150, 150, [](double x, double y, int) {
    return static_cast<int>(x / 5) % 2 == static_cast<int>(y / 5) % 2 ? 160 : 80;
  });
  Image pasted = Copy(photo);
  REQUIRE(PasteFace(squares, squares, place, PasteMode::kReplace, &pasted).ok());
  double largest = 0.0;
  for (int y = 0; y < photo.height; ++y) {
    for (int x = 0; x < photo.width; ++x) {
      const double change = std::abs(pasted.row(y)[3 * x] - 120);
      CHECK(change <= 50 * MaskAt(place, x, y) + 1);
      largest = std::max(largest, change);
    }
  }
  CHECK(largest > 35);
  pasted = Copy(photo);
  REQUIRE(PasteFace(Even(150, 119), Even(150, 100), place, PasteMode::kDifference, &pasted).ok());
  for (int y = 0; y < photo.height; ++y) {
    for (int x = 0; x < photo.width; ++x) CHECK(std::fabs(pasted.row(y)[3 * x] - 120 - 19 * MaskAt(place, x, y)) <= 1);
  }
}

TEST_CASE("what the generator's colours lack within the face is added, what the edit changed stays") {
  const Image photo = Even(200, 120);
  const SquarePlace place = Upright(25, 25, 150);
  const auto spot = [](int level) {
    return Painted(150, 150,
                   [=](double x, double y, int) { return 110 + (std::hypot(x - 75, y - 75) < 40 ? level : 0); });
  };
  Image pasted = Copy(photo);
  REQUIRE(PasteFace(spot(40), spot(40), place, PasteMode::kReplace, &pasted).ok());
  CHECK(std::abs(pasted.row(100)[3 * 100] - 120) <= 2);
  pasted = Copy(photo);
  REQUIRE(PasteFace(spot(40), spot(0), place, PasteMode::kReplace, &pasted).ok());
  CHECK(std::abs(pasted.row(100)[3 * 100] - 160) <= 2);
  // Even where the edit changes everything there is no seam.
  pasted = Copy(photo);
  REQUIRE(PasteFace(Even(150, 160), Even(150, 120), place, PasteMode::kReplace, &pasted).ok());
  CHECK(pasted.row(100)[3 * 100] >= 155);
  for (int y = 0; y < photo.height; ++y) {
    for (int x = 0; x < photo.width; ++x) {
      if (MaskAt(place, x, y) < 0.5) CHECK(pasted.row(y)[3 * x] <= 130);
    }
  }
}

TEST_CASE("a picture with more pixels than its square is averaged, not sampled") {
  const Image photo = Even(200, 120);
  const Image fine = Painted(
      512, 512, [](double x, double y, int) { return static_cast<int>(x) % 2 == static_cast<int>(y) % 2 ? 20 : 220; });
  Image pasted = Copy(photo);
  REQUIRE(PasteFace(fine, fine, Upright(30.3, 25.1, 140), PasteMode::kReplace, &pasted).ok());
  CHECK(Same(pasted, photo));
}

TEST_CASE("a change that is no new thing is added where it is, in full, and nowhere else") {
  const Image photo = Painted(200, 180, Waves(20));
  const SquarePlace place = Upright(30, 20, 128);
  const Image before = Painted(128, 128, Waves(10));
  const Image after = Painted(128, 128, [](double x, double y, int channel) {
    return Waves(10)(x, y, channel) + (std::hypot(x - 64, y - 80) < 20 ? 16 : 0);
  });
  Image pasted = Copy(photo);
  REQUIRE(PasteFace(after, before, place, PasteMode::kDifference, &pasted).ok());
  for (int y = 0; y < photo.height; ++y) {
    for (int x = 0; x < 3 * photo.width; ++x) {
      const double far = std::hypot(x / 3 + 0.5 - 94, y + 0.5 - 100);
      const int change = pasted.row(y)[x] - photo.row(y)[x];
      if (far < 16) CHECK(change == 16);
      if (far > 25) CHECK(change == 0);
      const int mirrored = 187 - x / 3;  // about the middle of the change
      if (mirrored < 0) continue;
      const int there = pasted.row(y)[3 * mirrored + x % 3] - photo.row(y)[3 * mirrored + x % 3];
      CHECK(std::abs(change - there) <= 1);
    }
  }
}

TEST_CASE("where the photo ends, nothing of what lies beyond gets in") {
  const Image photo = Painted(160, 150, [](double x, double, int channel) { return 90 + 0.2 * x + 10 * channel; });
  // The corner of the photo at a third of the square; the picture is black where the photo has no pixels, brighter
  // elsewhere, and has a spot.
  const SquarePlace place = Upright(-42, -42, 120);
  const auto picture = [&](int spot) {
    return Painted(120, 120, [=](double x, double y, int channel) {
      if (x < 42 || y < 42) return 0.0;
      return 90 + 0.2 * (x - 42) + 10 * channel + 30 + (std::hypot(x - 62, y - 62) < 6 ? spot : 0);
    });
  };
  Image pasted = Copy(photo);
  REQUIRE(PasteFace(picture(50), picture(0), place, PasteMode::kReplace, &pasted).ok());
  CHECK(pasted.row(20)[3 * 20] - photo.row(20)[3 * 20] > 45);
  int farthest = 0;
  for (int y = 0; y < photo.height; ++y) {
    for (int x = 0; x < 3 * photo.width; ++x) {
      if (std::hypot(x / 3 + 0.5 - 20, y + 0.5 - 20) > 10)
        farthest = std::max(farthest, std::abs(pasted.row(y)[x] - photo.row(y)[x]));
    }
  }
  CHECK(farthest <= 2);
  // A square that lies elsewhere altogether changes nothing.
  Image untouched = Copy(photo);
  CHECK(PasteFace(picture(50), picture(0), Upright(400, -900, 120), PasteMode::kReplace, &untouched).ok());
  CHECK(Same(untouched, photo));
}

TEST_CASE("the mask is full in the middle, empty at the border and beyond, and smooth") {
  CHECK(PasteMask(0.5, 0.5) == 1.0);
  CHECK(PasteMask(0.15, 0.5) == 1.0);
  for (const double edge : {-1.0, 0.0, 1.0, 2.0}) {
    CHECK(PasteMask(edge, 0.5) == 0.0);
    CHECK(PasteMask(0.4, edge) == 0.0);
  }
  double before = 0.0;
  for (int i = 1; i <= 500; ++i) {
    const double now = PasteMask(i * 0.001, 0.5);
    CHECK(now >= before);
    CHECK(now - before < 0.04);
    before = now;
  }
}

TEST_CASE("edits that turn the head replace it, others add their difference") {
  FlowConfig flow;
  flow.attributes = {"smile", "yaw", "pitch", "age"};
  const auto mode = [&](std::initializer_list<int> attributes) {
    std::vector<Edit> edits;
    for (const int attribute : attributes) edits.push_back({attribute});
    return AutoPaste(edits, flow);
  };
  CHECK(mode({}) == PasteMode::kReplace);
  CHECK(mode({0}) == PasteMode::kDifference);
  CHECK(mode({0, 3}) == PasteMode::kDifference);
  CHECK(mode({1}) == PasteMode::kReplace);
  CHECK(mode({0, 2}) == PasteMode::kReplace);
}

TEST_CASE("any number of threads gives the same bits") {
  const Image photo = Painted(700, 640, Waves(130));
  SquarePlace place;
  const auto crop = AlignFace(photo, Face({340, 300}, 130, -1.1), 256, &place);
  REQUIRE(crop.ok());
  for (const PasteMode mode : {PasteMode::kReplace, PasteMode::kDifference}) {
    Image alone = Copy(photo);
    REQUIRE(PasteFace(*crop, Even(256, 100), place, mode, &alone).ok());
    for (const int threads : {1, 3}) {
      auto pool = ThreadPool::Create(threads);
      REQUIRE(pool.ok());
      Image pasted = Copy(photo);
      REQUIRE(PasteFace(*crop, Even(256, 100), place, mode, &pasted, pool->get()).ok());
      CHECK(Same(pasted, alone));
    }
  }
}

TEST_CASE("what cannot be pasted is refused and changes nothing") {
  const Image photo = Painted(100, 100, Waves(20)), picture = Even(64, 9);
  Image pasted = Copy(photo);
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();
  const auto refused = [&](const Image& edited, const Image& reconstruction, const SquarePlace& place,
                           const char* why) {
    for (const PasteMode mode : {PasteMode::kReplace, PasteMode::kDifference}) {
      const Status status = PasteFace(edited, reconstruction, place, mode, &pasted);
      CHECK(status.code() == Code::kUsage);
      CHECK(std::string(status.message()).find(why) != std::string::npos);
    }
  };
  refused(picture, picture, {{nan, 0}, {50, 0}, {0, 50}}, "not finite");
  refused(picture, picture, {{0, 0}, {50, 0}, {0, infinite}}, "not finite");
  refused(picture, picture, {{0, 0}, {1e300, 0}, {0, 1e300}}, "not finite");
  refused(picture, picture, {{0, 0}, {50, 50}, {50, 50}}, "an area of 0");
  refused(picture, picture, {{0, 0}, {3, 0}, {0, 50}}, "sides of 3 and 50");
  refused(picture, picture, {}, "sides of 0 and 0");
  refused(picture, Even(32, 9), Upright(10, 10, 50), "64 x 64 and 32 x 32");
  refused(Even(3, 9), Even(3, 9), Upright(10, 10, 50), "3 x 3");
  CHECK(Same(pasted, photo));
  CHECK(PasteFace(Even(4, 9), Even(4, 200), Upright(10, 10, 50), PasteMode::kDifference, &pasted).ok());
  CHECK(PasteFace(picture, picture, Upright(-1e9, -1e9, 2e9), PasteMode::kReplace, &pasted).ok());
}

}  // namespace mien
