// How close pasted faces come to the truth.
//
//   paste_truth RENDERER FOLDER [--seed N] [--first N] [--people N] [--ideal] [--sheet FILE.png]
//
// RENDERER is render_portraits (tools/portraits). It draws people in a room, and the same people with one attribute
// changed. The first picture is edited with the built-in model and pasted in both modes, and compared with the second;
// so is the photo as it was. Pictures are kept in the folder. Prints a table of means over people.
#include <CLI/CLI.hpp>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/split_mix.h"
#include "runtime/builtin_model.h"
#include "runtime/face/face_networks.h"
#include "runtime/face/paste.h"
#include "runtime/face/pipeline.h"
#include "runtime/face/resample.h"
#include "weights/json.h"

namespace mien {
namespace {

constexpr int kSide = 640;         // of a scene
constexpr int kFace = 350;         // of an adult's square in it
constexpr int kRing = kFace / 12;  // around the face

struct Options {
  std::string renderer, folder, sheet;
  int seed = 21, first = 0, people = 100;
  bool ideal = false;
};

// A person as the scene draws it, and an edit that the generator is given for the same change.
struct Person {
  int number = 0;
  int age = 0, gender = 0;
  std::string words;  // of the scene
};
struct Change {
  const char* name;
  std::string scene, edit;
};

std::vector<Change> ChangesOf(const Person& person) {
  const std::string older = std::to_string(person.age + 25), younger = std::to_string(person.age / 2);
  return {{"smile", "smile=1", "smile=1"},
          {"glasses", "glasses=1", "glasses=1"},
          {"beard", "beard=1", "beard=1"},
          {"bald", "bald=1", "bald=1"},
          {"older", "age=" + older, "age=" + older + "y"},
          {"younger", "age=" + younger, "age=" + younger + "y"},
          {"yaw to the right", "yaw=20", "yaw=20deg"},
          {"yaw to the left", "yaw=-20", "yaw=-20deg"},
          {"pitch", "pitch=10", "pitch=10deg"},
          {"gender", "gender=" + std::to_string(1 - person.gender), person.gender == 0 ? "gender=1" : "gender=-1"}};
}

// Neutral; place, age and gender from the seed.
Person PersonOf(int seed, int number) {
  uint64_t state = SplitMix(static_cast<uint64_t>(seed) * 1000003u + static_cast<uint64_t>(number));
  const auto within = [&](int low, int high) {
    state += kSplitMixStep;
    return low + static_cast<int>(SplitMix(state) % static_cast<uint64_t>(high - low + 1));
  };
  Person person = {number, within(14, 54), within(0, 1), {}};
  std::ostringstream words;
  words << number << " x=" << within(290, 350) << " y=" << within(290, 350) << " side=" << kFace
        << " roll=" << within(-15, 15) << " smile=0 glasses=0 yaw=0 pitch=0 bald=0 beard=0";
  person.words = words.str();
  return person;
}

struct Scene {
  Image picture, mask;
  Landmarks landmarks;
};

Result<Landmarks> ReadLandmarks(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  MIEN_ASSIGN(const JsonValue value, ParseJson(text.str(), path.c_str(), 8));
  const JsonValue* points = value.Find("faces")->items.at(0).Find("landmarks");
  Landmarks landmarks;
  for (size_t i = 0; i < landmarks.size(); ++i) {
    const auto number = [&](size_t k) { return std::strtod(points->items.at(i).items.at(k).text.c_str(), nullptr); };
    landmarks[i] = {number(0) - 0.5, number(1) - 0.5};  // the renderer counts from the first pixel's corner
  }
  return landmarks;
}

Result<Scene> SceneOf(const Options& options, const Person& person, const std::string& name, const std::string& words) {
  std::string stem = options.folder + "/" + std::to_string(options.seed) + "_" + std::to_string(person.number) + "_";
  for (const char c : name) stem += c == ' ' ? '_' : c;
  if (!std::filesystem::exists(stem + ".json")) {
    std::ostringstream command;
    command << options.renderer << " scene " << stem << ".png " << kSide << " " << kSide << " " << options.seed << " "
            << person.words << " age=" << person.age << " gender=" << person.gender << " " << words;
    if (std::system(command.str().c_str()) != 0)
      return Status::Error(Code::kFailure, "%s failed", command.str().c_str());
  }
  Scene scene;
  MIEN_ASSIGN(scene.picture, ReadImage(stem + ".png"));
  MIEN_ASSIGN(scene.mask, ReadImage(stem + ".mask.png"));
  MIEN_ASSIGN(scene.landmarks, ReadLandmarks(stem + ".json"));
  return scene;
}

Result<Image> Copy(const Image& image) { return ResizeImage(image, image.width, image.height); }

// Per pixel 1 or 0.
using Region = std::vector<uint8_t>;

Region SquareRegion(const SquarePlace& place) {
  const Point r = place.right, d = place.down;
  const double area = r.x * d.y - r.y * d.x;
  Region region;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const Point p = {x + 0.5 - place.corner.x, y + 0.5 - place.corner.y};
      region.push_back(PasteMask((p.x * d.y - p.y * d.x) / area, (r.x * p.y - r.y * p.x) / area) > 0.0);
    }
  }
  return region;
}

// Around the faces of both scenes.
Region RingRegion(const Scene& before, const Scene& after) {
  const auto face = [&](int x, int y) { return before.mask.row(y)[3 * x] > 127 || after.mask.row(y)[3 * x] > 127; };
  Region region(size_t{kSide} * kSide, 0);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (!face(x, y)) continue;
      for (int dy = -kRing; dy <= kRing; ++dy) {
        const int reach = static_cast<int>(std::sqrt(double(kRing * kRing - dy * dy)));
        if (y + dy < 0 || y + dy >= kSide) continue;
        const auto row = region.begin() + ptrdiff_t{kSide} * (y + dy);
        std::fill(row + std::max(x - reach, 0), row + std::min(x + reach + 1, kSide), uint8_t{1});
      }
    }
  }
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (face(x, y)) region[size_t(y) * kSide + x] = 0;
    }
  }
  return region;
}

double Psnr(const Image& a, const Image& b, const Region& region) {
  double squares = 0.0, numbers = 0.0;
  for (size_t i = 0; i < region.size(); ++i) {
    if (region[i] == 0) continue;
    for (size_t c = 0; c < 3; ++c) {
      const double d = double(a.bytes()[3 * i + c]) - b.bytes()[3 * i + c];
      squares += d * d;
    }
    numbers += 3;
  }
  return 10.0 * std::log10(255.0 * 255.0 * numbers / std::max(squares, 1e-3));
}

// Sums over people of what is compared, for one change and one picture: unchanged, replaced, with the difference.
struct Measures {
  double square = 0.0, ring = 0.0, distance = 0.0;
};
constexpr const char* kPictures[] = {"photo as it was", "replaced", "difference"};
using Row = std::array<Measures, std::size(kPictures)>;

class Truth {
 public:
  Status Open(const Options& options);
  Status Add(const Person& person);
  void Print() const;
  Status WriteSheet() const;

 private:
  Result<std::vector<float>> Describe(const Image& picture, const Landmarks& landmarks);
  Status Compare(const Scene& before, const Scene& after, const Region& square, std::span<const Image> pictures,
                 Row* row);

  Options options_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<FaceNetworks> networks_;
  std::vector<std::pair<std::string, Row>> rows_;
  std::vector<Image> sheet_;  // of the first person: truth, then kPictures
  int people_ = 0;
};

Status Truth::Open(const Options& options) {
  options_ = options;
  MIEN_ASSIGN(const auto model, OpenBuiltinModel());
  PipelineOptions wanted;
  wanted.encode = wanted.edit = wanted.synthesize = true;
  wanted.threads = 1;
  MIEN_ASSIGN(pipeline_, Pipeline::Create(model, wanted));
  MIEN_ASSIGN(const auto faces, OpenBuiltinFaces());
  FaceNetworksOptions networks;
  networks.descriptor = true;
  networks.threads = 1;
  MIEN_ASSIGN(networks_, FaceNetworks::Create(faces, networks));
  std::filesystem::create_directories(options.folder);
  return Status();
}

Result<std::vector<float>> Truth::Describe(const Image& picture, const Landmarks& landmarks) {
  return networks_->Describe(picture, PartOf(RecognizerBox(landmarks, {0, 0, kSide, kSide}), kSide, kSide));
}

Status Truth::Compare(const Scene& before, const Scene& after, const Region& square, std::span<const Image> pictures,
                      Row* row) {
  const Region ring = RingRegion(before, after);
  MIEN_ASSIGN(const std::vector<float> wanted, Describe(after.picture, after.landmarks));
  for (size_t k = 0; k < pictures.size(); ++k) {
    MIEN_ASSIGN(const std::vector<float> found, Describe(pictures[k], k == 0 ? before.landmarks : after.landmarks));
    double squares = 0.0;
    for (size_t i = 0; i < found.size(); ++i) squares += (found[i] - wanted[i]) * (found[i] - wanted[i]);
    (*row)[k].square += Psnr(pictures[k], after.picture, square);
    (*row)[k].ring += Psnr(pictures[k], after.picture, ring);
    (*row)[k].distance += std::sqrt(squares);
  }
  return Status();
}

Status Truth::Add(const Person& person) {
  MIEN_ASSIGN(const Scene before, SceneOf(options_, person, "neutral", ""));
  SquarePlace place;
  MIEN_ASSIGN(const Image crop, AlignFace(before.picture, before.landmarks, kCropSide, &place));
  const Region square = SquareRegion(place);
  const auto ideal = [&](const Image& picture) -> Result<Image> {
    MIEN_ASSIGN(const Image large, AlignFace(picture, before.landmarks, kCropSide));
    return ResizeImage(large, pipeline_->image_side(), pipeline_->image_side(), Filter::kLanczos);
  };
  std::vector<float> code(size_t(pipeline_->rows()) * pipeline_->w_dim()), edited(code.size());
  MIEN_TRY(pipeline_->Encode(crop, code));
  MIEN_ASSIGN(const Image reconstruction, options_.ideal ? ideal(before.picture) : pipeline_->Synthesize(code, 0));
  const FlowConfig& flow = *pipeline_->config().flow;
  size_t at = 0;
  for (const Change& change : ChangesOf(person)) {
    MIEN_ASSIGN(Scene after, SceneOf(options_, person, change.name, change.scene));
    MIEN_ASSIGN(const Edit edit, ParseEdit(flow, change.edit, Edit::Mode::kSet));
    MIEN_TRY(pipeline_->ApplyEdit({edit}, std::vector<bool>(size_t(pipeline_->rows()), true), 1.0f, code, edited));
    MIEN_ASSIGN(const Image face, options_.ideal ? ideal(after.picture) : pipeline_->Synthesize(edited, 0));
    std::vector<Image> pictures;
    for (size_t k = 0; k < std::size(kPictures); ++k) {
      MIEN_ASSIGN(Image picture, Copy(before.picture));
      const PasteMode mode = k == 1 ? PasteMode::kReplace : PasteMode::kDifference;
      if (k > 0) MIEN_TRY(PasteFace(face, reconstruction, place, mode, &picture));
      pictures.push_back(std::move(picture));
    }
    if (at == rows_.size()) rows_.push_back({change.name, {}});
    MIEN_TRY(Compare(before, after, square, pictures, &rows_[at++].second));
    if (options_.sheet.empty() || people_ > 0) continue;
    sheet_.push_back(std::move(after.picture));
    for (Image& picture : pictures) sheet_.push_back(std::move(picture));
  }
  ++people_;
  return Status();
}

void Truth::Print() const {
  std::printf("| %d people of seed %d |", people_, options_.seed);
  for (const char* measure : {"square, dB", "ring, dB", "distance"}) {
    for (const char* picture : kPictures) std::printf(" %s: %s |", measure, picture);
  }
  std::printf("\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& [name, row] : rows_) {
    std::printf("| %s |", name.c_str());
    for (const Measures& m : row) std::printf(" %.1f |", m.square / people_);
    for (const Measures& m : row) std::printf(" %.1f |", m.ring / people_);
    for (const Measures& m : row) std::printf(" %.2f |", m.distance / people_);
    std::printf("\n");
  }
}

Status Truth::WriteSheet() const {
  constexpr int kColumns = 1 + static_cast<int>(std::size(kPictures));
  MIEN_ASSIGN(ContactSheet sheet, ContactSheet::Create(static_cast<int>(sheet_.size()), kColumns, kSide, kSide, 4));
  for (size_t i = 0; i < sheet_.size(); ++i) MIEN_TRY(sheet.Place(static_cast<int>(i), sheet_[i]));
  return WriteImage(options_.sheet, sheet.image(), {});
}

Status Measure(const Options& options) {
  Truth truth;
  MIEN_TRY(truth.Open(options));
  for (int k = 0; k < options.people; ++k) MIEN_TRY(truth.Add(PersonOf(options.seed, options.first + k)));
  truth.Print();
  return options.sheet.empty() ? Status() : truth.WriteSheet();
}

}  // namespace
}  // namespace mien

int main(int argc, char** argv) {
  mien::Options options;
  CLI::App app("Pasted faces beside the truth");
  app.add_option("renderer", options.renderer, "render_portraits")->required();
  app.add_option("folder", options.folder, "for the pictures; what is there is not drawn again")->required();
  app.add_option("--seed", options.seed, "of the people; not 1, whose people the model knows");
  app.add_option("--first", options.first, "number of the first person");
  app.add_option("--people", options.people);
  app.add_flag("--ideal", options.ideal,
               "the truth, as small as the generator's pictures, in place of the generator's");
  app.add_option("--sheet", options.sheet, "the first person: truth, photo, replaced, difference; a row per change");
  CLI11_PARSE(app, argc, argv);
  const mien::Status status = mien::Measure(options);
  if (!status.ok()) std::fprintf(stderr, "paste_truth: %s\n", status.message());
  return mien::ExitCode(status.code());
}
