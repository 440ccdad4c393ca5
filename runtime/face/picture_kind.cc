#include "runtime/face/picture_kind.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace mien {
namespace {

using std::string_view_literals::operator""sv;

constexpr char kMagick[] = "convert it to PNG, e.g. with ImageMagick: magick PHOTO photo.png";
constexpr char kHeif[] = "convert it to PNG, e.g. with libheif: heif-convert PHOTO photo.png";
constexpr char kAvif[] = "convert it to PNG, e.g. with libavif: avifdec PHOTO photo.png";
constexpr char kJxl[] = "convert it to PNG, e.g. with libjxl: djxl PHOTO photo.png";
constexpr char kRaw[] = "develop it to PNG, e.g. with darktable: darktable-cli PHOTO photo.png";
constexpr char kPdf[] =
    "take its picture out as PNG, e.g. with poppler: pdftoppm -png -r 300 -singlefile PHOTO photo";
constexpr char kVideo[] =
    "take one picture out of it as PNG, e.g. with ffmpeg: ffmpeg -i PHOTO -frames:v 1 photo.png";
constexpr char kModel[] = "photos stand after the verb, models after -m, checkpoints after convert";
constexpr char kArchive[] = "unpack it, and give the pictures inside";
constexpr char kAgain[] = "it has not arrived as it was sent: fetch the picture itself again";

struct Kind {
  size_t at;
  std::string_view magic;
  const char* what;
  const char* advice;
};

// In the order in which they are tried: the more exact before the less.
constexpr Kind kKinds[] = {
    {0, "\x89PNG"sv, "a PNG picture with a damaged signature, as a transfer as text leaves it", kAgain},
    {0, "GIF8"sv, "a GIF picture", kMagick},
    {8, "WEBP"sv, "a WebP picture", "convert it to PNG, e.g. with libwebp: dwebp PHOTO -o photo.png"},
    {0, "BM"sv, "a BMP picture", kMagick},
    {8, "CR\x02"sv, "a camera's raw file (Canon CR2)", kRaw},
    {0, "II*\0"sv, "a TIFF picture or a camera's raw file in that form (DNG, NEF, ARW)", kMagick},
    {0, "MM\0*"sv, "a TIFF picture or a camera's raw file in that form (DNG, NEF, PEF)", kMagick},
    {0, "II+\0"sv, "a BigTIFF picture", kMagick},
    {0, "MM\0+"sv, "a BigTIFF picture", kMagick},
    {0, "IIRO"sv, "a camera's raw file (Olympus ORF)", kRaw},
    {0, "IIRS"sv, "a camera's raw file (Olympus ORF)", kRaw},
    {0, "IIU\0"sv, "a camera's raw file (Panasonic RW2)", kRaw},
    {0, "FUJIFILMCCD-RAW"sv, "a camera's raw file (Fujifilm RAF)", kRaw},
    {0, "FOVb"sv, "a camera's raw file (Sigma X3F)", kRaw},
    {0, "\0MRM"sv, "a camera's raw file (Minolta MRW)", kRaw},
    {4, "ftypcrx"sv, "a camera's raw file (Canon CR3)", kRaw},
    {0, "\0\0\0\x0cJXL "sv, "a JPEG XL picture", kJxl},
    {0, "\xff\x0a"sv, "a JPEG XL picture", kJxl},
    {0, "\0\0\0\x0cjP  "sv, "a JPEG 2000 picture", kMagick},
    {0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 picture", kMagick},
    {0, "8BPS"sv, "a Photoshop document (PSD)", "save it as PNG"},
    {0, "gimp xcf"sv, "a GIMP document (XCF)", "export it as PNG"},
    {0, "\x8aMNG"sv, "an MNG animation", kMagick},
    {0, "\0\0\x01\0"sv, "an icon (ICO)", kMagick},
    {0, "qoif"sv, "a QOI picture", kMagick},
    {0, "\x76\x2f\x31\x01"sv, "an OpenEXR picture", kMagick},
    {0, "#?RADIANCE"sv, "a Radiance HDR picture", kMagick},
    {0, "%PDF"sv, "a PDF document", kPdf},
    {0, "%!PS"sv, "a PostScript document", kMagick},
    {0, "PK\x03\x04"sv, "a zip archive, as PyTorch checkpoints and .npz files are", kModel},
    {0, "\x93NUMPY"sv, "a NumPy array (.npy)", kModel},
    {8, "{\""sv, "a model or tensor file (safetensors)", kModel},
    {0, "\x1f\x8b"sv, "a gzip archive", kArchive},
    {0, "7z\xbc\xaf"sv, "a 7-Zip archive", kArchive},
    {0, "Rar!"sv, "a RAR archive", kArchive},
    {0, "\x1a\x45\xdf\xa3"sv, "a video (Matroska or WebM)", kVideo},
    {8, "AVI "sv, "a video (AVI)", kVideo},
    {0, "version https://git-lfs"sv, "a git-lfs pointer, not the file it stands for",
     "git lfs pull fetches the file"},
};

// P1 to P7 and white space: the family of PPM.
bool IsPnm(std::string_view file) {
  return file.size() >= 3 && file[0] == 'P' && file[1] >= '1' && file[1] <= '7' &&
         " \t\r\n"sv.find(file[2]) != std::string_view::npos;
}

// A pickle of protocol 2 to 5.
bool IsPickle(std::string_view file) {
  return file.size() >= 2 && file[0] == '\x80' && file[1] >= 2 && file[1] <= 5;
}

// ISO media: the brands stand after "ftyp", the first one before a version.
const Kind* MediaKind(std::string_view file) {
  static constexpr Kind kAvifKind = {4, {}, "an AVIF picture", kAvif},
                        kHeicKind = {4, {}, "a HEIC picture", kHeif},
                        kVideoKind = {4, {}, "a video (MP4 or QuickTime)", kVideo};
  if (file.size() < 12 || file.substr(4, 4) != "ftyp") return nullptr;
  bool picture = false;
  for (size_t at = 8; at + 4 <= file.size() && at < 64; at += at == 8 ? 8 : 4) {
    const std::string_view brand = file.substr(at, 4);
    if (brand == "avif" || brand == "avis") return &kAvifKind;
    if (brand.starts_with("hei") || brand.starts_with("hev")) return &kHeicKind;
    picture |= brand == "mif1" || brand == "msf1";
  }
  return picture ? &kHeicKind : &kVideoKind;
}

// Text that begins, after white space and a byte-order mark, with a tag.
const Kind* MarkupKind(std::string_view file) {
  static constexpr Kind kSvg = {0,
                                {},
                                "an SVG drawing",
                                "draw it as PNG, e.g. with librsvg: rsvg-convert PHOTO -o photo.png"},
                        kHtml = {0, {}, "a web page (HTML)", kAgain},
                        kXml = {0, {}, "an XML document", kAgain};
  if (file.starts_with("\xef\xbb\xbf")) file.remove_prefix(3);
  while (!file.empty() && std::isspace(static_cast<unsigned char>(file[0]))) file.remove_prefix(1);
  if (!file.starts_with('<')) return nullptr;
  char lower[512];
  const size_t count = std::min(file.size(), sizeof lower);
  for (size_t i = 0; i < count; ++i)
    lower[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(file[i])));
  const std::string_view text(lower, count);
  const auto has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
  if (has("<svg")) return &kSvg;
  if (has("<html") || has("<!doctype html") || has("<head") || has("<body")) return &kHtml;
  return &kXml;
}

const Kind* KindOf(std::string_view file) {
  static constexpr Kind kPnm = {0, {}, "a PPM, PGM, PBM or PAM picture", kMagick},
                        kPickle = {0, {}, "a pickle, as older checkpoints are", kModel};
  for (const Kind& kind : kKinds) {
    if (file.size() >= kind.at && file.substr(kind.at).starts_with(kind.magic)) return &kind;
  }
  if (const Kind* kind = MediaKind(file)) return kind;
  if (const Kind* kind = MarkupKind(file)) return kind;
  return IsPnm(file) ? &kPnm : IsPickle(file) ? &kPickle : nullptr;
}

}  // namespace

Result<PictureKind> KindOfPicture(std::span<const std::byte> first) {
  const std::string_view file(reinterpret_cast<const char*>(first.data()), first.size());
  if (file.starts_with("\x89PNG\r\n\x1a\n"sv)) return PictureKind::kPng;
  if (file.starts_with("\xff\xd8\xff"sv)) return PictureKind::kJpeg;
  if (file.empty()) return Status::Error(Code::kFailure, "an empty file, a PNG or JPEG picture expected");
  if (const Kind* kind = KindOf(file))
    return Status::Error(Code::kFailure, "%s, PNG or JPEG expected; %s", kind->what, kind->advice);
  return Status::Error(Code::kFailure,
                       "neither a PNG nor a JPEG picture, nor another kind of file that is known by its first bytes");
}

}  // namespace mien
