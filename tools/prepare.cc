// mien prepare: photos in a folder per person to the data that mien train and mien evaluate read.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "base/interrupt.h"
#include "base/stream.h"
#include "runtime/builtin_model.h"
#include "runtime/face/attribute_scores.h"
#include "runtime/face/head_pose.h"
#include "runtime/face/likeness.h"
#include "runtime/face/resample.h"
#include "tools/batch.h"
#include "tools/codes.h"
#include "tools/faces.h"
#include "tools/formats.h"
#include "tools/label_table.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/people_folder.h"
#include "tools/photo_faces.h"
#include "tools/tensors.h"
#include "tools/verbs.h"
#include "tools/without_effect.h"
#include "weights/container.h"

namespace mien {
namespace {

using Json = nlohmann::json;

constexpr const char* kKnownOfFaces[] = {"gender", "yaw", "pitch", "age", "smile"};

struct PrepareOptions {
  std::string folder, output, shard, labels;
  SearchOptions search;
  FaceOptions made;
  bool require_consent = false, resume = false;
  int save_every = 50;
};

// What can be said of the face in an aligned square.
class Labeller {
 public:
  static Result<Labeller> Create(const std::shared_ptr<const ModelFile>& model, const RunOptions& run) {
    Labeller labeller;
    if (const auto& config = model->config().attributes) {
      for (const char* name : kPaperAttributes)
        if (std::ranges::find(config->outputs, name) != config->outputs.end()) labeller.names_.emplace_back(name);
      labeller.config_ = *config;
      EngineOptions options = {run, 1, {{AttributesOptions{}}}};
      MIEN_ASSIGN(labeller.classifier_, Engine::Create(std::make_shared<WeightStore>(model), options));
      return labeller;
    }
    labeller.names_.assign(std::begin(kKnownOfFaces), std::end(kKnownOfFaces));
    FaceNetworksOptions options = {run};
    options.landmarks = options.expression = options.age_gender = true;
    MIEN_ASSIGN(const auto faces, OpenBuiltinFaces());
    MIEN_ASSIGN(labeller.networks_, FaceNetworks::Create(faces, options));
    return labeller;
  }

  const std::vector<std::string>& names() const { return names_; }
  const char* source() const { return classifier_ ? "attribute classifier" : "face networks"; }

  Result<std::vector<float>> Label(const Image& square) { return classifier_ ? Classify(square) : Describe(square); }

 private:
  Result<std::vector<float>> Classify(const Image& square) {
    const int side = config_.input_size;
    MIEN_ASSIGN(const Image small, ResizeImage(square, side, side));
    std::vector<float> picture(size_t{3} * static_cast<size_t>(side) * static_cast<size_t>(side));
    ToFloats(small, picture);
    std::vector<float> scores(config_.outputs.size()), labels;
    MIEN_TRY(classifier_->Run(0, std::array{std::span<const float>(picture)}, std::array{std::span(scores)}));
    for (const std::string& name : names_) {
      const auto place = std::ranges::find(config_.outputs, name) - config_.outputs.begin();
      labels.push_back(static_cast<float>(CutScore(name, double{scores[static_cast<size_t>(place)]})));
    }
    return labels;
  }

  Result<std::vector<float>> Describe(const Image& square) {
    const Part part = FaceOfCrop(square.width);
    MIEN_ASSIGN(const Landmarks relative, networks_->FindLandmarks(square, part));
    const Box corner = {static_cast<double>(part.x), static_cast<double>(part.y)};
    const HeadPose pose = PoseOf(LandmarksIn(relative, part, corner));
    MIEN_ASSIGN(const AgeAndGender age, networks_->AgeOf(square, part));
    MIEN_ASSIGN(const std::vector<float> expressions, networks_->Expressions(square, part));
    return std::vector<float>{static_cast<float>(age.male), static_cast<float>(pose.yaw),
                              static_cast<float>(pose.pitch), static_cast<float>(age.age), expressions[1]};
  }

  std::vector<std::string> names_;
  AttributesConfig config_;
  std::unique_ptr<Engine> classifier_;
  std::unique_ptr<FaceNetworks> networks_;
};

// A picture that was read.
struct Row {
  std::string file;  // as the data name it: PERSON/PICTURE
  uint32_t crc32c = 0;  // of its file; 0 of made-up faces and of codes that lie together in a file
  int64_t person = 0;
  std::vector<float> codes, labels;
};

class Preparing {
 public:
  Preparing(Session& session, const PrepareOptions& options) : session_(session), options_(options) {}

  Status Run() {
    MIEN_TRY(Open());
    MIEN_TRY(ReadAll());
    if (rows_.empty()) return Status::Error(Code::kNoFace, "none of %zu pictures could be taken", total_);
    MIEN_TRY(Write(options_.output));
    std::error_code error;
    std::filesystem::remove(Unfinished(), error);
    Tell();
    return {};
  }

 private:
  Status Open();
  Status OpenPeople();
  Status OpenNetworks(const std::shared_ptr<const ModelFile>& model);
  Status ReadAll();
  Status ReadOne(const PersonFolder& person, const std::string& path, Row* row);
  Status ReadPhoto(const std::string& path, std::span<const std::byte> bytes, Row* row);
  Status ReadMade(size_t i, Row* row);
  Status LabelCodes(Row* row);  // of a picture that is there as codes alone
  Status Keep(const Status& read, const std::string& name, Row row);
  const std::vector<std::string>& names() const { return table_ ? table_->names() : labeller_->names(); }
  const char* labels_by() const { return table_ ? "file" : labeller_->source(); }
  Status Write(const std::string& path) const;
  Status Resume(const std::string& path);
  void Tell();
  void CountGroups(Json* counts) const;
  std::string Unfinished() const { return options_.output + ".part"; }

  Session& session_;
  const PrepareOptions& options_;
  std::vector<PersonFolder> people_;
  std::optional<PhotoFaces> finder_;
  std::optional<LabelTable> table_;
  std::optional<Labeller> labeller_;  // none: there is a table
  std::vector<Face> made_;            // of this part
  std::vector<size_t> places_;        // of each among all
  int64_t folders_ = 0;               // of the people of all parts
  size_t total_ = 0, done_ = 0;
  std::unique_ptr<Pipeline> pipeline_;
  std::string fingerprint_;
  std::map<std::string, Row> known_;  // of a run before, by file
  std::vector<Row> rows_;
  Json bad_ = Json::array(), without_consent_ = Json::array();
};

Status Preparing::OpenPeople() {
  if (options_.folder.empty()) return {};
  MIEN_ASSIGN(const Shard shard, ParseShard(options_.shard));
  MIEN_ASSIGN(std::vector<PersonFolder> all, ReadPeople(session_, options_.folder));
  folders_ = static_cast<int64_t>(all.size());
  for (PersonFolder& person : all) {
    if (!shard.Has(static_cast<size_t>(person.number))) continue;
    if (person.consent.is_null() && options_.require_consent) {
      session_.Note("%s: left out, there is no consent.json that can be used", person.name.c_str());
      without_consent_.push_back(person.name);
      continue;
    }
    total_ += person.pictures.size();
    people_.push_back(std::move(person));
  }
  return {};
}

Status Preparing::OpenNetworks(const std::shared_ptr<const ModelFile>& model) {
  bool photos = false, codes = !made_.empty();
  for (const PersonFolder& person : people_)
    for (const std::string& path : person.pictures) (HoldsCodes(path) ? codes : photos) = true;
  SearchOptions search = options_.search;
  search.aligned |= !photos;
  MIEN_ASSIGN(finder_, PhotoFaces::Create(session_, search));
  const RunOptions beside = RunBeside(session_.run, finder_->networks());
  PipelineOptions wanted = {beside};
  wanted.encode = photos;
  wanted.synthesize = codes;  // so that there is an engine, also where a table has the labels
  wanted.map = std::ranges::any_of(made_, [](const Face& face) { return face.seed.has_value(); });
  wanted.psi = options_.made.psi;
  wanted.psi_cutoff = options_.made.psi_cutoff;
  wanted.label = options_.made.label;
  MIEN_ASSIGN(pipeline_, Pipeline::Create(model, wanted));
  ReportChoices(session_, *pipeline_);
  if (table_) return {};
  MIEN_ASSIGN(labeller_, Labeller::Create(model, beside));
  return {};
}

Status Preparing::Open() {
  MIEN_TRY(OpenPeople());
  MIEN_ASSIGN(const auto model, OpenModel(session_));
  fingerprint_ = model->file().fingerprint();
  if (!options_.labels.empty()) {
    MIEN_ASSIGN(table_, LabelTable::Read(options_.labels));
  }
  if (!options_.made.seeds.empty() || !options_.made.codes.empty()) {
    if (!model->config().generator)
      return Status::Error(Code::kUsage, "--seeds and --codes need the component generator, which this model lacks");
    MIEN_ASSIGN(const Shard shard, ParseShard(options_.shard));
    MIEN_ASSIGN(std::vector<Face> all, SelectFaces(session_, options_.made, *model->config().generator));
    for (size_t i = 0; i < all.size(); ++i) {
      if (!shard.Has(i)) continue;
      made_.push_back(std::move(all[i]));
      places_.push_back(i);
    }
    total_ += made_.size();
  }
  if (total_ == 0) return Status::Error(Code::kFailure, "nobody is left of whom data could be made");
  MIEN_TRY(OpenNetworks(model));
  if (!options_.resume) return {};
  for (const std::string& path : {options_.output, Unfinished()}) {
    if (std::filesystem::exists(path)) MIEN_TRY(Resume(path));
  }
  if (!known_.empty()) session_.Note("%zu pictures are there already", known_.size());
  return {};
}

// Takes what a run before has read, where model and labels were the same; the content of a picture tells whether it is.
Status Preparing::Resume(const std::string& path) {
  MIEN_ASSIGN(const ForeignFile file, OpenTensors(path));
  const auto text = [&](const char* key) {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? Json() : Json::parse(found->second, nullptr, false);
  };
  const Json pictures = text("pictures");
  const bool ours = pictures.is_array() && text("attributes") == Json(names()) && text("model") == Json(fingerprint_);
  const ForeignTensor *const codes = file.Find("w_plus"), *const labels = file.Find("attributes");
  const auto count = static_cast<int64_t>(pictures.is_array() ? pictures.size() : 0);
  const Shape code_shape = {count, pipeline_->rows(), pipeline_->w_dim()};
  const Shape label_shape = {count, static_cast<int64_t>(names().size())};
  if (!ours || codes == nullptr || labels == nullptr || codes->shape != code_shape || labels->shape != label_shape) {
    return Status::Error(
        Code::kRefused, "%s: data of this model expected to go on with; without --resume it is replaced", path.c_str());
  }
  MIEN_ASSIGN(const std::vector<float> all_codes, ReadFloats(*codes));
  std::vector<std::byte> bytes;
  MIEN_TRY(ReadContiguous(*labels, &bytes));
  std::vector<float> all_labels(static_cast<size_t>(label_shape.elements()));
  if (labels->type != DType::kF32) return Status::Error(Code::kRefused, "%s: attributes of F32 expected", path.c_str());
  std::memcpy(all_labels.data(), bytes.data(), bytes.size());
  const size_t numbers = all_codes.size() / std::max<size_t>(pictures.size(), 1), columns = names().size();
  for (size_t i = 0; i < pictures.size(); ++i) {
    const Json& entry = pictures[i];
    const bool right = entry.is_object() && entry.contains("file") && entry["file"].is_string() &&
                       entry.contains("crc32c") && entry["crc32c"].is_number_unsigned();
    if (!right) return Status::Error(Code::kRefused, "%s: metadata pictures: entry %zu is none", path.c_str(), i);
    Row row = {entry["file"].get<std::string>(), entry["crc32c"].get<uint32_t>(), 0, {}, {}};
    row.codes.assign(all_codes.begin() + static_cast<ptrdiff_t>(i * numbers),
                     all_codes.begin() + static_cast<ptrdiff_t>((i + 1) * numbers));
    row.labels.assign(all_labels.begin() + static_cast<ptrdiff_t>(i * columns),
                      all_labels.begin() + static_cast<ptrdiff_t>((i + 1) * columns));
    known_[row.file] = std::move(row);
  }
  return {};
}

Status Preparing::ReadPhoto(const std::string& path, std::span<const std::byte> bytes, Row* row) {
  MIEN_ASSIGN(const Image photo, DecodePicture(MemorySource(bytes)));
  FaceCrop crop;
  if (options_.search.aligned) {
    MIEN_ASSIGN(crop, CutCentre(photo));
  } else {
    Json report = Json::object();
    MIEN_ASSIGN(const std::vector<PhotoFace> found, finder_->Find(session_, path, photo, "", &report));
    MIEN_ASSIGN(crop, CutFaceOf(session_, path, photo, found[0]));
  }
  MIEN_TRY(pipeline_->Encode(crop.picture, row->codes));
  if (table_) return {};
  MIEN_ASSIGN(row->labels, labeller_->Label(crop.picture));
  return {};
}

Status Preparing::LabelCodes(Row* row) {
  if (table_) return {};
  MIEN_ASSIGN(const Image picture, pipeline_->Synthesize(row->codes, 0));
  MIEN_ASSIGN(row->labels, labeller_->Label(picture));
  return {};
}

Status Preparing::ReadOne(const PersonFolder& person, const std::string& path, Row* row) {
  row->file = person.name + "/" + std::filesystem::path(path).filename().string();
  row->person = person.number;
  row->codes.resize(static_cast<size_t>(pipeline_->rows()) * static_cast<size_t>(pipeline_->w_dim()));
  if (table_) row->labels = table_->Of(person.name, std::filesystem::path(path).stem().string());
  MIEN_ASSIGN(const auto file, OpenInput(path, kMaxImageFileBytes, Code::kFailure));
  std::vector<std::byte> bytes(static_cast<size_t>(file->size()));
  MIEN_TRY(file->ReadAt(0, bytes));
  row->crc32c = Crc32c(bytes);
  if (const auto known = known_.find(row->file); known != known_.end() && known->second.crc32c == row->crc32c) {
    row->codes = known->second.codes;
    if (!table_) row->labels = known->second.labels;
    return {};
  }
  if (!HoldsCodes(path)) return ReadPhoto(path, bytes, row);
  MIEN_ASSIGN(const Codes codes, ReadCodes(session_, path, pipeline_->rows(), pipeline_->w_dim()));
  if (codes.size() != 1)
    return Status::Error(Code::kUsage, "%s: the code of one picture expected, %zu found", path.c_str(), codes.size());
  codes.CopyTo(0, row->codes);
  return LabelCodes(row);
}

// Every made-up face and every code of a file is a person of its own.
Status Preparing::ReadMade(size_t i, Row* row) {
  row->file = made_[i].name;
  row->person = folders_ + static_cast<int64_t>(places_[i]);
  row->codes.resize(static_cast<size_t>(pipeline_->rows()) * static_cast<size_t>(pipeline_->w_dim()));
  if (table_) row->labels = table_->Of(places_[i]);
  MIEN_TRY(MakeCodes(*pipeline_, made_[i], row->codes));
  return LabelCodes(row);
}

// What was read; or says why it was not, unless that ends everything.
Status Preparing::Keep(const Status& read, const std::string& name, Row row) {
  if (read.code() == Code::kInterrupted || read.code() == Code::kDevice || read.code() == Code::kMemory) return read;
  if (read.ok()) {
    rows_.push_back(std::move(row));
  } else {
    session_.Warn("%s: left out", Named(read, name).message());
    Json entry = {{"file", row.file}, {"error", read.message()}};
    bad_.push_back(std::move(entry));
  }
  const bool save = ++done_ % static_cast<size_t>(options_.save_every) == 0 && !rows_.empty() && done_ < total_;
  return save ? Write(Unfinished()) : Status();
}

Status Preparing::ReadAll() {
  Progress progress(session_, total_);
  for (const PersonFolder& person : people_) {
    for (const std::string& path : person.pictures) {
      MIEN_TRY(CheckInterrupt());
      progress.Step(path);
      Row row;
      const Status read = ReadOne(person, path, &row);
      MIEN_TRY(Keep(read, path, std::move(row)));
    }
  }
  for (size_t i = 0; i < made_.size(); ++i) {
    MIEN_TRY(CheckInterrupt());
    progress.Step(made_[i].name);
    Row row;
    const Status read = ReadMade(i, &row);
    MIEN_TRY(Keep(read, made_[i].input, std::move(row)));
  }
  return {};
}

Status Preparing::Write(const std::string& path) const {
  std::vector<float> codes, labels;
  std::vector<int64_t> people;
  Json pictures = Json::array(), folders = Json::array();
  for (const Row& row : rows_) {
    codes.insert(codes.end(), row.codes.begin(), row.codes.end());
    labels.insert(labels.end(), row.labels.begin(), row.labels.end());
    people.push_back(row.person);
    pictures.push_back({{"file", row.file}, {"crc32c", row.crc32c}});
  }
  for (const PersonFolder& person : people_) {
    Json entry = {{"name", person.name}, {"identity", person.number}, {"consent", person.consent}};
    folders.push_back(std::move(entry));
  }
  const auto text = [](const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); };
  const auto count = static_cast<int64_t>(rows_.size());
  const std::vector<TensorToWrite> tensors = {
      {"w_plus", DType::kF32, {count, pipeline_->rows(), pipeline_->w_dim()}, std::as_bytes(std::span(codes))},
      {"identity", DType::kI64, {count}, std::as_bytes(std::span(people))},
      {"attributes", DType::kF32, {count, static_cast<int64_t>(names().size())}, std::as_bytes(std::span(labels))}};
  return WriteTensorFile(path, tensors,
                         {{"attributes", text(names())},
                          {"people", text(folders)},
                          {"pictures", text(pictures)},
                          {"left_out", text(bad_)},
                          {"labels_by", text(labels_by())},
                          {"model", text(fingerprint_)}},
                         TensorFile::Profile::kPlain);
}

// Pictures of each group of gender and age that labels tell, which may say anything.
void Preparing::CountGroups(Json* counts) const {
  const auto count = [&](const char* attribute, const auto& group_of) {
    const auto place = static_cast<size_t>(std::ranges::find(names(), attribute) - names().begin());
    if (place == names().size()) return;
    std::map<std::string, size_t> groups;
    for (const Row& row : rows_) ++groups[std::isnan(row.labels[place]) ? "unknown" : group_of(row.labels[place])];
    (*counts)[attribute] = groups;
  };
  count("gender", [](float value) { return std::string(value >= 0.5f ? "male" : "female"); });
  count("age", [](float value) {
    const int from = 20 * static_cast<int>(std::floor(std::clamp(value, -20.0f, 1000.0f) / 20));
    return std::to_string(from) + " to " + std::to_string(from + 19);
  });
}

void Preparing::Tell() {
  constexpr double kRare = 0.1;
  Json counts = Json::object();
  CountGroups(&counts);
  session_.Print("%s: %zu pictures of %zu people, labels by %s\n", options_.output.c_str(), rows_.size(),
                 people_.size() + made_.size(), labels_by());
  if (!bad_.empty()) session_.Print("%zu pictures left out\n", bad_.size());
  for (const auto& [attribute, groups] : counts.items()) {
    for (const auto& [group, count] : groups.items()) {
      session_.Print("%s %s: %zu\n", attribute.c_str(), group.c_str(), count.get<size_t>());
      if (count.get<double>() < kRare * static_cast<double>(rows_.size())) {
        session_.Warn("%s %s is rare: %zu of %zu pictures; what is trained on them will serve this group worse",
                      attribute.c_str(), group.c_str(), count.get<size_t>(), rows_.size());
      }
    }
  }
  size_t consents = 0;
  for (const PersonFolder& person : people_) consents += !person.consent.is_null();
  session_.Print("consent recorded for %zu of %zu people\n", consents, people_.size() + made_.size());
  session_.report.update(Json{{"output", options_.output},
                              {"pictures", rows_.size()},
                              {"people", people_.size() + made_.size()},
                              {"with_consent", consents},
                              {"without_consent", without_consent_},
                              {"left_out", bad_},
                              {"labels", names()},
                              {"labels_by", labels_by()},
                              {"groups", std::move(counts)}});
}

Status RunPrepare(Session& session, const PrepareOptions& options) {
  MIEN_ASSIGN(const std::string format, FormatOf(FileKind::kTensors, options.output));
  if (format != ".safetensors")
    return Status::Error(Code::kUsage, "%s: .safetensors expected, the only form that names people and labels",
                         options.output.c_str());
  if (options.folder.empty() && options.made.seeds.empty() && options.made.codes.empty())
    return Status::Error(Code::kUsage, "a folder of people, --seeds or --codes expected");
  MIEN_TRY(CheckFiles(session, {{"codes", options.made.codes}, {"labels", {options.labels}}},
                      {{"data", {options.output}}, {"unfinished data", {options.output + ".part"}}}));
  return Preparing(session, options).Run();
}

}  // namespace

void AddPrepare(CLI::App& app, Session& session) {
  auto options = std::make_shared<PrepareOptions>();
  CLI::App* verb = app.add_subcommand("prepare", "photos, in a folder for each person, to data for train and evaluate");
  verb->add_option("PHOTOS", options->folder, "folder with a folder for each person, of PNG and JPEG files or of codes")
      ->type_name("FOLDER");
  verb->add_option("-o,--output", options->output, "data to write, .safetensors")->type_name("FILE")->required();
  AddSearchOptions(*verb, options->search);
  AddAligned(*verb, options->search);
  AddFaceOptions(*verb, options->made);
  verb->add_option("--labels", options->labels,
                   "labels of the pictures: a folder of JSON files, .json, .csv or .npy (default: what networks see)")
      ->type_name("PATH");
  verb->add_flag("--require-consent", options->require_consent,
                 "leave people out whose folder has no consent.json with source, permission and date");
  verb->add_option("--shard", options->shard, "I/N: the I-th of N parts of the people, as edit has it")
      ->type_name("I/N");
  verb->add_flag("--resume", options->resume, "do not read pictures again that are there already, by their content");
  verb->add_option("--save-every", options->save_every, "pictures after which OUTPUT.part is written, to resume from")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  verb->footer(
      "Labels come from the model's attribute classifier, else from the face networks (gender, age, smile) and\n"
      "landmarks (yaw, pitch). A picture without a face or with damage is listed and left out.");
  verb->callback([&app, &session, verb, options] {
    MentionUnusedSearch(session, *verb, options->search);
    MentionUnused(session, app, {"--seed"}, "nothing here is random");
    session.status = options->search.face == "all"
                         ? Status::Error(Code::kUsage, "--face all: a picture shows one person of the folder")
                         : RunPrepare(session, *options);
  });
}

}  // namespace mien
