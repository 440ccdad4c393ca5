// Quantised tensors: whole numbers of 8 bits that stand for minimum + scale * number, computed in double and rounded to
// float, as the publisher of the face networks reads them. Nothing is rounded when such a tensor is stored as U8.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"

namespace mien {

struct Quantization {
  double scale = 1, minimum = 0;
  bool operator==(const Quantization&) const = default;

  float Value(uint8_t number) const { return static_cast<float>(number * scale + minimum); }
  // Both ends are finite floats; then all values are.
  bool IsFinite() const;
};

// Of the quantised tensors of a file, by name. As JSON: {"NAME":[scale,minimum],...}, in digits that read back as the
// same numbers. kRefused: anything else, and numbers that are not finite.
using Quantizations = std::map<std::string, Quantization>;
std::string QuantizationsToJson(const Quantizations& quantizations);
Result<Quantizations> QuantizationsFromJson(const std::string& json);

}  // namespace mien
