#include "runtime/face/metadata.h"

#include <utility>

#include "runtime/face/exif.h"

namespace mien {
namespace {

// exif:GPSLatitude and the like.
bool XmpTellsPlace(const std::string& xmp) { return xmp.find("GPS") != std::string::npos; }

}  // namespace

bool TellsPlace(const Image& image) { return ExifTellsPlace(image.exif) || XmpTellsPlace(image.xmp); }

void DropPlace(Image* image) {
  image->exif = ExifWithoutPlace(std::move(image->exif));
  if (XmpTellsPlace(image->xmp)) image->xmp.clear();
}

}  // namespace mien
