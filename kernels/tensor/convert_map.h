// Between images and maps.
#pragma once

#include "kernels/tensor/fast.h"

namespace mien {

// map = image, optionally times scale[n,c]. Channels of padding become zero.
struct ImportMap : NoWeights {
  struct Params {
    Weights weights;
    Precision precision = Precision::kHalf;
    int batch = 0, channels = 0, height = 0, width = 0;
    int scale_stride = 0;  // numbers from one sample's scales to the next
    bool operator==(const Params&) const = default;
  };
  enum Operand { kImage, kScale, kOperands };
  enum Result { kMap, kResults };
  static constexpr const char* kName = "import_map";
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params&) { return 0; }
  static FastCost Count(const Params& params);
};

// image = map.
struct ExportMap : NoWeights {
  struct Params {
    Weights weights;
    Precision precision = Precision::kHalf;
    int batch = 0, channels = 0, height = 0, width = 0;
    bool operator==(const Params&) const = default;
  };
  enum Operand { kMap, kOperands };
  enum Result { kImage, kResults };
  static constexpr const char* kName = "export_map";
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params&) { return 0; }
  static FastCost Count(const Params& params);
};

}  // namespace mien
