// The edit itself: which attribute coordinates of the flow's latent get which numbers, and which rows of
// w_plus may change. Pure functions on arrays; pipeline.h runs the networks around them.
//
// The flow of PluGeN4Faces (arXiv:2309.12033) puts attribute i into coordinate i of every row and the
// identity into the rest. An edit writes attribute coordinates and keeps every other number of the latent bit
// for bit.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "weights/config.h"

namespace mien {

struct Edit {
  enum class Mode : uint8_t {
    kSet,  // the coordinate becomes the value
    kAdd,  // the value is added to the coordinate
  };
  int attribute = 0;  // index into FlowConfig::attributes
  Mode mode = Mode::kSet;
  float value = 0.0f;    // normalised: -1 and +1 are the ends of the range seen in training
  bool natural = false;  // it was given in degrees or years
};

// natural: the value is in degrees (yaw, pitch, roll) or years (age) and is converted with the range stored
// in the model: set 2 (v - min) / (max - min) - 1, add 2 v / (max - min). kUsage names what is wrong.
Result<Edit> MakeEdit(const FlowConfig& flow, const std::string& attribute, Edit::Mode mode, float value,
                      bool natural);
// "smile=1.5" is normalised, "yaw=15deg" and "age=60y" are natural.
Result<Edit> ParseEdit(const FlowConfig& flow, const std::string& text, Edit::Mode mode);

// As ParseEdit takes it: "smile=1.5", "yaw=15deg".
std::string EditText(const std::string& attribute, float value, bool natural);

// All attributes with their training ranges where those have a unit: "gender, yaw (-35 to 35 deg), age (5 to 75 y)".
std::string AttributesInWords(const FlowConfig& flow);

// Past this, on the normalised scale, the generator makes no face any more; often a unit was left out.
constexpr float kFarValue = 3.0f;
struct FarValue {
  std::string what;     // "age=60 is 60 times the training range (-1 to 1)"
  std::string meant;    // "60 years", which was probably meant; empty: nothing else can be meant
  std::string written;  // "age=60y", as ParseEdit takes it
};
// The attributes that one of several edits of a face takes past kFarValue, each once, by its farthest value.
std::vector<FarValue> FarValues(const FlowConfig& flow, std::span<const std::vector<Edit>> edits);

// The rows an edit may change. "4-7", "3", "0-2,8": one flag per row; empty text: all.
Result<std::vector<bool>> ParseRows(const std::string& text, int rows);

// latent [N,L,D] in place: attribute coordinates of the chosen rows.
Status ApplyEdits(const FlowConfig& flow, const std::vector<Edit>& edits, const std::vector<bool>& rows,
                  std::span<float> latent);

// latent [N,L,D] in place: every number that is no attribute's becomes that of `person`, [N,L,D] as well.
Status TakeIdentity(const FlowConfig& flow, std::span<const float> person, std::span<float> latent);

// edited [N,L,D] in place: rows not chosen take the bits of `original`; chosen ones become
// original + strength (edited - original), strength in [0,1]; 1 leaves them as they are.
Status Blend(const FlowConfig& flow, const std::vector<bool>& rows, float strength, std::span<const float> original,
             std::span<float> edited);

}  // namespace mien
