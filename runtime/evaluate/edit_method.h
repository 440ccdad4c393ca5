// Ways to edit codes that can be compared: each takes the codes of a face, an attribute and a value, and gives other
// codes. What a value means is the method's own: a coordinate of the flow, a distance along a direction.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/evaluate/list_engine.h"
#include "runtime/evaluate/value_search.h"

namespace mien {

class EditMethod {
 public:
  virtual ~EditMethod() = default;
  virtual const char* name() const = 0;
  virtual bool Edits(const std::string& attribute) const = 0;
  // The goal with its change counted as this method's values are.
  virtual EditGoal Goal(const EditGoal& goal) const { return goal; }
  // The face that is edited until the next one; w_plus [L,D].
  virtual Status Take(std::span<const float> w_plus) = 0;
  // The value that the attribute has before the edit.
  virtual double Start(const std::string& attribute) const = 0;
  // Codes [N,L,D] of N edits of the face, each of one attribute.
  struct Move {
    std::string attribute;
    double value;
  };
  virtual Status Edit(std::span<const Move> moves, std::span<float> codes) = 0;
  // Of one edit of a face that was taken.
  virtual uint64_t multiply_adds() const = 0;
  virtual uint64_t bytes() const = 0;
};

// The model's flow: the attribute's coordinate of all rows is set. `rows`: of the generator.
Result<std::unique_ptr<EditMethod>> FlowMethod(const std::shared_ptr<WeightStore>& weights, const RunOptions& run,
                                               int rows, int batch);

// InterFaceGAN: w' = w + value n, with a direction n [L,D] for each attribute; values go as far as kLinearChange.
constexpr double kLinearChange = 5.0;
std::unique_ptr<EditMethod> LinearMethod(std::map<std::string, std::vector<float>> directions);

}  // namespace mien
