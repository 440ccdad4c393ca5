// The public evaluation of PluGeN4Faces on one face after the other (docs/networks.md, "Evaluation"): for every goal
// and every method the value is searched at which the classifier's score crosses the threshold, and the edit is
// measured against what the generator makes of the unedited codes.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/evaluate/edit_judge.h"
#include "runtime/evaluate/edit_method.h"

namespace mien {

// What is measured of an edit, besides the classifier's scores.
enum class Measure : uint8_t { kDistance, kCosine, kArcFace, kMse, kPsnr, kSsim };
constexpr size_t kMeasures = 6;
// "distance" and "cosine" of the face recogniser, "arcface" the squared distance of the model's own recogniser, "mse",
// "psnr", "ssim".
extern const char* const kMeasureNames[kMeasures];

struct EditOutcome {
  bool there = false;    // the method has a way to make this edit
  bool reached = false;  // the score is past the threshold
  double value = 0.0;
  int tried = 0;                                // values, until it was found
  double seconds = 0.0;                         // that took; the one number that differs from run to run
  std::vector<double> scores;                   // of the edit
  std::array<double, kMeasures> measures = {};  // not a number: not available
};
struct FaceOutcome {
  std::vector<double> scores;      // before any edit
  std::vector<EditOutcome> edits;  // of method m and goal g: edits[m goals + g]
};

class Protocol {
 public:
  // All outlive the protocol; the networks describe faces (AddDescriptors).
  Protocol(EditJudge& judge, FaceNetworks& networks, std::vector<EditMethod*> methods, std::vector<EditGoal> goals,
           const SearchRules& rules);

  // Told of the unedited picture (-1, -1), then of each edit that was measured, as 8 bits; its error ends it all.
  using Watcher = std::function<Status(int method, int goal, const Image& picture)>;
  Result<FaceOutcome> Evaluate(std::span<const float> w_plus, const Watcher& watcher = {});

 private:
  struct Described {
    std::vector<float> picture, descriptor, embedding;
  };
  struct Wish {  // a value of a goal
    size_t goal;
    double value;
  };
  // Draws edits of the face that the method has, batches of them together; `take` gets each with its place in the list.
  Status DrawEdits(EditMethod& method, const std::vector<Wish>& wishes,
                   const std::function<Status(size_t, std::span<const float> picture, std::span<const double>)>& take);
  Status Search(EditMethod& method, std::span<EditOutcome> outcomes);
  Status MeasureEdits(EditMethod& method, const Described& before, std::span<EditOutcome> outcomes,
                      const std::function<Status(int, const Image&)>& show);
  Result<Described> Describe(std::span<const float> picture, Image* image);

  EditJudge& judge_;
  FaceNetworks& networks_;
  const std::vector<EditMethod*> methods_;
  const std::vector<EditGoal> goals_;
  const SearchRules rules_;
};

}  // namespace mien
