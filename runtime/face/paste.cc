#include "runtime/face/paste.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "runtime/face/resample.h"

namespace mien {
namespace {

// Red, green, blue; the fourth number means something in few places.
typedef float Four __attribute__((vector_size(16)));
typedef int32_t Ints __attribute__((vector_size(16)));

constexpr double kSmallestSide = 4.0;  // of the square, in pixels
constexpr double kSmallestSine = 0.1;  // of the angle between its sides
constexpr int kSmallestPicture = 4;    // of the generator
constexpr int kRowsPerTask = 16;

// The mask is a smooth step of 1 - U^8 - V^8 from 0 to kFade; U and V go from -1 to 1 along the square's sides.
constexpr float kFade = 0.6f;
// Differences whose mean size around a place is below kDead levels are none, from kAlive on they count in full; from
// kOther to kNew on something else has come, and no more of the photo shows through.
constexpr float kDead = 4.0f, kAlive = 12.0f, kOther = 20.0f, kNew = 60.0f;
constexpr int kChangeCells = 128;  // along a side of the grid on which changes are measured
// The colours are matched on a coarser grid: by that many rounds of successive overrelaxation, with a force within the
// mask where neighbours have 1 and the fading zone up to 1.
constexpr int kColourCells = 32, kRounds = 80;
constexpr float kOverrelaxation = 1.8f, kPullWithin = 0.3f;

float SmoothStep(float t) {
  t = std::clamp(t, 0.0f, 1.0f);
  return t * t * (3.0f - 2.0f * t);
}

float Mask(float u, float v) {
  const float u2 = u * u, v2 = v * v, u4 = u2 * u2, v4 = v2 * v2;
  return SmoothStep((1.0f - u4 * u4 - v4 * v4) * (1.0f / kFade));
}

template <class Body>
void ForTasks(ThreadPool* pool, int tasks, const Body& body) {
  if (pool != nullptr) return pool->ParallelFor(tasks, body);
  for (int task = 0; task < tasks; ++task) body(task, 0);
}

// Calls body(row, thread) for the rows [first, last).
template <class Body>
void ForRows(ThreadPool* pool, int first, int last, const Body& body) {
  ForTasks(pool, (last - first + kRowsPerTask - 1) / kRowsPerTask, [&](int task, int thread) {
    const int begin = first + task * kRowsPerTask;
    for (int row = begin; row < std::min(begin + kRowsPerTask, last); ++row) body(row, thread);
  });
}

// The part of a row of the photo that may lie in the square, and where its pixels are there: the centre of pixel
// first + i at u + i du, v + i dv.
struct Run {
  int first, last;
  float u, v, du, dv;
};

// The square in the photo: from pixels to U and V.
class Square {
 public:
  static Result<Square> Create(const SquarePlace& place, const Image& photo) {
    const Point r = place.right, d = place.down, c = place.corner;
    const double area = r.x * d.y - r.y * d.x, width = std::hypot(r.x, r.y), height = std::hypot(d.x, d.y);
    if (!std::isfinite(area) || !std::isfinite(c.x) || !std::isfinite(c.y))
      return Status::Error(Code::kUsage, "place of the face: a number is not finite");
    if (width < kSmallestSide || height < kSmallestSide || std::fabs(area) < kSmallestSine * width * height)
      return Status::Error(
          Code::kUsage,
          "place of the face: sides of %g and %g pixels and an area of %g, a square with sides of %g or "
          "more expected",
          width, height, std::fabs(area), kSmallestSide);
    Square square;
    square.place_ = place;
    square.side = std::max(width, height);
    square.middle_ = {c.x + (r.x + d.x) / 2, c.y + (r.y + d.y) / 2};
    square.u_ = {2 * d.y / area, -2 * d.x / area};
    square.v_ = {-2 * r.y / area, 2 * r.x / area};
    const auto bounds = [](double middle, double half, int size, int* first, int* last) {
      *first = static_cast<int>(std::clamp(std::floor(middle - half), 0.0, double(size)));
      *last = static_cast<int>(std::clamp(std::ceil(middle + half), double(*first), double(size)));
    };
    bounds(square.middle_.x, (std::fabs(r.x) + std::fabs(d.x)) / 2, photo.width, &square.left_, &square.right_);
    bounds(square.middle_.y, (std::fabs(r.y) + std::fabs(d.y)) / 2, photo.height, &square.top, &square.bottom);
    return square;
  }

  Run RunOf(int row) const {
    const double y = row + 0.5 - middle_.y;
    double first = left_, last = right_;
    for (const Point& step : {u_, v_}) {  // |step.x x + step.y y| < 1
      if (std::fabs(step.x) < 1e-12) continue;
      const double centre = middle_.x - step.y * y / step.x, half = 1.0 / std::fabs(step.x);
      first = std::max(first, std::floor(centre - half));
      last = std::min(last, std::ceil(centre + half));
    }
    Run run = {left_, left_, 0, 0, static_cast<float>(u_.x), static_cast<float>(v_.x)};
    if (first >= last) return run;
    run.first = static_cast<int>(first);
    run.last = static_cast<int>(last);
    const double x = run.first + 0.5 - middle_.x;
    run.u = static_cast<float>(u_.x * x + u_.y * y);
    run.v = static_cast<float>(v_.x * x + v_.y * y);
    return run;
  }

  // Whether a cell of a grid of side x side over the square lies in the photo.
  bool HasCell(int x, int y, int cells, const Image& photo) const {
    for (const int corner : {0, 1, 2, 3}) {
      const double u = double(x + corner % 2) / cells, v = double(y + corner / 2) / cells;
      const double at_x = place_.corner.x + u * place_.right.x + v * place_.down.x;
      const double at_y = place_.corner.y + u * place_.right.y + v * place_.down.y;
      if (!(at_x >= 0.0 && at_x <= photo.width && at_y >= 0.0 && at_y <= photo.height)) return false;
    }
    return true;
  }

  double side = 0.0;        // the longer one, in pixels
  int top = 0, bottom = 0;  // rows of the photo

 private:
  SquarePlace place_;
  Point middle_, u_, v_;  // U and V of a pixel: u_ and v_ times its place from the middle
  int left_ = 0, right_ = 0;
};

// The generator's picture, or a difference of two, as floats; repeated by two texels around, which sampling reads.
class Texture {
 public:
  static Result<Texture> Create(int side) {
    Texture texture;
    texture.side = side;
    texture.stride_ = side + 4;
    MIEN_ASSIGN(texture.texels_,
                Buffer::Uninitialised(sizeof(Four) * texture.stride_ * texture.stride_, "face to be pasted"));
    return texture;
  }

  Four* row(int y) const { return texels_.as<Four>() + size_t(stride_) * (y + 2) + 2; }

  // After all texels have their numbers.
  void RepeatBorder() const {
    for (int y = 0; y < side; ++y) {
      Four* texels = row(y);
      texels[-2] = texels[-1] = texels[0];
      texels[side] = texels[side + 1] = texels[side - 1];
    }
    for (int y : {-2, -1, side, side + 1})
      std::memcpy(row(y) - 2, row(y < 0 ? 0 : side - 1) - 2, sizeof(Four) * stride_);
  }

  // Bicubic (Keys, a = -1/2), for U and V from -1 to 1.
  Four At(float u, float v) const {
    const float half = 0.5f * static_cast<float>(side);
    const float x = (u + 1.0f) * half + 1.5f, y = (v + 1.0f) * half + 1.5f;
    const int left = static_cast<int>(x), top = static_cast<int>(y);
    const Four across = Weights(x - static_cast<float>(left)), along = Weights(y - static_cast<float>(top));
    const Four* texel = texels_.as<Four>() + size_t(stride_) * (top - 1) + (left - 1);
    Four sum = {};
    for (int k = 0; k < 4; ++k, texel += stride_)
      sum += along[k] * (across[0] * texel[0] + across[1] * texel[1] + across[2] * texel[2] + across[3] * texel[3]);
    return sum;
  }

  int side = 0;

 private:
  static Four Weights(float t) {
    constexpr Four a = {0, 1, 0, 0}, b = {-0.5f, 0, 0.5f, 0}, c = {1, -2.5f, 2, -0.5f}, d = {-0.5f, 1.5f, -1.5f, 0.5f};
    return a + t * (b + t * (c + t * d));
  }

  int stride_ = 0;
  Buffer texels_;
};

// Numbers on a coarse grid over the square.
struct Cells {
  int side = 0;
  Buffer numbers;

  static Result<Cells> Create(int side) {
    Cells cells = {side, {}};
    MIEN_ASSIGN(cells.numbers, Buffer::Create(sizeof(Four) * side * side, "grid over a face"));
    return cells;
  }
  Four* row(int y) const { return numbers.as<Four>() + size_t(side) * y; }
  // U or V of a cell's middle.
  float Middle(int cell) const { return static_cast<float>(2 * cell + 1) / static_cast<float>(side) - 1.0f; }
};

// Between cells, for the texels of a row from left to right: a linear interpolation, level at the borders.
template <class Body>
void ForTexels(const Cells& cells, int y, int texels, const Body& body) {
  const float scale = static_cast<float>(cells.side) / static_cast<float>(texels);
  const auto place = [&](int texel) {
    return std::clamp((static_cast<float>(texel) + 0.5f) * scale - 0.5f, 0.0f, static_cast<float>(cells.side - 1));
  };
  const int top = static_cast<int>(place(y));
  const Four *upper = cells.row(top), *lower = cells.row(std::min(top + 1, cells.side - 1));
  const float down = place(y) - static_cast<float>(top);
  for (int x = 0; x < texels; ++x) {
    const int left = static_cast<int>(place(x)), right = std::min(left + 1, cells.side - 1);
    const float across = place(x) - static_cast<float>(left);
    const Four first = upper[left] + down * (lower[left] - upper[left]);
    body(x, first + across * (upper[right] + down * (lower[right] - upper[right]) - first));
  }
}

// Means over the texels of each cell of at(x, y); there are at least as many texels as cells.
template <class At>
void TakeMeans(const Cells& cells, int texels, ThreadPool* pool, const At& at) {
  const auto first = [&](int cell) { return static_cast<int>((int64_t{cell} * texels + cells.side - 1) / cells.side); };
  ForTasks(pool, cells.side, [&](int row, int) {
    for (int column = 0; column < cells.side; ++column) {
      Four sum = {};
      for (int y = first(row); y < first(row + 1); ++y) {
        for (int x = first(column); x < first(column + 1); ++x) sum += at(x, y);
      }
      const int count = (first(row + 1) - first(row)) * (first(column + 1) - first(column));
      cells.row(row)[column] = sum / static_cast<float>(count);
    }
  });
}

// The picture with no more pixels than the square has in the photo, so that sampling it skips none.
Result<Image> Reduced(const Image& picture, const Square& square, ThreadPool* pool) {
  const int side = (static_cast<int>(std::min(square.side, 1e6)) / kColourCells + 1) * kColourCells;
  if (side >= picture.width) return CropImage(picture, 0, 0, picture.width, picture.height);
  return ResizeImage(picture, side, side, Filter::kLanczos, pool);
}

Four Pixel(const uint8_t* from) { return __builtin_convertvector((Ints{from[0], from[1], from[2], 0}), Four); }

// `minus` may be null.
Result<Texture> TextureOf(const Image& picture, const Image* minus, ThreadPool* pool) {
  MIEN_ASSIGN(Texture texture, Texture::Create(picture.width));
  ForRows(pool, 0, picture.height, [&](int y, int) {
    for (int x = 0; x < picture.width; ++x) {
      texture.row(y)[x] = Pixel(picture.row(y) + 3 * x);
      if (minus != nullptr) texture.row(y)[x] -= Pixel(minus->row(y) + 3 * x);
    }
  });
  return texture;
}

// Every number becomes the mean of itself (half) and its two neighbours along rows, then along columns.
void Smooth(const Cells& cells) {
  for (const bool columns : {false, true}) {
    const int step = columns ? cells.side : 1, across = columns ? 1 : cells.side;
    for (int line = 0; line < cells.side; ++line) {
      Four* numbers = cells.row(0) + size_t(line) * across;
      Four before = numbers[0];
      for (int k = 0; k < cells.side; ++k) {
        Four& number = numbers[size_t(k) * step];
        const Four after = k + 1 < cells.side ? numbers[size_t(k + 1) * step] : number;
        const Four self = number;
        number = 0.5f * self + 0.25f * (before + after);
        before = self;
      }
    }
  }
}

// Takes out of a difference what is no change: where the mean size of differences around is small. The fourth number
// becomes the share of what is new.
Status WeighChanges(const Texture& difference, ThreadPool* pool) {
  MIEN_ASSIGN(Cells changes, Cells::Create(std::min(kChangeCells, difference.side)));
  TakeMeans(changes, difference.side, pool, [&](int x, int y) {
    const Four d = difference.row(y)[x];
    return Four{std::max({std::fabs(d[0]), std::fabs(d[1]), std::fabs(d[2])}), 0, 0, 0};
  });
  Smooth(changes);
  for (int y = 0; y < changes.side; ++y) {
    for (int x = 0; x < changes.side; ++x) {
      const float size = changes.row(y)[x][0];
      changes.row(y)[x] =
          Four{SmoothStep((size - kDead) / (kAlive - kDead)), SmoothStep((size - kOther) / (kNew - kOther))};
    }
  }
  ForRows(pool, 0, difference.side, [&](int y, int) {
    Four* texels = difference.row(y);
    ForTexels(changes, y, difference.side, [&](int x, Four share) {
      texels[x] *= share[0];
      texels[x][3] = share[1];
    });
  });
  return Status();
}

// Sums of the photo's pixels and their number per cell; integers, so that no order matters.
Status AddPixels(const Image& photo, const Square& square, const Cells& cells, int step, ThreadPool* pool) {
  const int threads = pool == nullptr ? 1 : pool->threads(), all = cells.side * cells.side;
  MIEN_ASSIGN(const Buffer sums, Buffer::Create(sizeof(uint32_t) * 4 * all * threads, "colours around a face"));
  const int rows = (square.bottom - square.top + step - 1) / step;
  const float half = 0.5f * static_cast<float>(cells.side);
  ForRows(pool, 0, rows, [&](int row, int thread) {
    const int y = square.top + row * step;
    uint32_t* own = sums.as<uint32_t>() + size_t{4} * all * thread;
    const Run run = square.RunOf(y);
    const uint8_t* pixel = photo.row(y) + 3 * run.first;
    for (int i = 0; i < run.last - run.first; i += step, pixel += 3 * step) {
      const float u = run.u + static_cast<float>(i) * run.du, v = run.v + static_cast<float>(i) * run.dv;
      if (!(std::fabs(u) < 1.0f && std::fabs(v) < 1.0f)) continue;
      const int column = std::min(static_cast<int>((u + 1.0f) * half), cells.side - 1);
      const int cell = std::min(static_cast<int>((v + 1.0f) * half), cells.side - 1) * cells.side + column;
      for (int c = 0; c < 3; ++c) own[4 * cell + c] += pixel[c];
      own[4 * cell + 3] += 1;
    }
  });
  for (int i = 0; i < all; ++i) {
    uint32_t sum[4] = {};
    for (int thread = 0; thread < threads; ++thread) {
      for (int c = 0; c < 4; ++c) sum[c] += sums.as<uint32_t>()[size_t{4} * (size_t(all) * thread + i) + c];
    }
    for (int c = 0; c < 4; ++c) cells.row(0)[i][c] = static_cast<float>(sum[c]);
  }
  return Status();
}

// A membrane over the grid that is drawn to `wanted` as strongly as `pull` says: the minimum of the squared steps
// between neighbours and of pull (membrane - wanted)^2.
void Membrane(const Cells& wanted, const std::vector<float>& pull, const Cells& membrane) {
  const int side = wanted.side;
  Four sum = {};
  float weight = 0.0f;
  for (size_t i = 0; i < pull.size(); ++i) {
    sum += pull[i] * wanted.row(0)[i];
    weight += pull[i];
  }
  if (!(weight > 0.0f)) return;  // nothing is known: zeros
  std::fill_n(membrane.row(0), pull.size(), sum / weight);
  for (int round = 0; round < kRounds; ++round) {
    for (int y = 0; y < side; ++y) {
      Four* row = membrane.row(y);
      for (int x = 0; x < side; ++x) {
        const float own = pull[size_t(y) * side + x];
        Four drawn = own * wanted.row(y)[x];
        float strength = own;
        const auto add = [&](bool there, const Four* neighbour) {
          if (!there) return;
          drawn += *neighbour;
          strength += 1.0f;
        };
        add(x > 0, row + x - 1);
        add(x + 1 < side, row + x + 1);
        add(y > 0, row + x - side);
        add(y + 1 < side, row + x + side);
        row[x] += kOverrelaxation * (drawn / strength - row[x]);
      }
    }
  }
}

// Mean colours of a picture per cell.
Result<Cells> MeansOf(const Image& picture, int side, ThreadPool* pool) {
  MIEN_ASSIGN(Cells cells, Cells::Create(side));
  TakeMeans(cells, picture.width, pool, [&](int x, int y) { return Pixel(picture.row(y) + 3 * x); });
  return cells;
}

// What the edited face's colours lack to those of the photo: where the mask fades, to what the photo has there; within,
// what the reconstruction lacks.
Result<Cells> ColourMatch(const Image& photo, const Square& square, const Image& edited, const Image& reconstruction,
                          ThreadPool* pool) {
  const int side = std::clamp(static_cast<int>(square.side / 4), 1, std::min(kColourCells, edited.width));
  MIEN_ASSIGN(const Cells known, Cells::Create(side));
  MIEN_TRY(AddPixels(photo, square, known, std::max(1, static_cast<int>(square.side / 512)), pool));
  MIEN_ASSIGN(const Cells now, MeansOf(edited, side, pool));
  MIEN_ASSIGN(const Cells before, MeansOf(reconstruction, side, pool));
  std::vector<float> pull(size_t(side) * side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      Four& cell = known.row(y)[x];
      const float count = cell[3], mask = Mask(known.Middle(x), known.Middle(y));
      // What lies beyond the photo's border has texels but no pixels.
      if (!(count > 0.0f) || !square.HasCell(x, y, side, photo)) continue;
      const float at_edge = 4.0f * mask * (1.0f - mask), within = kPullWithin * mask;
      float& both = pull[size_t(y) * side + x];
      both = at_edge + within;
      if (both > 0.0f) cell = cell / count - (at_edge * now.row(y)[x] + within * before.row(y)[x]) / both;
    }
  }
  MIEN_ASSIGN(Cells match, Cells::Create(side));
  Membrane(known, pull, match);
  return match;
}

// Rounded to the nearest levels.
void StorePixel(Four value, uint8_t* pixel) {
  constexpr Four kLeast = {}, kMost = {255, 255, 255, 255};
  value += 0.5f;
  value = value > kLeast ? value : kLeast;
  value = value < kMost ? value : kMost;
  const Ints levels = __builtin_convertvector(value, Ints);
  for (int c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(levels[c]);
}

// Draws the edited face, or with a difference that, and the edited face by the share of what is new.
void Draw(const Texture& edited, const Texture* difference, const Square& square, const Image& photo,
          ThreadPool* pool) {
  ForRows(pool, square.top, square.bottom, [&](int y, int) {
    const Run run = square.RunOf(y);
    uint8_t* pixel = photo.row(y) + 3 * run.first;
    for (int i = 0; i < run.last - run.first; ++i, pixel += 3) {
      const float u = run.u + static_cast<float>(i) * run.du, v = run.v + static_cast<float>(i) * run.dv;
      const float mask = Mask(u, v);
      if (!(mask > 0.0f)) continue;
      const Four old = Pixel(pixel);
      Four change = {};
      if (difference != nullptr) change = difference->At(u, v);
      const float share = difference == nullptr ? 1.0f : change[3];
      if (share > 0.0f) change += share * (edited.At(u, v) - old - change);
      const Four added = mask * change, now = old + added;
      if (photo.full.empty()) {
        StorePixel(now, pixel);
      } else {
        AddChange(photo.full, static_cast<size_t>(pixel - photo.row(0)) / 3, {added[0], added[1], added[2]}, pixel);
      }
    }
  });
}

}  // namespace

const char* NameOf(PasteMode mode) { return mode == PasteMode::kReplace ? "replace" : "difference"; }

Result<std::optional<PasteMode>> ParsePaste(const std::string& text) {
  if (text == "auto") return std::optional<PasteMode>();
  for (const PasteMode mode : {PasteMode::kReplace, PasteMode::kDifference}) {
    if (text == NameOf(mode)) return std::optional(mode);
  }
  return Status::Error(Code::kUsage, "paste %s: auto, replace or difference expected", text.c_str());
}

PasteMode AutoPaste(std::span<const Edit> edits, const FlowConfig& flow) {
  const auto turns = [&](const Edit& edit) {
    const std::string& name = flow.attributes[static_cast<size_t>(edit.attribute)];
    return name == "yaw" || name == "pitch" || name == "roll";
  };
  return edits.empty() || std::ranges::any_of(edits, turns) ? PasteMode::kReplace : PasteMode::kDifference;
}

double PasteMask(double u, double v) { return Mask(static_cast<float>(2 * u - 1), static_cast<float>(2 * v - 1)); }

Status PasteFace(const Image& edited, const Image& reconstruction, const SquarePlace& place, PasteMode mode,
                 Image* photo, ThreadPool* pool) {
  if (edited.width < kSmallestPicture || edited.height != edited.width || reconstruction.width != edited.width ||
      reconstruction.height != edited.width)
    return Status::Error(
        Code::kUsage, "face to be pasted: pictures of %d x %d and %d x %d, squares of one size of %d or more expected",
        edited.width, edited.height, reconstruction.width, reconstruction.height, kSmallestPicture);
  MIEN_ASSIGN(const Square square, Square::Create(place, *photo));
  MIEN_ASSIGN(const Image face, Reduced(edited, square, pool));
  MIEN_ASSIGN(const Texture texture, TextureOf(face, nullptr, pool));
  MIEN_ASSIGN(const Cells match, ColourMatch(*photo, square, edited, reconstruction, pool));
  ForRows(pool, 0, texture.side, [&](int y, int) {
    Four* texels = texture.row(y);
    ForTexels(match, y, texture.side, [&](int x, Four more) { texels[x] += more; });
  });
  texture.RepeatBorder();
  if (mode == PasteMode::kReplace) {
    Draw(texture, nullptr, square, *photo, pool);
    return Status();
  }
  MIEN_ASSIGN(const Image minus, Reduced(reconstruction, square, pool));
  MIEN_ASSIGN(const Texture difference, TextureOf(face, &minus, pool));
  MIEN_TRY(WeighChanges(difference, pool));
  difference.RepeatBorder();
  Draw(texture, &difference, square, *photo, pool);
  return Status();
}

}  // namespace mien
