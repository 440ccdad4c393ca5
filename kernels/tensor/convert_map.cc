#include "kernels/tensor/convert_map.h"

namespace mien {
namespace {

template <class Params>
uint64_t ImageBytes(const Params& p) {
  return uint64_t{4} * static_cast<uint64_t>(p.batch) * static_cast<uint64_t>(p.channels) *
         static_cast<uint64_t>(p.height) * static_cast<uint64_t>(p.width);
}

template <class Params>
FastCost OneCopy(const Params& p) {
  const uint64_t map = MapBytes(p.precision, p.batch, p.height, p.width, p.channels);
  return {1, 0, static_cast<int64_t>(map + ImageBytes(p))};
}

}  // namespace

uint64_t ImportMap::ResultBytes(const Params& p, int) {
  return MapBytes(p.precision, p.batch, p.height, p.width, p.channels);
}
FastCost ImportMap::Count(const Params& p) { return OneCopy(p); }

uint64_t ExportMap::ResultBytes(const Params& p, int) { return ImageBytes(p); }
FastCost ExportMap::Count(const Params& p) { return OneCopy(p); }

}  // namespace mien
