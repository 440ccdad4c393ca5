#include "tools/photo_faces.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/stream.h"
#include "runtime/builtin_model.h"
#include "tools/detectors.h"
#include "tools/outputs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

nlohmann::json ToJson(const Point& point) { return nlohmann::json::array({point.x, point.y}); }

}  // namespace

void AddSearchOptions(CLI::App& verb, SearchOptions& options) {
  verb.add_option("--face", options.face,
                  "of several faces: largest, all, a number in the order of `mien faces`, or a point X,Y in one")
      ->capture_default_str();
  AddDetectorOption(verb, options.detector);
}

void AddAligned(CLI::App& verb, SearchOptions& options) {
  verb.add_flag("--aligned", options.aligned,
                "the photos are aligned crops already (mien align): nothing is searched, the centre square is taken");
}

void MentionUnusedSearch(Session& session, const CLI::App& verb, const SearchOptions& options) {
  if (options.aligned) MentionUnused(session, verb, {"--face", "--detector"}, "nothing is searched with --aligned");
}

Result<PhotoFaces> PhotoFaces::Create(const Session& session, const SearchOptions& options, bool descriptors) {
  PhotoFaces faces;
  MIEN_ASSIGN(faces.choice_, ParseFaceChoice(options.face));
  faces.detector_ = options.detector;
  FaceNetworksOptions wanted = {session.run};
  if (descriptors) AddDescriptors(&wanted);
  if (!options.aligned) AddSearch(options.detector, &wanted);
  MIEN_ASSIGN(const auto model, OpenBuiltinFaces());
  MIEN_ASSIGN(faces.networks_, FaceNetworks::Create(model, wanted));
  return faces;
}

Result<std::vector<PhotoFace>> PhotoFaces::Find(Session& session, const std::string& path, const Image& photo,
                                                const std::string& overlay, nlohmann::json* report) const {
  MIEN_ASSIGN(const FaceSearch search, SearchFaces(*networks_, photo, detector_));
  nlohmann::json looks = nlohmann::json::array();
  for (const Look& look : search.looks) looks.push_back({{"detector", look.detector}, {"faces", look.boxes.size()}});
  (*report)["looks"] = looks;
  MIEN_ASSIGN(std::vector<PhotoFace> faces, LocateFaces(*networks_, search, choice_, photo));
  const std::string name = InputName(path);
  if (!faces.empty()) {
    if (search.boxes().size() > faces.size()) {
      session.Note("%s: %zu faces found; --face chooses another than the one taken", name.c_str(),
                   search.boxes().size());
    }
    return faces;
  }
  if (!overlay.empty()) {
    MIEN_TRY(WritePicture(overlay, photo, {}, {}));
    (*report)["overlay"] = overlay;
    session.Note("%s is the photo as it was searched", overlay.c_str());
  }
  MIEN_ASSIGN(const std::string advice, AdviceWithoutFace(*networks_, photo));
  return Status::Error(Code::kNoFace, "%s: no face found; %s", name.c_str(), advice.c_str());
}

void MentionAligned(const Session& session, const std::string& path) {
  session.Note("%s is aligned already: taken as it is", InputName(path).c_str());
}

Result<FaceCrop> CutFaceOf(const Session& session, const std::string& path, const Image& photo, const PhotoFace& face,
                           int size) {
  MIEN_ASSIGN(FaceCrop crop, CutFace(photo, face, size));
  if (crop.as_it_is) MentionAligned(session, path);
  return crop;
}

Portrayal Portrayed(const Session& session) {
  return session.model.empty() ? Portrayal::kDrawn : Portrayal::kPhotograph;
}

RunOptions RunBeside(const RunOptions& run, const FaceNetworks& networks) {
  RunOptions rest = run;
  const MemoryNeed& taken = networks.engine().need();
  if (rest.max_memory > 0) rest.max_memory -= taken.total() - taken.loading;
  return rest;
}

std::string Beside(const std::string& path, const char* ending) {
  return std::filesystem::path(path).replace_extension().string() + ending;
}

nlohmann::json Description(const PhotoFace& face, const Quad& quad) {
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

}  // namespace mien
