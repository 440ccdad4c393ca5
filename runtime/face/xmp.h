// Texts about a picture in an XMP packet, a document of RDF that PNG and JPEG files hold alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/face/image.h"

namespace mien {

// Of the keywords below; other texts have no place in it. Without control characters.
std::string XmpPacket(const std::vector<PictureText>& texts);
// The texts of a packet, also one that another program has written anew: each first property that has a keyword, as an
// element or an attribute. Nothing is made of a packet that is damaged.
std::vector<PictureText> TextsInXmp(std::string_view packet);

}  // namespace mien
