#include "weights/import/other_files.h"

#include <algorithm>

#include "weights/header.h"

namespace mien {
namespace {

using namespace std::string_view_literals;

struct Magic {
  size_t at;
  std::string_view bytes;
  const char* what;
};

constexpr Magic kMagics[] = {
    {0, "version https://git-lfs"sv,
     "a git-lfs pointer, which stands for the file: `git lfs pull` fetches it"},
    {0, "\x1f\x8b"sv, "a gzip archive: unpack it and give what is inside"},
    {0, "BZh"sv, "a bzip2 archive: unpack it and give what is inside"},
    {0, "\xfd\x37zXZ\0"sv, "an xz archive: unpack it and give what is inside"},
    {0, "\x28\xb5\x2f\xfd"sv, "a zstd archive: unpack it and give what is inside"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive: unpack it and give what is inside"},
    {0, "Rar!\x1a\x07"sv, "a RAR archive: unpack it and give what is inside"},
    {257, "ustar"sv,
     "a tar archive: unpack it and give what is inside (torch before 0.2 wrote such files: load and save "
     "them with a newer one)"},
    {0, "PK\x05\x06"sv, "an empty zip archive"},
    {0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras); a torch or NVIDIA checkpoint is expected"},
    {4, "TFL3"sv, "a TensorFlow Lite model; a torch or NVIDIA checkpoint is expected"},
    {0, "GGUF"sv, "a GGUF model; a torch or NVIDIA checkpoint is expected"},
    {0, "\x89PNG\r\n\x1a\n"sv, "a picture (PNG)"},
    {0, "\xff\xd8\xff"sv, "a picture (JPEG)"},
    {0, "%PDF-"sv, "a PDF document"},
    {0,
     "\x7f"
     "ELF"sv,
     "a program (ELF)"},
};

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

std::string FirstLine(std::string_view text) {
  const size_t begin = std::min(text.size(), text.find_first_not_of(" \t\r\n"));
  return Printable(text.substr(begin, std::min<size_t>(80, text.find_first_of("\r\n", begin) - begin)));
}

// The same of a text whose first line may be a bracket: its lines in one.
std::string Beginning(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n\0"sv) + 1);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return FirstLine(text);
}

// With its title, which often says what went wrong.
std::string WebPage(const std::string& start) {
  const std::string lower = Lower(start);
  const size_t begin = lower.find("<title>"), end = lower.find("</title>");
  std::string what = "a web page (HTML";
  if (begin != start.npos && end != start.npos && end > begin + 7) {
    what += ", \"" + FirstLine(start.substr(begin + 7, end - begin - 7)) + "\"";
  }
  return what +
         "), which the server sent in place of the file: fetch it again, by its direct link or in a browser";
}

// A protocol buffer whose first field is ir_version, followed by the name of the program that wrote it.
bool LooksLikeOnnx(std::string_view start) {
  return start.size() > 16 && start[0] == '\x08' && start[1] > 0 && start[1] < 32 && start[2] == '\x12' &&
         start.substr(4, static_cast<unsigned char>(start[3]))
                 .find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._- ") ==
             start.npos;
}

// The first thing that NVIDIA's pickles of TensorFlow networks ask for.
bool LooksLikeTensorFlow(std::string_view start) {
  const size_t at = start.substr(0, 256).find("dnnlib.tflib.network");
  return at != start.npos && start.substr(at, 64).find("Network") != start.npos;
}

// The end record lies in the last 22 bytes, or before a comment of at most 65,535.
Result<bool> HasEndRecord(const ByteSource& source) {
  std::string end(std::min<uint64_t>(source.size(), 22 + 65535), '\0');
  MIEN_TRY(source.ReadAt(source.size() - end.size(), std::as_writable_bytes(std::span(end))));
  return end.find("PK\x05\x06") != end.npos;
}

}  // namespace

Result<std::string> NameOtherFile(const ByteSource& source) {
  std::string start(std::min<uint64_t>(source.size(), 4096), '\0');
  if (start.empty()) return std::string("an empty file");
  MIEN_TRY(source.ReadAt(0, std::as_writable_bytes(std::span(start))));
  for (const Magic& magic : kMagics) {
    if (start.size() >= magic.at && std::string_view(start).substr(magic.at).starts_with(magic.bytes)) {
      return std::string(magic.what);
    }
  }
  if (start.starts_with("PK\x03\x04")) {
    MIEN_ASSIGN(const bool whole, HasEndRecord(source));
    return whole ? std::string() : std::string("a zip archive without its end: the download is not complete");
  }
  const std::string head =
      Lower(start.substr(std::min(start.size(), start.find_first_not_of("\xef\xbb\xbf \t\r\n"))));
  for (const char* opening : {"<!doctype html", "<html", "<head", "<!--"}) {
    if (head.starts_with(opening)) return WebPage(start);
  }
  if (head.starts_with("<?xml")) {
    return "an answer of the server (XML), which begins \"" + Beginning(start) + "\": fetch the file again";
  }
  if (LooksLikeTensorFlow(start)) {
    return std::string(
        "a TensorFlow network (dnnlib.tflib.network.Network), which only TensorFlow can read: convert it "
        "with NVIDIA's "
        "stylegan2-ada-pytorch (legacy.py) or rosinality's convert_weight.py and give the result");
  }
  if (LooksLikeOnnx(start)) return std::string("an ONNX model; a torch or NVIDIA checkpoint is expected");
  if (start.find_first_not_of('\0') == start.npos) {
    return std::string("nothing but zeros at its beginning: a download that was not finished");
  }
  const bool text = std::all_of(start.begin(), start.end(), [](unsigned char c) {
    return (c >= 0x20 && c != 0x7f) || c == '\t' || c == '\r' || c == '\n';
  });
  const std::string shown = Beginning(start);
  while (!start.empty() && static_cast<unsigned char>(start.back()) >= 0x80)
    start.pop_back();  // it may be cut there
  if (text && IsValidUtf8(start))
    return (head.starts_with('{') ? "a JSON text" : "a text") + std::string(", which begins \"") + shown +
           "\"";
  return std::string();
}

}  // namespace mien
