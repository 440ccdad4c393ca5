// mien align: the square around a face, as encoders of FFHQ faces want it.
#include <memory>

#include "base/stream.h"
#include "runtime/face/align.h"
#include "runtime/face/overlay.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/verbs.h"
#include "weights/json.h"

namespace mien {
namespace {

constexpr uint64_t kMaxLandmarksBytes = 1 << 20;
constexpr int kDefaultSize = 256;

struct AlignOptions {
  std::string input, out, landmarks;
  int size = kDefaultSize;
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

nlohmann::json ToJson(const Point& point) { return nlohmann::json::array({point.x, point.y}); }

nlohmann::json Description(const Landmarks& landmarks, const Quad& quad) {
  nlohmann::json points = nlohmann::json::array();
  for (const Point& point : landmarks) points.push_back(ToJson(point));
  return {{"landmarks", points},
          {"box", nullptr},  // that of a detector; nothing was searched
          {"quad", nlohmann::json::array({ToJson(quad.nw), ToJson(quad.sw), ToJson(quad.se), ToJson(quad.ne)})}};
}

// "crop.png" -> "crop" + ending.
std::string Beside(const std::string& path, const char* ending) {
  return std::filesystem::path(path).replace_extension().string() + ending;
}

Status RunAlign(Session& session, const AlignOptions& options) {
  MIEN_ASSIGN(OutputFiles outputs, OutputFiles::Plan({ResultName(options.input)}, options.out, FileKind::kPicture));
  const std::string& crop_path = outputs.paths()[0];
  if (crop_path == "-")
    return Status::Error(Code::kUsage, "-o -: a file expected, for its description is written beside it");
  const std::string json_path = Beside(crop_path, ".json"), overlay_path = Beside(crop_path, ".faces.png");
  MIEN_TRY(CheckFiles(session, {{"photo", {options.input}}, {"landmarks", {options.landmarks}}},
                      {outputs.Group("picture"), {"description", {json_path}},
                       {"overlay", {options.no_overlay ? "" : overlay_path}}}));
  MIEN_ASSIGN(const Landmarks landmarks, ReadLandmarks(options.landmarks));
  MIEN_ASSIGN(Image photo, ReadPicture(session, options.input));
  MIEN_ASSIGN(const Image crop, AlignFace(photo, landmarks, options.size));
  MIEN_ASSIGN(const Quad quad, FaceQuad(RoundedLandmarks(landmarks)));
  const nlohmann::json description = Description(landmarks, quad);
  MIEN_TRY(outputs.MakeFolder());
  MIEN_TRY(WritePicture(crop_path, crop, {}));
  const std::string text = description.dump(2) + "\n";
  MIEN_TRY(WriteFileAtomically(json_path, std::as_bytes(std::span(text))));
  session.report["face"] = description;
  session.report["files"] = nlohmann::json::array({crop_path, json_path});
  if (options.no_overlay) return {};
  DrawFace(&photo, quad, landmarks);
  MIEN_TRY(WritePicture(overlay_path, photo, {}));
  session.report["files"].push_back(overlay_path);
  return {};
}

}  // namespace

void AddAlign(CLI::App& app, Session& session) {
  auto options = std::make_shared<AlignOptions>();
  CLI::App* verb = app.add_subcommand("align", "a photo to the aligned square around its face");
  verb->add_option("PHOTO", options->input, "photo (PNG; - is stdin)")->type_name("FILE")->required();
  verb->add_option("-o,--output", options->out, "CROP.png; CROP.json and CROP.faces.png are written beside it")
      ->type_name("PATH")
      ->required();
  verb->add_option("--landmarks", options->landmarks,
                   "JSON list of the 68 points [x,y] of the face (iBUG order) in pixels of the upright photo")
      ->type_name("FILE")
      ->required();
  verb->add_option("--size", options->size, "side of the square in pixels")
      ->transform(WholeNumber())
      ->check(CLI::Range(16, 4096))
      ->capture_default_str();
  verb->add_flag("--no-overlay", options->no_overlay,
                 "without CROP.faces.png, the photo with what was found drawn on it");
  verb->callback([&session, options] { session.status = RunAlign(session, *options); });
}

}  // namespace mien
