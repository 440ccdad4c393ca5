#include "tools/faces.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "base/stream.h"
#include "tools/codes.h"
#include "tools/files.h"
#include "tools/numbers.h"
#include "tools/outputs.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

constexpr size_t kMaxFaces = 4096;

Face FaceOf(uint32_t seed) {
  Face face;
  face.name = face.input = "seed" + std::to_string(seed);
  face.seed = seed;
  face.noise_seed = seed;
  return face;
}

// "5", "3,8", "0-15".
Status AddSeeds(const std::string& text, std::vector<Face>& faces) {
  size_t at = 0;
  while (at <= text.size()) {
    const size_t comma = std::min(text.find(',', at), text.size());
    unsigned long long low = 0, high = 0;
    int used = 0;
    const std::string part = text.substr(at, comma - at);
    const int count = std::sscanf(part.c_str(), "%10llu%n-%10llu%n", &low, &used, &high, &used);
    if (count == 1) high = low;
    if (count < 1 || part[0] < '0' || part[0] > '9' || used != static_cast<int>(part.size()) || high < low ||
        high > 0xffffffffu || high - low >= kMaxFaces || faces.size() + (high - low) >= kMaxFaces) {
      return Status::Error(Code::kUsage,
                           "seeds %s: numbers below 2^32 such as 5, 3,8 or 0-15 expected, at most %zu",
                           text.c_str(), kMaxFaces);
    }
    for (unsigned long long seed = low; seed <= high; ++seed)
      faces.push_back(FaceOf(static_cast<uint32_t>(seed)));
    at = comma + 1;
  }
  return {};
}

Status AddCodes(const Session& session, const std::string& path, const GeneratorConfig& generator,
                std::vector<Face>& faces) {
  MIEN_ASSIGN(const Codes codes, ReadCodes(session, path, generator.rows(), generator.w_dim));
  if (faces.size() + codes.size() > kMaxFaces)
    return Status::Error(Code::kUsage, "%s: more than %zu faces together", InputName(path).c_str(),
                         kMaxFaces);
  for (size_t i = 0; i < codes.size(); ++i) {
    Face face;
    face.name = codes.name(i);
    face.input = path;
    face.noise_seed = session.seed + static_cast<uint32_t>(i);
    face.w_plus.resize(static_cast<size_t>(generator.rows()) * static_cast<size_t>(generator.w_dim));
    codes.CopyTo(i, face.w_plus);
    faces.push_back(std::move(face));
  }
  return {};
}

}  // namespace

void AddFaceOptions(CLI::App& verb, FaceOptions& options) {
  verb.option_defaults()->group("Made-up and saved faces");
  verb.add_option("--seeds", options.seeds, "made-up faces by their seeds, e.g. 0-15 or 3,8");
  verb.add_option("--codes", options.codes, kCodesHelp)->type_name("FILE");
  verb.add_option("--psi", options.psi, "truncation of seeds towards the average face")
      ->capture_default_str();
  verb.add_option("--psi-cutoff", options.psi_cutoff, "rows that are truncated (default: all)")
      ->transform(WholeNumber())
      ->check(CLI::Range(0, 64));
  verb.add_option("--label", options.label, "the class of seeds, which a conditional model needs: 0 and up")
      ->type_name("K")
      ->transform(WholeNumber())
      ->check(CLI::Range(0, std::numeric_limits<int>::max()));
  verb.option_defaults()->group("Options");
}

Face FaceInPhoto(const std::string& path) {
  Face face;
  face.name = ResultName(path);
  face.input = path;
  face.photo = true;
  return face;
}

Status CheckEditable(const ModelConfig& config) {
  if (config.flow && config.generator) return {};
  return Status::Error(Code::kUsage, "editing needs the component %s, which this model file does not have",
                       config.flow ? "generator" : "flow");
}

Result<std::vector<Face>> SelectFaces(const Session& session, const FaceOptions& options,
                                      const GeneratorConfig& generator) {
  std::vector<Face> faces;
  MIEN_TRY(CheckFiles(session, {{"codes", options.codes}}, {}));  // a pipe read twice would wait for ever
  for (const std::string& text : options.seeds) MIEN_TRY(AddSeeds(text, faces));
  for (const std::string& path : options.codes) {
    Status read = AddCodes(session, path, generator, faces);
    if (read.ok()) continue;
    Face face;
    face.name = ResultName(path);
    face.input = path;
    face.problem = std::move(read);
    faces.push_back(std::move(face));
  }
  return faces;
}

bool IsSeed(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

Result<Face> SelectFace(const Session& session, const std::string& text, const GeneratorConfig& generator) {
  std::vector<Face> faces;
  MIEN_TRY(IsSeed(text) ? AddSeeds(text, faces) : AddCodes(session, text, generator, faces));
  if (faces.size() != 1)
    return Status::Error(Code::kUsage, "%s: one code expected, the file has %zu", InputName(text).c_str(),
                         faces.size());
  return std::move(faces[0]);
}

bool TruncationWorks(Session& session, const GeneratorConfig& generator, float psi, int cutoff) {
  char given[32];
  std::snprintf(given, sizeof given, "--psi %g", static_cast<double>(psi));
  const bool truncates = psi != 1.0f && Truncates(generator, psi);
  if (psi != 1.0f && !truncates) WithoutEffect(session, given, "this generator truncates below 1 only");
  if (truncates && cutoff == 0) WithoutEffect(session, given, "--psi-cutoff 0 truncates no row");
  if (!truncates && cutoff >= 0) WithoutEffect(session, "--psi-cutoff", "there is no --psi that truncates");
  return truncates && cutoff != 0;
}

void ChooseMapping(Session& session, const CLI::App& verb, const FaceOptions& options,
                   const std::vector<Face>& faces, const GeneratorConfig& generator,
                   PipelineOptions* pipeline, nlohmann::json* record) {
  if (std::ranges::none_of(faces, [](const Face& face) { return face.seed.has_value(); })) {
    for (const char* name : {"--psi", "--psi-cutoff", "--label"}) {
      if (verb.count(name) > 0) WithoutEffect(session, name, "it is for seeds, and there are none");
    }
    return;
  }
  pipeline->map = true;
  pipeline->psi = options.psi;
  pipeline->psi_cutoff = options.psi_cutoff;
  pipeline->label = options.label;
  if (options.label >= 0) (*record)["label"] = options.label;
  const bool works = TruncationWorks(session, generator, options.psi, options.psi_cutoff);
  (*record)["psi"] = works ? options.psi : 1.0f;
  if (works && options.psi_cutoff > 0) (*record)["psi_cutoff"] = options.psi_cutoff;
}

Status MakeCodes(Pipeline& pipeline, const Face& face, std::span<float> w_plus) {
  MIEN_TRY(face.problem);
  if (face.seed) return pipeline.FromSeed(*face.seed, w_plus);
  std::ranges::copy(face.w_plus, w_plus.begin());
  return {};
}

}  // namespace mien
