// Where a photo was taken, as its EXIF and XMP say it.
#pragma once

#include "runtime/face/image.h"

namespace mien {

bool TellsPlace(const Image& image);
// Takes the place out of EXIF; XMP that has it goes as a whole.
void DropPlace(Image* image);

}  // namespace mien
