// The faces that `mien evaluate` edits: photos, data of `mien train`, seeds and saved codes; and how they are sorted.
#pragma once

#include <string>
#include <vector>

#include "runtime/evaluate/summary.h"
#include "tools/faces.h"
#include "tools/photo_faces.h"

namespace mien {

struct FacesToEvaluate {
  std::vector<std::string> data, photos;
  SearchOptions search;  // of the photos
  FaceOptions made;
  int most = 0;  // 0: all
};
void AddFacesToEvaluate(CLI::App& verb, FacesToEvaluate& options);

struct EvaluatedFaces {
  std::vector<std::string> names;
  std::vector<float> codes;         // [N,L,D]
  std::vector<Image> squares;       // that the first faces, which are of photos, were encoded from
  std::vector<Grouping> groupings;  // where labels are known
};
// Of more faces than are wanted some are taken, evenly spread over the list. A photo without a face is warned of and
// left out. `squares`: how many are kept at the most.
Result<EvaluatedFaces> ReadFaces(Session& session, const FacesToEvaluate& options,
                                 const std::shared_ptr<const ModelFile>& model, const RunOptions& run,
                                 const PhotoFaces& finder, size_t squares);

}  // namespace mien
