#include "tools/formats.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

namespace mien {
namespace {

struct Writable {
  const char* what;
  std::vector<std::string> endings;  // the first is the kind's own
  std::vector<std::string> neutral;  // endings of weights in general, taken for the kind's own
};

const Writable& WritableAs(FileKind kind) {
  static const Writable pictures = {"pictures", {".png", ".jpg", ".jpeg"}, {}};
  static const Writable tensors = {"tensors and codes", {".safetensors", ".npz", ".npy"}, {}};
  static const Writable models = {"models", {".safetensors"}, {".pt", ".pth", ".pkl", ".ckpt"}};
  static const Writable drawings = {"drawings", {".svg"}, {}};
  static const Writable pages = {"pages", {".html", ".htm"}, {}};
  switch (kind) {
    case FileKind::kPage:
      return pages;
    case FileKind::kPicture:
      return pictures;
    case FileKind::kTensors:
      return tensors;
    case FileKind::kModel:
      return models;
    case FileKind::kDrawing:
      return drawings;
  }
  return tensors;
}

// Endings by which people and programs know a format. What is missing here counts as no ending.
constexpr std::string_view kKnown[] = {
    // pictures, drawings, films
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".jxl", ".webp", ".avif", ".heic",
    ".heif", ".hif", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".ico", ".ppm", ".pgm", ".pbm", ".pnm", ".pam",
    ".tga", ".exr", ".hdr", ".psd", ".xcf", ".qoi", ".dds", ".dng", ".cr2", ".nef", ".arw", ".raw", ".svg",
    ".svgz", ".pdf", ".eps", ".ps", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm",
    // tensors and models
    ".safetensors", ".npz", ".npy", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".hdf5", ".mat",
    ".onnx", ".tflite", ".pb", ".gguf", ".ggml", ".msgpack", ".joblib", ".mlmodel", ".engine",
    // texts and archives
    ".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml", ".html", ".htm",
    ".log", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"};

// A name that is an ending and nothing else (".jpg", what "$name.jpg" becomes without a name) counts as one.
std::string EndingOf(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  std::string ending = name.substr(std::min(name.rfind('.'), name.size()));
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return ending;
}

bool IsKnown(const std::string& ending) { return std::ranges::find(kKnown, ending) != std::end(kKnown); }

}  // namespace

Result<std::string> FormatOf(FileKind kind, const std::string& path) {
  if (path == "-" && kind != FileKind::kPicture)
    return Status::Error(Code::kUsage, "only pictures are written to stdout; a file expected");
  const Writable& writable = WritableAs(kind);
  const std::string ending = EndingOf(path);
  if (std::ranges::find(writable.endings, ending) != writable.endings.end()) return ending;
  if (!IsKnown(ending) || std::ranges::find(writable.neutral, ending) != writable.neutral.end())
    return writable.endings[0];
  std::string can;
  for (size_t i = 0; i < writable.endings.size(); ++i) {
    if (i > 0) can += i + 1 < writable.endings.size() ? ", " : " or ";
    can += writable.endings[i];
  }
  return Status::Error(Code::kUsage, "%s: %s are written as %s, not as %s", path.c_str(), writable.what,
                       can.c_str(), ending.c_str());
}

bool NamesFile(const std::string& path) { return IsKnown(EndingOf(path)); }

}  // namespace mien
