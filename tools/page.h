// Pages that need no other file: text as HTML, pictures as data.
#pragma once

#include <string>
#include <vector>

#include "runtime/face/image.h"

namespace mien {

// From <!DOCTYPE> to <body>.
std::string PageHead(const std::string& title);
inline constexpr char kPageEnd[] = "</body></html>\n";

// Names come from files: without control characters, and nothing in it is markup.
std::string Escaped(const std::string& text);

// The picture as the source of <img>: a JPEG whose longer side is at most `side`, with texts that tell what made it
// and nothing of what a camera wrote (EXIF, XMP).
Result<std::string> PictureData(const Image& picture, int side, const std::vector<PictureText>& texts);

// Such a picture with words below it; `kind` is a class of the head's styles ("small", "large").
std::string Figure(const std::string& data, const std::string& words, const char* kind = "small");

}  // namespace mien
