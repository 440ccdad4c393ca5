// mien faces: what the face networks say of photos.
#include <memory>

#include "runtime/face/face_search.h"
#include "tools/batch.h"
#include "tools/detectors.h"
#include "tools/outputs.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

using Json = nlohmann::json;

struct FacesOptions {
  std::vector<std::string> photos;
  DetectorChoice detector = DetectorChoice::kAuto;
  bool whole = false, fail_fast = false;
};

constexpr int kSmallLook = 224;

Json ToJson(const Box& box) {
  return {{"x", box.x}, {"y", box.y}, {"width", box.width}, {"height", box.height}, {"score", box.score}};
}

Json ToJson(const std::vector<Box>& boxes) {
  Json list = Json::array();
  for (const Box& box : boxes) list.push_back(ToJson(box));
  return list;
}

Json ToJson(const Landmarks& landmarks) {
  Json list = Json::array();
  for (const Point& point : landmarks) list.push_back(Json::array({point.x, point.y}));
  return list;
}

Json NamedExpressions(const std::vector<float>& shares) {
  Json named = Json::object();
  for (size_t i = 0; i < shares.size(); ++i) named[kExpressions[i]] = shares[i];
  return named;
}

void AddAge(const AgeAndGender& found, Json* to) {
  const bool male = found.male > 0.5;
  (*to)["age"] = found.age;
  (*to)["gender"] = male ? "male" : "female";
  (*to)["genderProbability"] = male ? found.male : 1 - found.male;
}

// One face with all that is said of it; null where too little of it lies in the photo.
Result<Json> Described(FaceNetworks& networks, const Image& photo, const Box& box) {
  MIEN_ASSIGN(const std::optional<FoundFace> face, LocateFace(networks, photo, box));
  if (!face) return Json();
  const Part aligned = PartOf(face->aligned, photo.width, photo.height);
  const Part square = PartOf(RecognizerBox(face->landmarks, face->part), photo.width, photo.height);
  Json json = {{"box", ToJson(face->box)}, {"aligned", ToJson(face->aligned)}, {"landmarks", ToJson(face->landmarks)}};
  if (!square.empty()) {
    MIEN_ASSIGN(json["descriptor"], networks.Describe(photo, square));
  }
  MIEN_ASSIGN(const std::vector<float> expressions, networks.Expressions(photo, aligned));
  json["expressions"] = NamedExpressions(expressions);
  MIEN_ASSIGN(const AgeAndGender age, networks.AgeOf(photo, aligned));
  AddAge(age, &json);
  return json;
}

Result<Json> DescribedAll(FaceNetworks& networks, const Image& photo, const std::vector<Box>& boxes) {
  Json faces = Json::array();
  for (const Box& box : boxes) {
    MIEN_ASSIGN(Json face, Described(networks, photo, box));
    if (!face.is_null()) faces.push_back(std::move(face));
  }
  return faces;
}

// The networks on the whole picture, as if it were a face.
Status AddWhole(FaceNetworks& networks, const Image& photo, Json* report) {
  const Part whole = {0, 0, photo.width, photo.height};
  MIEN_ASSIGN(const Landmarks landmarks, networks.FindLandmarks(photo, whole));
  (*report)["landmarks_whole"] = ToJson(LandmarksIn(landmarks, whole, {}));
  MIEN_ASSIGN((*report)["descriptor_whole"], networks.Describe(photo, whole));
  MIEN_ASSIGN(const std::vector<float> expressions, networks.Expressions(photo, whole));
  (*report)["expressions_whole"] = NamedExpressions(expressions);
  MIEN_ASSIGN(const AgeAndGender age, networks.AgeOf(photo, whole));
  AddAge(age, &(*report)["age_gender_whole"]);
  return {};
}

Result<Json> Look(FaceNetworks& networks, const FacesOptions& options, const Image& photo) {
  const Part whole = {0, 0, photo.width, photo.height};
  Json report = {{"width", photo.width}, {"height", photo.height}};
  MIEN_ASSIGN(const std::vector<Box> small, networks.FindByCells(photo, whole, kSmallLook));
  MIEN_ASSIGN(const std::vector<Box> first, networks.FindByCells(photo, whole, kFirstLook));
  MIEN_ASSIGN(const std::vector<Box> ssd, networks.FindBySsd(photo, whole));
  report["tiny_224"] = ToJson(small);
  report["tiny_416"] = ToJson(first);
  report["ssd"] = ToJson(ssd);
  MIEN_ASSIGN(report["full_tiny416"], DescribedAll(networks, photo, first));
  MIEN_ASSIGN(const FaceSearch search, SearchFaces(networks, photo, options.detector));
  report["looks"] = Json::array();
  for (const mien::Look& look : search.looks)
    report["looks"].push_back({{"detector", look.detector}, {"faces", look.boxes.size()}});
  const std::string by = search.chosen < 0 ? "" : search.looks[static_cast<size_t>(search.chosen)].detector;
  report["detector"] = by.empty() ? Json() : Json(by);
  if (by == "tiny_416") {
    report["faces"] = report["full_tiny416"];
  } else {
    MIEN_ASSIGN(report["faces"], DescribedAll(networks, photo, search.boxes()));
  }
  if (options.whole) MIEN_TRY(AddWhole(networks, photo, &report));
  return report;
}

void Print(const Session& session, const std::string& path, const Json& report) {
  const Json& faces = report["faces"];
  const std::string by = faces.empty() ? "" : " (" + report["detector"].get<std::string>() + ")";
  session.Print("%s: %d x %d, %zu %s%s\n", path.c_str(), report["width"].get<int>(), report["height"].get<int>(),
                faces.size(), faces.size() == 1 ? "face" : "faces", by.c_str());
  for (const Json& face : faces) {
    const Json& box = face["box"];
    const auto number = [&](const char* key) { return box[key].get<double>(); };
    std::string expression;
    double most = 0;
    for (const auto& [name, share] : face["expressions"].items()) {
      if (share.get<double>() <= most) continue;
      expression = name;
      most = share.get<double>();
    }
    session.Print("  %.0f x %.0f at %.0f, %.0f, score %.2f: %s %.2f, age %.0f, %s %.2f\n", number("width"),
                  number("height"), number("x"), number("y"), number("score"), expression.c_str(), most,
                  face["age"].get<double>(), face["gender"].get<std::string>().c_str(),
                  face["genderProbability"].get<double>());
  }
}

Status RunFaces(Session& session, const FacesOptions& options) {
  MIEN_ASSIGN(const std::vector<std::string> photos, ExpandPhotos(options.photos));
  MIEN_TRY(CheckFiles(session, {{"photo", photos}}, {}));
  MIEN_ASSIGN(const auto model, OpenFaceModel(session));
  FaceNetworksOptions wanted = {session.run};
  wanted.cell_sizes = {kSmallLook, kFirstLook};
  wanted.ssd = wanted.landmarks = wanted.descriptor = wanted.expression = wanted.age_gender = true;
  AddDetectors(options.detector, &wanted);
  MIEN_ASSIGN(const auto networks, FaceNetworks::Create(model, wanted));
  session.Detail("%s", networks->engine().backend().reason.c_str());
  MentionCpuOptions(session, networks->engine().backend());
  const bool several = photos.size() > 1;
  if (several) session.report["files"] = Json::array();
  Json report;
  const auto make = [&](size_t i) -> Status {
    MIEN_ASSIGN(const Image photo, ReadPicture(session, photos[i]));
    MIEN_ASSIGN(report, Look(*networks, options, photo));
    report["photo"] = photos[i];
    return {};
  };
  const auto write = [&](size_t i) -> Status {
    Print(session, photos[i], report);
    if (several)
      session.report["files"].push_back(report);
    else
      session.report.update(report);
    return {};
  };
  return RunBatch(session, photos, {options.fail_fast, {}, {}}, {make, write, {}, {}});
}

}  // namespace

void AddFaces(CLI::App& app, Session& session) {
  auto options = std::make_shared<FacesOptions>();
  CLI::App* verb = app.add_subcommand("faces", "the faces in photos, and what the face networks say of them");
  verb->add_option("PHOTO", options->photos, "photos (PNG or JPEG; - is stdin), or folders of them")
      ->type_name("FILE")
      ->required();
  AddDetectorOption(*verb, options->detector);
  verb->add_flag("--whole", options->whole,
                 "also what the networks say of each whole picture, taken as if it were a face");
  AddFailFast(*verb, options->fail_fast);
  verb->footer("--json has every box, landmark and number. A photo without a face is no failure.");
  verb->callback([&app, &session, options] {
    MentionUnused(session, app, {"--seed"}, "nothing here is random");
    session.status = RunFaces(session, *options);
  });
}

}  // namespace mien
