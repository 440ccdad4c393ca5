// What made a picture, as it stands in the picture's file: the program and the library write the same (docs/use.md).
#pragma once

#include <string>
#include <vector>

#include "runtime/face/image.h"
#include "runtime/face/likeness.h"

namespace mien {

// How an edit was made. What is empty, false or 0 is not stated, but for `set` and `add`.
struct EditRecord {
  std::vector<std::string> set, add;  // as ParseEdit takes them: "smile=1.5"
  std::string layers;                 // as ParseRows takes them
  float strength = 1.0f;              // stated below 1
  std::vector<std::string> until;     // scores that were sought: "smile=0.8"
  double identity_below = 0.0;        // the distance that was not to be reached
  std::string noise;  // "const", "none"
  int preview = 0;
  bool aligned = false;        // nothing was searched
  std::string face, detector;  // how the face was chosen and searched
  bool crop = false;
  std::string paste;                   // NameOf(PasteMode)
  std::string model;                   // its fingerprint
  int quality = 0;                     // of JPEG
  std::vector<EditLikeness> likeness;  // of each face
};
// A JSON object, its names in alphabetical order, distances in thousandths. ASCII expected.
std::string ToJson(const EditRecord& record);

// IPTC's digital source types: of what was made from a photo or from codes, and of what was made from nothing.
inline constexpr char kEditedSourceType[] =
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";
inline constexpr char kMadeSourceType[] = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
// The program, the parameters (a JSON object) and the mark of synthetic media.
std::vector<PictureText> ProvenanceTexts(std::string parameters, bool edited);

}  // namespace mien
