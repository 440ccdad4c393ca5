// Edits of the faces of one photo, which come back into it: cut out, encoded, edited, drawn, measured, pasted. What
// does not depend on the edit is computed once.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "runtime/face/likeness.h"
#include "runtime/face/paste.h"
#include "runtime/face/photo_face.h"
#include "runtime/face/pipeline.h"

namespace mien {

struct PhotoEditOptions {
  std::vector<bool> rows;      // of w_plus that may change (ParseRows)
  float strength = 1.0f;       // 0..1, see Blend
  uint64_t noise_seed = 0;
  std::optional<PasteMode> paste;  // none: AutoPaste
  bool crop = false;               // the edited face alone, as the generator draws it; of one face
  bool likeness = false;           // is measured
  bool scores = false;             // of the attribute classifier are asked for, which the pipeline then has
  // May change how a face is edited, whose codes it gets; null: nothing does.
  std::function<Status(std::span<const float> codes, std::vector<Edit>* edits, float* strength)> adjust = {};
  // What becomes of the codes [L,D] of a face (by its place in Take's list) after the edits; null: nothing.
  std::function<Status(size_t face, std::span<float> w_plus)> exchange = {};
  // Brings the code [L,D] of a face closer to its square, which has the generator's size or that of the encoder's crop,
  // whichever is larger; the square of an aligned photo is as it is. Called behind the encoder (stage "refine").
  std::function<Status(const Image& square, std::span<float> w_plus)> refine = nullptr;
};

struct EditedFace {
  bool as_it_is = false;                 // FaceCrop::as_it_is
  std::optional<EditLikeness> likeness;  // where it is measured
  std::vector<double> scores_before, scores_after;  // of the reconstruction and the edit, where they are asked for
};

class PhotoEditor {
 public:
  // The pipeline encodes, edits and synthesizes; the networks describe faces where likeness is measured, else they may
  // be null. Both outlive the editor. `announce` is called before each stage ("encode", "refine", "edit",
  // "synthesize", "compare", "paste"), and what it answers but success ends the edit.
  PhotoEditor(Pipeline& pipeline, FaceNetworks* networks, PhotoEditOptions options,
              std::function<Status(const char* stage)> announce = {});

  // The faces of the photo that follows; an empty list: it is aligned, and its centre square is the face.
  void Take(std::vector<PhotoFace> faces);

  // *photo becomes the edited photo, or with `crop` the edited face. To be called with copies of one photo for several
  // edits of it: each gives the bytes that it gives alone. Faces are edited one after the other; what the earlier one
  // changed is photo to the later one. After an error *photo may be used for nothing. kUsage: crop of several faces;
  // the others are those of CutFace, Pipeline, CompareEdit and PasteFace.
  Result<std::vector<EditedFace>> EditPhoto(const std::vector<Edit>& edits, Image* photo);

 private:
  // A face before the edit.
  struct Unedited {
    Image crop;  // none yet: 0 x 0
    std::vector<float> codes;
    Image reconstruction;
    std::vector<float> crop_descriptor, reconstruction_descriptor;
    std::vector<double> scores;
  };
  Status Announce(const char* stage) const;
  Status Encode(Image crop, const Image& photo, size_t number, Unedited* face);
  Result<Image> Draw(size_t number, const std::vector<Edit>& edits, float strength);

  Pipeline& pipeline_;
  FaceNetworks* const networks_;
  const PhotoEditOptions options_;
  const std::function<Status(const char*)> announce_;
  std::vector<PhotoFace> faces_;
  std::vector<Unedited> unedited_;  // of each face; of an aligned photo one
};

}  // namespace mien
