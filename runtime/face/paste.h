// An edited face back into its photo: through the inverse of the transform that cut it out (align.h), at the photo's
// own resolution, under a soft mask. What the mask leaves out keeps its bits (runtime/README.md, "Back into the
// photo").
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/thread_pool.h"
#include "runtime/face/align.h"
#include "runtime/face/editor.h"

namespace mien {

enum class PasteMode : uint8_t {
  kReplace,     // the edited face itself, its colours moved smoothly to those of the photo
  kDifference,  // what the edit changed: edited - reconstruction, without what is small; the face itself where it is
                // large
};

const char* NameOf(PasteMode mode);  // "replace", "difference"
// "auto": none; kUsage: another text.
Result<std::optional<PasteMode>> ParsePaste(const std::string& text);

// The mode that came closer to the truth for such edits (bench/RESULTS.md): kReplace for those that turn the head, and
// without edits, where the reconstruction is wanted.
PasteMode AutoPaste(std::span<const Edit> edits, const FlowConfig& flow);

// The mask at fractions u, v of the square's sides: 1 within, 0 at its border and beyond.
double PasteMask(double u, double v);

// `edited` and `reconstruction` are the generator's pictures of the edited and the unedited code (without an edit the
// same one), squares of one size of 4 pixels or more. What the square has beyond the photo's border is not drawn. The
// same bits with any pool; null: the calling thread alone. kUsage, with nothing drawn: the pictures; a square that is
// not finite, has sides below 4 pixels or hardly an area.
Status PasteFace(const Image& edited, const Image& reconstruction, const SquarePlace& place, PasteMode mode,
                 Image* photo, ThreadPool* pool = nullptr);

}  // namespace mien
