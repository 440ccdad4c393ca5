// mien align: the square around a face, as encoders of FFHQ faces want it.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/stream.h"
#include "runtime/face/overlay.h"
#include "runtime/face/resample.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/photo_faces.h"
#include "tools/picture_options.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"
#include "weights/json.h"

namespace mien {
namespace {

constexpr uint64_t kMaxLandmarksBytes = 1 << 20;

struct AlignOptions {
  std::string input, out, landmarks;
  SearchOptions search;
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

Status WriteFace(Session& session, const AlignOptions& options, const Image& photo, const PhotoFace& face,
                 const std::string& crop_path, const PictureFormat& format) {
  MIEN_ASSIGN(FaceCrop crop, CutFaceOf(session, options.input, photo, face, options.size));
  if (crop.as_it_is) {
    MIEN_ASSIGN(crop.picture, ResizeImage(crop.picture, options.size, options.size));
    crop.picture.profile = photo.profile;
  }
  MIEN_ASSIGN(const Quad quad, FaceQuad(RoundedLandmarks(face.landmarks)));
  const nlohmann::json description = Description(face, quad);
  MIEN_TRY(WritePicture(crop_path, crop.picture, {}, format));
  const std::string text = description.dump(2) + "\n", json_path = Beside(crop_path, ".json");
  MIEN_TRY(WriteFileAtomically(json_path, std::as_bytes(std::span(text))));
  if (!session.report.contains("face")) session.report["face"] = description;
  session.report["faces"].push_back(description);
  session.report["files"].push_back(crop_path);
  session.report["files"].push_back(json_path);
  return {};
}

// The faces to cut out, at least one.
Result<std::vector<PhotoFace>> FacesOf(Session& session, const AlignOptions& options, const Image& photo,
                                       OutputFiles& outputs) {
  if (!options.landmarks.empty()) {
    MIEN_ASSIGN(const Landmarks landmarks, ReadLandmarks(options.landmarks));
    return std::vector<PhotoFace>{{landmarks, {}, {}}};
  }
  MIEN_ASSIGN(const PhotoFaces finder, PhotoFaces::Create(session, options.search));
  MentionCpuOptions(session, finder.networks().engine().backend());
  if (!options.no_overlay) MIEN_TRY(outputs.MakeFolder());
  const std::string overlay = options.no_overlay ? "" : Beside(outputs.paths()[0], ".faces.png");
  return finder.Find(session, options.input, photo, overlay, &session.report);
}

Status RunAlign(Session& session, const CLI::App& verb, const AlignOptions& options) {
  MIEN_ASSIGN(const FaceChoice choice, ParseFaceChoice(options.search.face));
  if (choice.all && options.landmarks.empty() && !IsFolder(options.out))
    return Status::Error(Code::kUsage, "--face all: -o expects a folder, for there may be several faces");
  MIEN_ASSIGN(OutputFiles first, PlanOutputs(session, options, 1));
  const PictureFormat format = ChooseFormat(session, verb, options.format, options.out, first.paths()[0]);
  MIEN_ASSIGN(Image photo, ReadPicture(session, options.input));
  session.report["files"] = nlohmann::json::array();
  MIEN_ASSIGN(const std::vector<PhotoFace> faces, FacesOf(session, options, photo, first));
  MIEN_ASSIGN(OutputFiles outputs, PlanOutputs(session, options, faces.size()));
  session.report["faces"] = nlohmann::json::array();
  for (size_t i = 0; i < faces.size(); ++i) {
    MIEN_TRY(outputs.MakeFolder());
    MIEN_TRY(WriteFace(session, options, photo, faces[i], outputs.paths()[i], format));
  }
  if (options.no_overlay) return {};
  for (const PhotoFace& face : faces) {
    MIEN_ASSIGN(const Quad quad, FaceQuad(RoundedLandmarks(face.landmarks)));
    DrawFace(&photo, quad, face.landmarks);
  }
  const std::string overlay = Beside(first.paths()[0], ".faces.png");
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
  AddSearchOptions(*verb, options->search);
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
