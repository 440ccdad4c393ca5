#include "tools/evaluation_faces.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>

#include "base/interrupt.h"
#include "base/stream.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/training_file.h"

namespace mien {
namespace {

// Photos, data, seeds and codes, in this order, each a face.
class Reader {
 public:
  Reader(Session& session, const FacesToEvaluate& options, const PhotoFaces& finder, size_t squares)
      : session_(session), options_(options), finder_(finder), squares_(squares) {}

  Result<EvaluatedFaces> Read(const std::shared_ptr<const ModelFile>& model, const RunOptions& run);

 private:
  Status Open(const std::shared_ptr<const ModelFile>& model, const RunOptions& run);
  Status Add(size_t i);
  Status AddPhoto(const std::string& path, std::span<float> codes);
  // Group of each face that was read, by the number that `of` has for each picture of the data.
  void Sort(const std::string& column, const std::vector<float>& of, const std::function<std::string(float)>& name);
  void SortAll();

  Session& session_;
  const FacesToEvaluate& options_;
  const PhotoFaces& finder_;
  const size_t squares_;
  TrainingData data_;
  std::vector<Face> made_;
  std::unique_ptr<Pipeline> pipeline_;
  size_t code_numbers_ = 0;
  EvaluatedFaces faces_;
  std::vector<int64_t> pictures_;  // of the data, that each face is; -1: none
};

Status Reader::Open(const std::shared_ptr<const ModelFile>& model, const RunOptions& run) {
  const GeneratorConfig& generator = *model->config().generator;
  code_numbers_ = static_cast<size_t>(generator.rows()) * static_cast<size_t>(generator.w_dim);
  MIEN_ASSIGN(data_, ReadTrainingFiles(options_.data));
  if (data_.images > 0 && (data_.rows != generator.rows() || data_.features != generator.w_dim)) {
    return Status::Error(Code::kUsage, "%s: codes [%lld,%lld]: the model has %d rows of %d", options_.data[0].c_str(),
                         static_cast<long long>(data_.rows), static_cast<long long>(data_.features), generator.rows(),
                         generator.w_dim);
  }
  MIEN_ASSIGN(made_, SelectFaces(session_, options_.made, generator));
  PipelineOptions wanted = {run};
  wanted.encode = !options_.photos.empty();
  wanted.map = std::ranges::any_of(made_, [](const Face& face) { return face.seed.has_value(); });
  wanted.psi = options_.made.psi;
  wanted.psi_cutoff = options_.made.psi_cutoff;
  wanted.label = options_.made.label;
  if (!wanted.encode && made_.empty()) return {};
  MIEN_ASSIGN(pipeline_, Pipeline::Create(model, wanted));
  return {};
}

Status Reader::AddPhoto(const std::string& path, std::span<float> codes) {
  MIEN_ASSIGN(const Image photo, ReadPicture(session_, path));
  FaceCrop crop;
  if (options_.search.aligned) {
    MIEN_ASSIGN(crop, CutCentre(photo));
  } else {
    nlohmann::json report = nlohmann::json::object();
    MIEN_ASSIGN(const std::vector<PhotoFace> found, finder_.Find(session_, path, photo, "", &report));
    MIEN_ASSIGN(crop, CutFaceOf(session_, path, photo, found[0]));
  }
  MIEN_TRY(pipeline_->Encode(crop.picture, codes));
  if (faces_.squares.size() < squares_) faces_.squares.push_back(std::move(crop.picture));
  return {};
}

Status Reader::Add(size_t i) {
  MIEN_TRY(CheckInterrupt());
  std::vector<float> codes(code_numbers_);
  std::string name;
  int64_t picture = -1;
  if (i < options_.photos.size()) {
    name = InputName(options_.photos[i]);
    const Status added = AddPhoto(options_.photos[i], codes);
    if (added.code() == Code::kNoFace) {
      session_.Warn("%s", added.message());
      session_.report["without_face"].push_back(options_.photos[i]);
      return {};
    }
    MIEN_TRY(added);
  } else if ((i -= options_.photos.size()) < static_cast<size_t>(data_.images)) {
    picture = static_cast<int64_t>(i);
    name = "picture " + std::to_string(i) + " of person " + std::to_string(data_.people[i]);
    std::copy_n(data_.w_plus.begin() + static_cast<ptrdiff_t>(i * code_numbers_), code_numbers_, codes.begin());
  } else {
    const Face& face = made_[i - static_cast<size_t>(data_.images)];
    name = face.name;
    MIEN_TRY(MakeCodes(*pipeline_, face, codes));
  }
  faces_.names.push_back(name);
  faces_.codes.insert(faces_.codes.end(), codes.begin(), codes.end());
  pictures_.push_back(picture);
  return {};
}

void Reader::Sort(const std::string& column, const std::vector<float>& of,
                  const std::function<std::string(float)>& name) {
  const auto number = [&](int64_t picture) {
    return picture < 0 || of.empty() ? std::nanf("") : of[static_cast<size_t>(picture)];
  };
  std::set<float> known;
  for (const int64_t picture : pictures_)
    if (!std::isnan(number(picture))) known.insert(number(picture));
  if (known.empty()) return;
  Grouping grouping = {column, {}, {}};
  for (const float group : known) grouping.names.push_back(name(group));
  for (const int64_t picture : pictures_) {
    const auto place = known.find(number(picture));
    const bool sorted = !std::isnan(number(picture));
    grouping.group.push_back(sorted ? static_cast<int>(std::distance(known.begin(), place)) : -1);
  }
  faces_.groupings.push_back(std::move(grouping));
}

void Reader::SortAll() {
  // A label of all pictures as what `change` makes of it.
  const auto label = [&](const char* attribute, const auto& change) {
    std::vector<float> column;
    const size_t k = static_cast<size_t>(std::ranges::find(data_.attributes, attribute) - data_.attributes.begin());
    if (k == data_.attributes.size()) return column;
    for (size_t at = k; at < data_.labels.size(); at += data_.attributes.size()) {
      const float value = data_.labels[at];
      column.push_back(std::isnan(value) ? value : change(value));
    }
    return column;
  };
  constexpr float kBand = 20;
  const auto plain = [](float group) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", static_cast<double>(group));
    return std::string(text);
  };
  Sort("gender", label("gender", [](float value) { return value >= 0.5f ? 1.0f : 0.0f; }),
       [](float group) { return std::string(group > 0 ? "male" : "female"); });
  if (!data_.age_band.empty()) {
    Sort("age_band", data_.age_band, plain);
  } else {
    Sort("age_band", label("age", [](float value) { return std::floor(value / kBand) * kBand; }),
         [&](float from) { return plain(from) + " to " + plain(from + kBand - 1); });
  }
  Sort("skin_tone", data_.skin_tone, plain);
}

Result<EvaluatedFaces> Reader::Read(const std::shared_ptr<const ModelFile>& model, const RunOptions& run) {
  MIEN_TRY(Open(model, run));
  if (!options_.photos.empty()) session_.report["without_face"] = nlohmann::json::array();
  const size_t total = options_.photos.size() + static_cast<size_t>(data_.images) + made_.size();
  if (total == 0) return Status::Error(Code::kUsage, "data files, --photos, --seeds or --codes expected");
  const size_t count = options_.most > 0 ? std::min(total, static_cast<size_t>(options_.most)) : total;
  for (size_t i = 0; i < count; ++i) MIEN_TRY(Add(i * total / count));
  if (faces_.names.empty()) return Status::Error(Code::kNoFace, "no face found in any photo");
  SortAll();
  return std::move(faces_);
}

}  // namespace

void AddFacesToEvaluate(CLI::App& verb, FacesToEvaluate& options) {
  verb.add_option("DATA", options.data, "codes with people and labels, as mien train reads them")->type_name("FILE");
  verb.add_option("--photos", options.photos, "photos (PNG or JPEG), or folders of them")->type_name("FILE");
  AddSearchOptions(verb, options.search);
  AddAligned(verb, options.search);
  verb.add_option("--max", options.most, "at most so many faces, evenly spread over all")
      ->type_name("N")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 1000000));
  AddFaceOptions(verb, options.made);
}

Result<EvaluatedFaces> ReadFaces(Session& session, const FacesToEvaluate& options,
                                 const std::shared_ptr<const ModelFile>& model, const RunOptions& run,
                                 const PhotoFaces& finder, size_t squares) {
  return Reader(session, options, finder, squares).Read(model, run);
}

}  // namespace mien
