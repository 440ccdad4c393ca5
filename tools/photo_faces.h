// What the verbs that take photos share: --face, --detector and --aligned, the search, and what is said of a face.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/face/likeness.h"
#include "runtime/face/photo_face.h"
#include "tools/session.h"

namespace CLI {
class App;
}

namespace mien {

struct SearchOptions {
  std::string face = "largest";
  DetectorChoice detector = DetectorChoice::kAuto;
  bool aligned = false;
};
// --face and --detector.
void AddSearchOptions(CLI::App& verb, SearchOptions& options);
// --aligned.
void AddAligned(CLI::App& verb, SearchOptions& options);
// Mentions what --aligned makes of no effect.
void MentionUnusedSearch(Session& session, const CLI::App& verb, const SearchOptions& options);

// The face networks built into the program, loaded once for all photos of a verb.
class PhotoFaces {
 public:
  // With the descriptors of likeness.h where they are wanted. Nothing is searched in aligned photos.
  static Result<PhotoFaces> Create(const Session& session, const SearchOptions& options, bool descriptors = false);

  FaceNetworks& networks() const { return *networks_; }
  bool all() const { return choice_.all; }

  // The faces of a photo that are meant, at least one; the others are mentioned. kNoFace: there is none; then the photo
  // as it was searched is written to `overlay`, unless that is empty, and the message says what may help. `report`, an
  // object, gets "looks" and, where it was written, "overlay".
  Result<std::vector<PhotoFace>> Find(Session& session, const std::string& path, const Image& photo,
                                      const std::string& overlay, nlohmann::json* report) const;

 private:
  PhotoFaces() = default;
  FaceChoice choice_;
  DetectorChoice detector_ = DetectorChoice::kAuto;
  std::unique_ptr<FaceNetworks> networks_;
};

// Says that nothing was cut out.
void MentionAligned(const Session& session, const std::string& path);
// CutFace, saying so where the photo was aligned already.
Result<FaceCrop> CutFaceOf(const Session& session, const std::string& path, const Image& photo, const PhotoFace& face,
                           int size = kCropSide);

// How the faces that the model makes came into pictures.
Portrayal Portrayed(const Session& session);

// What is left of --max-memory beside the networks.
RunOptions RunBeside(const RunOptions& run, const FaceNetworks& networks);

// "crop.png" -> "crop" + ending.
std::string Beside(const std::string& path, const char* ending);

// Landmarks, box, quad and detector.
nlohmann::json Description(const PhotoFace& face, const Quad& quad);

}  // namespace mien
