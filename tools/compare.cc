// mien compare: whether two pictures show the same person.
#include <memory>

#include "base/stream.h"
#include "runtime/face/likeness.h"
#include "runtime/face/photo_face.h"
#include "tools/detectors.h"
#include "tools/outputs.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

using Json = nlohmann::json;

struct CompareOptions {
  std::string first, second;
  DetectorChoice detector = DetectorChoice::kAuto;
  bool aligned = false, drawn = false;
};

Status NoFace(const std::string& path) {
  return Status::Error(Code::kNoFace,
                       "%s: no face found; a picture in which the face is larger, upright and seen from the front, "
                       "another --detector, or --aligned for one that mien align has cut out may help",
                       InputName(path).c_str());
}

// The descriptor of the largest face; who found it and where goes into `about`.
Result<std::vector<float>> DescribeLargest(const Session& session, const CompareOptions& options,
                                           FaceNetworks& networks, const Image& picture, const std::string& path,
                                           Json* about) {
  MIEN_ASSIGN(const FaceSearch search, SearchFaces(networks, picture, options.detector));
  MIEN_ASSIGN(const std::vector<PhotoFace> faces, LocateFaces(networks, search, {}, picture));
  if (faces.empty()) return NoFace(path);
  const size_t count = search.boxes().size();
  if (count > 1) session.Note("%s: %zu faces found; the largest is compared", InputName(path).c_str(), count);
  const Box& box = *faces[0].box;
  (*about)["faces"] = count;
  (*about)["detector"] = faces[0].detector;
  (*about)["box"] = {{"x", box.x}, {"y", box.y}, {"width", box.width}, {"height", box.height}, {"score", box.score}};
  return DescribeLandmarks(networks, picture, faces[0].landmarks, PartOf(box, picture.width, picture.height));
}

Result<std::vector<float>> DescribePicture(Session& session, const CompareOptions& options, FaceNetworks& networks,
                                           const std::string& path, Json* about) {
  MIEN_ASSIGN(const Image picture, ReadPicture(session, path));
  *about = {{"picture", path},  {"width", picture.width}, {"height", picture.height},
            {"faces", nullptr}, {"detector", nullptr},    {"box", nullptr}};  // where something was searched
  auto descriptor = options.aligned ? DescribeCrop(networks, picture)
                                    : DescribeLargest(session, options, networks, picture, path, about);
  if (!descriptor.ok() && options.aligned) return descriptor.status().Within("%s", InputName(path).c_str());
  return descriptor;
}

Status RunCompare(Session& session, const CompareOptions& options) {
  MIEN_TRY(CheckFiles(session, {{"picture", {options.first, options.second}}}, {}));
  MIEN_ASSIGN(const auto model, OpenFaceModel(session));
  FaceNetworksOptions wanted = {session.run};
  AddDescriptors(&wanted);
  if (!options.aligned) AddDetectors(options.detector, &wanted);
  MIEN_ASSIGN(const auto networks, FaceNetworks::Create(model, wanted));
  session.Detail("%s", networks->engine().backend().reason.c_str());
  MentionCpuOptions(session, networks->engine().backend());
  Json first, second;
  MIEN_ASSIGN(const auto a, DescribePicture(session, options, *networks, options.first, &first));
  MIEN_ASSIGN(const auto b, DescribePicture(session, options, *networks, options.second, &second));
  const double distance = Distance(a, b);
  const LikenessRule& rule = RuleOf(options.drawn ? Portrayal::kDrawn : Portrayal::kPhotograph);
  session.Print("%s and %s: distance %.3f (L2, %zu numbers): %s\n", options.first.c_str(), options.second.c_str(),
                distance, a.size(), JudgementInWords(distance, rule).c_str());
  session.report.update(Json{{"pictures", Json::array({std::move(first), std::move(second)})},
                             {"drawn", options.drawn},
                             {"distance", distance},
                             {"threshold", rule.threshold},
                             {"source", rule.source},
                             {"error_rate", rule.error_rate},
                             {"judgement", InWords(Judge(distance, rule))}});
  return {};
}

}  // namespace

void AddCompare(CLI::App& app, Session& session) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* verb = app.add_subcommand("compare", "whether two pictures show the same person");
  verb->add_option("A", options->first, "picture (PNG or JPEG; - is stdin)")->type_name("FILE")->required();
  verb->add_option("B", options->second, "the other picture")->type_name("FILE")->required();
  AddDetectorOption(*verb, options->detector);
  verb->add_flag("--aligned", options->aligned,
                 "the pictures are aligned squares, as mien align cuts them out and mien synth makes them: nothing is "
                 "searched");
  verb->add_flag("--drawn", options->drawn, "the people are drawn, such as those of the built-in model");
  verb->footer(
      "The largest face of each picture is compared; whatever the answer is, the exit code is 0.\n"
      "It must not be used to find out who a stranger is, and it proves nothing: people who look alike and poor\n"
      "pictures are judged wrongly.");
  verb->callback([verb, &app, &session, options] {
    MentionUnused(session, app, {"--seed"}, "nothing here is random");
    if (options->aligned) MentionUnused(session, *verb, {"--detector"}, "with --aligned nothing is searched");
    session.status = RunCompare(session, *options);
  });
}

}  // namespace mien
