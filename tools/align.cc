// mien align: the square around a face, as encoders of FFHQ faces want it.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/stream.h"
#include "runtime/builtin_model.h"
#include "runtime/face/overlay.h"
#include "tools/detectors.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/picture_options.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"
#include "weights/json.h"

namespace mien {
namespace {

constexpr uint64_t kMaxLandmarksBytes = 1 << 20;

struct AlignOptions {
  std::string input, out, landmarks, face = "largest";
  DetectorChoice detector = DetectorChoice::kAuto;
  int size = kCropSide;
  FormatOptions format;
  bool no_overlay = false;
};

// A list of 68 points [x, y], or an object that has one under "landmarks" (as this verb writes it).
Result<Landmarks> ReadLandmarks(const std::string& path) {
  MIEN_ASSIGN(const auto file, OpenInput(path, kMaxLandmarksBytes, Code::kRefused));
  std::string text(file->size(), '\0');
  MIEN_TRY(file->ReadAt(0, std::as_writable_bytes(std::span(text))));
  auto parsed = ParseJson(text, "landmarks");
  if (!parsed.ok()) return parsed.status().Within("%s", path.c_str());
  const JsonValue* list = parsed->kind == JsonValue::Kind::kObject ? parsed->Find("landmarks") : &*parsed;
  const auto refused = [&](const char* found) {
    return Status::Error(Code::kRefused,
                         "%s: a list of %d points [x, y] expected, alone or as \"landmarks\" of an object; %s",
                         path.c_str(), kLandmarks, found);
  };
  if (list == nullptr || list->kind != JsonValue::Kind::kList) return refused("none found");
  if (list->items.size() != size_t{kLandmarks})
    return refused((std::to_string(list->items.size()) + " found").c_str());
  Landmarks landmarks;
  for (int i = 0; i < kLandmarks; ++i) {
    const JsonValue& point = list->items[static_cast<size_t>(i)];
    double* const numbers[] = {&landmarks[i].x, &landmarks[i].y};
    bool good = point.kind == JsonValue::Kind::kList && point.items.size() == 2;
    for (size_t k = 0; k < 2 && good; ++k) {
      good = point.items[k].kind == JsonValue::Kind::kNumber;
      if (good) *numbers[k] = std::strtod(point.items[k].text.c_str(), nullptr);
    }
    if (!good) return refused(("point " + std::to_string(i) + " is none").c_str());
  }
  return landmarks;
}

// A face to be cut out; without a box its landmarks were given.
struct FaceToAlign {
  Landmarks landmarks;
  std::optional<Box> box;
  std::string detector;
};

// Which faces of a photo are meant.
struct FaceChoice {
  bool largest = false, all = false;
  size_t number = 0;  // in the order of `mien faces`, from 1 on; 0: the one at the point
  Point point;
};

Result<FaceChoice> ReadChoice(const std::string& text) {
  FaceChoice choice;
  choice.largest = text == "largest";
  choice.all = text == "all";
  if (choice.largest || choice.all) return choice;
  int used = 0;
  const auto whole = [&] { return used == static_cast<int>(text.size()); };
  if (std::sscanf(text.c_str(), "%lf,%lf%n", &choice.point.x, &choice.point.y, &used) == 2 && whole()) return choice;
  unsigned long number = 0;
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && std::sscanf(text.c_str(), "%9lu%n", &number, &used) == 1 && whole() && number > 0) {
    choice.number = number;
    return choice;
  }
  return Status::Error(Code::kUsage, "--face %s: largest, all, a number from 1 on or a point X,Y expected",
                       text.c_str());
}

// At least one of `faces`, which are best first.
Result<std::vector<Box>> ChooseFaces(const FaceChoice& choice, const std::vector<Box>& faces) {
  if (choice.all) return faces;
  if (choice.largest) {
    const auto area = [](const Box& box) { return box.width * box.height; };
    return std::vector<Box>{*std::ranges::max_element(faces, {}, area)};
  }
  if (choice.number > faces.size())
    return Status::Error(Code::kNoFace, "--face %zu: %zu found", choice.number, faces.size());
  if (choice.number > 0) return std::vector<Box>{faces[choice.number - 1]};
  for (const Box& box : faces) {
    const double x = choice.point.x - box.x, y = choice.point.y - box.y;
    if (x >= 0 && x < box.width && y >= 0 && y < box.height) return std::vector<Box>{box};
  }
  return Status::Error(Code::kNoFace, "--face %g,%g: none there, %zu elsewhere", choice.point.x, choice.point.y,
                       faces.size());
}

// The faces of the photo that are wanted; an empty list where there is none.
Result<std::vector<FaceToAlign>> FindFaces(Session& session, const AlignOptions& options, const FaceChoice& choice,
                                           const Image& photo) {
  MIEN_ASSIGN(const auto model, OpenBuiltinFaces());
  FaceNetworksOptions wanted = {session.run};
  wanted.landmarks = true;
  AddDetectors(options.detector, &wanted);
  MIEN_ASSIGN(const auto networks, FaceNetworks::Create(model, wanted));
  MentionCpuOptions(session, networks->engine().backend());
  MIEN_ASSIGN(const FaceSearch search, SearchFaces(*networks, photo, options.detector));
  session.report["looks"] = nlohmann::json::array();
  for (const Look& look : search.looks)
    session.report["looks"].push_back({{"detector", look.detector}, {"faces", look.boxes.size()}});
  std::vector<FaceToAlign> faces;
  if (search.chosen < 0) return faces;
  MIEN_ASSIGN(const std::vector<Box> chosen, ChooseFaces(choice, search.boxes()));
  if (search.boxes().size() > chosen.size())
    session.Note("%zu faces found; --face chooses another than the one taken", search.boxes().size());
  for (const Box& box : chosen) {
    const Part part = PartOf(box, photo.width, photo.height);
    if (part.empty()) continue;
    MIEN_ASSIGN(const Landmarks relative, networks->FindLandmarks(photo, part));
    // Landmarks are fractions of the part of the box that lies in the photo, so they are shifted by its corner; the
    // publisher's package shifts them by the box's own (LocateFace), which differs where the box leaves the photo.
    const Box corner = {static_cast<double>(part.x), static_cast<double>(part.y)};
    faces.push_back({LandmarksIn(relative, part, corner), box,
                     search.looks[static_cast<size_t>(search.chosen)].detector});
  }
  return faces;
}

nlohmann::json ToJson(const Point& point) { return nlohmann::json::array({point.x, point.y}); }

nlohmann::json Description(const FaceToAlign& face, const Quad& quad) {
  nlohmann::json points = nlohmann::json::array();
  for (const Point& point : face.landmarks) points.push_back(ToJson(point));
  nlohmann::json description = {
      {"landmarks", points},
      {"box", nullptr},  // that of a detector, where something was searched
      {"quad", nlohmann::json::array({ToJson(quad.nw), ToJson(quad.sw), ToJson(quad.se), ToJson(quad.ne)})}};
  if (!face.box) return description;
  description["box"] = {{"x", face.box->x},
                        {"y", face.box->y},
                        {"width", face.box->width},
                        {"height", face.box->height},
                        {"score", face.box->score}};
  description["detector"] = face.detector;
  return description;
}

// "crop.png" -> "crop" + ending.
std::string Beside(const std::string& path, const char* ending) {
  return std::filesystem::path(path).replace_extension().string() + ending;
}

// The places of the results, compared with what is read.
Result<OutputFiles> PlanOutputs(const Session& session, const AlignOptions& options, size_t faces) {
  std::vector<std::string> names(faces, ResultName(options.input)), json;
  for (size_t i = 0; i < faces && faces > 1; ++i) names[i] += "_" + std::to_string(i + 1);
  MIEN_ASSIGN(OutputFiles outputs, OutputFiles::Plan(names, options.out, FileKind::kPicture, options.format.ending()));
  if (outputs.paths()[0] == "-")
    return Status::Error(Code::kUsage, "-o -: a file expected, for its description is written beside it");
  for (const std::string& path : outputs.paths()) json.push_back(Beside(path, ".json"));
  const std::string overlay = options.no_overlay ? "" : Beside(outputs.paths()[0], ".faces.png");
  const FileGroup pictures = outputs.Group("picture");
  const bool makes_folder = pictures.makes_folder;
  MIEN_TRY(CheckFiles(session, {{"photo", {options.input}}, {"landmarks", {options.landmarks}}},
                      {pictures, {"description", json, makes_folder}, {"overlay", {overlay}, makes_folder}}));
  return outputs;
}

Status WriteFace(Session& session, const AlignOptions& options, const Image& photo, const FaceToAlign& face,
                 const std::string& crop_path, const PictureFormat& format) {
  MIEN_ASSIGN(const Image crop, AlignFace(photo, face.landmarks, options.size));
  MIEN_ASSIGN(const Quad quad, FaceQuad(RoundedLandmarks(face.landmarks)));
  const nlohmann::json description = Description(face, quad);
  MIEN_TRY(WritePicture(crop_path, crop, {}, format));
  const std::string text = description.dump(2) + "\n", json_path = Beside(crop_path, ".json");
  MIEN_TRY(WriteFileAtomically(json_path, std::as_bytes(std::span(text))));
  if (!session.report.contains("face")) session.report["face"] = description;
  session.report["faces"].push_back(description);
  session.report["files"].push_back(crop_path);
  session.report["files"].push_back(json_path);
  return {};
}

// The photo as it was searched is kept, so that one sees what the program saw.
Status NoFace(Session& session, const AlignOptions& options, const Image& photo, const std::string& overlay) {
  if (!options.no_overlay) {
    MIEN_TRY(WritePicture(overlay, photo, {}, {}));
    session.report["files"].push_back(overlay);
    session.Note("%s is the photo as it was searched", overlay.c_str());
  }
  return Status::Error(Code::kNoFace,
                       "%s: no face found; a photo in which the face is larger, upright and seen from the front, "
                       "another --detector, or its 68 points by --landmarks may help",
                       InputName(options.input).c_str());
}

Status RunAlign(Session& session, const CLI::App& verb, const AlignOptions& options) {
  MIEN_ASSIGN(const FaceChoice choice, ReadChoice(options.face));
  if (choice.all && options.landmarks.empty() && !IsFolder(options.out))
    return Status::Error(Code::kUsage, "--face all: -o expects a folder, for there may be several faces");
  MIEN_ASSIGN(OutputFiles first, PlanOutputs(session, options, 1));
  const PictureFormat format = ChooseFormat(session, verb, options.format, options.out, first.paths()[0]);
  std::vector<FaceToAlign> faces;
  if (!options.landmarks.empty()) {
    MIEN_ASSIGN(const Landmarks landmarks, ReadLandmarks(options.landmarks));
    faces.push_back({landmarks, {}, {}});
  }
  MIEN_ASSIGN(Image photo, ReadPicture(session, options.input));
  if (options.landmarks.empty()) {
    MIEN_ASSIGN(faces, FindFaces(session, options, choice, photo));
  }
  session.report["files"] = nlohmann::json::array();
  const std::string overlay = Beside(first.paths()[0], ".faces.png");
  if (faces.empty()) {
    MIEN_TRY(first.MakeFolder());
    return NoFace(session, options, photo, overlay);
  }
  MIEN_ASSIGN(OutputFiles outputs, PlanOutputs(session, options, faces.size()));
  session.report["faces"] = nlohmann::json::array();
  for (size_t i = 0; i < faces.size(); ++i) {
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WriteFace(session, options, photo, faces[i], outputs.paths()[i], format));
  }
  if (options.no_overlay) return {};
  for (const FaceToAlign& face : faces) {
    MIEN_ASSIGN(const Quad quad, FaceQuad(RoundedLandmarks(face.landmarks)));
    DrawFace(&photo, quad, face.landmarks);
  }
  MIEN_TRY(WritePicture(overlay, photo, {}, {}));
  session.report["files"].push_back(overlay);
  return {};
}

}  // namespace

void AddAlign(CLI::App& app, Session& session) {
  auto options = std::make_shared<AlignOptions>();
  CLI::App* verb = app.add_subcommand("align", "a photo to the aligned square around its face");
  verb->add_option("PHOTO", options->input, "photo (PNG or JPEG; - is stdin)")->type_name("FILE")->required();
  verb->add_option("-o,--output", options->out, "CROP.png or .jpg; CROP.json and CROP.faces.png are written beside it")
      ->type_name("PATH")
      ->required();
  verb->add_option("--face", options->face,
                   "of several faces: largest, all (-o is a folder), a number in the order of `mien faces`, or a point "
                   "X,Y in one")
      ->capture_default_str();
  AddDetectorOption(*verb, options->detector);
  verb->add_option("--landmarks", options->landmarks,
                   "JSON list of the 68 points [x,y] of the face (iBUG order) in pixels of the upright photo; then "
                   "nothing is searched")
      ->type_name("FILE");
  verb->add_option("--size", options->size, "side of the square in pixels")
      ->transform(WholeNumber())
      ->check(CLI::Range(16, 4096))
      ->capture_default_str();
  AddFormatOptions(*verb, options->format);
  verb->add_flag("--no-overlay", options->no_overlay,
                 "without CROP.faces.png, the photo with what was found drawn on it");
  verb->callback([verb, &session, options] {
    if (!options->landmarks.empty())
      MentionUnused(session, *verb, {"--face", "--detector"}, "the face is given by --landmarks");
    session.status = RunAlign(session, *verb, *options);
  });
}

}  // namespace mien
