// Edits of which a face decides how large they are: --until and --keep-identity.
#pragma once

#include <span>
#include <vector>

#include "runtime/face/face_networks.h"
#include "runtime/face/pipeline.h"
#include "tools/edit_plan.h"

namespace mien {

class EditSearch {
 public:
  // All outlive the search. The pipeline has scores where the plan seeks one; the networks describe faces (null: the
  // plan names no distance).
  EditSearch(const Session& session, const EditPlan& plan, Pipeline& pipeline, FaceNetworks* networks)
      : session_(session), plan_(plan), pipeline_(pipeline), networks_(networks) {}

  // For the face with these codes: adds the edits that reach the scores one after the other, then lowers the strength
  // until the distance is kept. What was found is told by `found` and, where a score stays out of reach, by a warning.
  Status Adjust(std::span<const float> codes, uint64_t noise_seed, std::vector<Edit>* edits, float* strength);
  nlohmann::json TakeFound();  // of each face since the last call

 private:
  Status Reach(const EditPlan::Sought& sought, std::span<const float> codes, uint64_t noise_seed,
               std::vector<Edit>* edits, float strength, nlohmann::json* found);
  Status Keep(std::span<const float> codes, uint64_t noise_seed, const std::vector<Edit>& edits, float* strength,
              nlohmann::json* found);
  Result<Image> Draw(std::span<const float> codes, uint64_t noise_seed, const std::vector<Edit>& edits, float strength);

  const Session& session_;
  const EditPlan& plan_;
  Pipeline& pipeline_;
  FaceNetworks* const networks_;
  nlohmann::json found_ = nlohmann::json::array();
};

// Scores by name before and after an edit; of the attributes that were edited and of the others, the change.
nlohmann::json ScoresInJson(const std::vector<std::string>& names, const std::vector<double>& before,
                            const std::vector<double>& after, const FlowConfig& flow, const EditPlan& plan);

}  // namespace mien
