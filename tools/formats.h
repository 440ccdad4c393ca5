// The ending of a file's name says in which format a result is wanted.
#pragma once

#include <string>

#include "base/status.h"

namespace mien {

// What a result is: pictures become .png, .jpg or .jpeg, tensors and latent codes .safetensors, .npz or .npy, models
// .safetensors, drawings .svg, pages .html or .htm.
enum class FileKind { kPicture, kTensors, kModel, kDrawing, kPage };

// The format of a result of this kind that goes to `path`, as an ending in lower case: the one that the name
// asks for, in either case of letters, or the first of the kind where the name has no ending or one that
// stands for no known format (.mien, .model). A model may also be named like the checkpoints it comes from
// (.pt, .pth, .pkl, .ckpt). Usage error: a known format that is none of the kind's, naming what can be
// written; "-", stdout, for anything but a picture.
Result<std::string> FormatOf(FileKind kind, const std::string& path);

// Whether the name ends in any known format, written here or not. Such a name is never meant as a new folder.
bool NamesFile(const std::string& path);

}  // namespace mien
