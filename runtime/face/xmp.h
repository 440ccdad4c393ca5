// Texts about a picture in an XMP packet, a document of RDF that PNG and JPEG files hold alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/face/image.h"

namespace mien {

// With the keywords of image.h; other texts have no place in it. Without control characters. `photo`: a packet as
// KeptXmp gives it, which stays around them, or empty.
std::string XmpPacket(const std::vector<PictureText>& texts, const std::string& photo = {});
// A packet without what would be wrong of the upright, edited picture: another orientation, thumbnails, a reference to
// more XMP elsewhere in the file. Empty, with a warning, where that cannot be taken out or nothing can be added.
std::string KeptXmp(std::string_view packet, std::vector<std::string>* warnings);
// The texts of a packet, also one that another program has written anew: each first property that has a keyword, as an
// element or an attribute. Nothing is made of a packet that is damaged.
std::vector<PictureText> TextsInXmp(std::string_view packet);

}  // namespace mien
