#include "tools/outputs.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>

#include "runtime/base/file.h"
#include "runtime/base/text.h"
#include "runtime/interrupt.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

Result<Image> ReadStdin() {
  std::vector<std::byte> bytes;
  std::byte part[1 << 16];
  size_t got;
  while ((got = std::fread(part, 1, sizeof part, stdin)) > 0) {
    bytes.insert(bytes.end(), part, part + got);
    if (bytes.size() > kMaxImageFileBytes)
      return Status::Error(Code::kFailure, "stdin: the picture is too large");
  }
  if (std::ferror(stdin)) return Status::Error(Code::kFailure, "stdin: %s", std::strerror(errno));
  auto image = DecodePng(bytes);
  if (!image.ok()) return image.status().Within("stdin");
  return image;
}

std::string FileName(const std::string& input, const std::string& extension) {
  return (input == "-" ? "stdin" : fs::path(input).stem().string()) + extension;
}

// The one name of an existing file; empty when there is none.
std::string RealPath(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  return error ? std::string() : real.string();
}

}  // namespace

PipelineOptions PipelineFor(const Session& session) {
  PipelineOptions options;
  options.backend = session.backend;
  options.precision = session.precision;
  options.exact = session.exact;
  options.memory = session.memory;
  options.device_graphs = session.graphs;
  options.threads = session.threads;
  options.max_memory = session.max_memory;
  options.stop = &InterruptFlag();
  return options;
}

void ReportChoices(const Session& session, const Pipeline& pipeline) {
  session.Detail("%s", pipeline.engine().backend().reason.c_str());
  session.Detail("%s", pipeline.engine().memory_reason().c_str());
}

void AddPreview(CLI::App& verb, int& resolution) {
  verb.add_option("--preview", resolution, "stop at this resolution: a smaller picture, sooner")
      ->type_name("R");
}

Result<Image> ReadPicture(const std::string& path) { return path == "-" ? ReadStdin() : ReadImage(path); }

Status WritePicture(const std::string& path, const Image& image, const std::vector<PngText>& texts) {
  if (path != "-") return WriteImage(path, image, texts);
  MIEN_ASSIGN(std::vector<std::byte> file, EncodePng(image, texts));
  if (std::fwrite(file.data(), 1, file.size(), stdout) != file.size() || std::fflush(stdout) != 0) {
    return Status::Error(Code::kFailure, "stdout: %s", std::strerror(errno));
  }
  return {};
}

Result<std::vector<std::string>> OutputPaths(const std::vector<std::string>& inputs, const std::string& out,
                                             const std::string& extension) {
  std::error_code error;
  std::vector<std::string> paths;
  const bool folder = inputs.size() > 1 || fs::is_directory(out, error) || out.ends_with('/');
  if (!folder) {
    paths = {out};
  } else {
    if (out == "-") return Status::Error(Code::kUsage, "several inputs need a folder as output, not stdout");
    fs::create_directories(out, error);
    if (!fs::is_directory(out, error)) {
      return Status::Error(Code::kUsage, "%s: several inputs need a folder as output", out.c_str());
    }
    for (const std::string& input : inputs)
      paths.push_back((fs::path(out) / FileName(input, extension)).string());
  }
  std::set<std::string> seen, taken;
  for (const std::string& input : inputs) taken.insert(RealPath(input));
  taken.erase(std::string());
  for (const std::string& path : paths) {
    if (!seen.insert(path).second) {
      return Status::Error(Code::kUsage, "%s: two inputs would be written there", path.c_str());
    }
    if (taken.contains(RealPath(path))) {
      return Status::Error(Code::kUsage, "%s: the output would replace an input", path.c_str());
    }
  }
  return paths;
}

std::vector<PngText> Provenance(const nlohmann::json& parameters, bool edited) {
  const std::string source = edited ? "compositeWithTrainedAlgorithmicMedia" : "trainedAlgorithmicMedia";
  return {{"Software", "mien " MIEN_VERSION},
          {"mien", parameters.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)},
          {"XML:com.adobe.xmp",
           "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
           "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
           "<rdf:Description xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">"
           "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/" +
               source + "</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"}};
}

void WarnUnaligned(const Session& session, const std::string& path, const Image& photo, int input_size) {
  if (photo.width == input_size && photo.height == input_size) return;  // taken for an aligned crop
  session.Warn("%s: no face is searched or aligned: the centre square of %d x %d pixels is taken as it is",
               path.c_str(), photo.width, photo.height);
}

Progress::Progress(const Session& session, size_t total)
    : shown_(!session.quiet && total > 1 && isatty(STDERR_FILENO)), total_(total) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::Step(const std::string& what) {
  ++done_;
  if (shown_) std::fprintf(stderr, "\r\033[K%zu/%zu %s", done_, total_, ForTerminal(what).c_str());
}

}  // namespace mien
