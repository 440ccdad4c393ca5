// ldmatrix and mma.sync on the host: executed when all 32 lanes have arrived.
#include "kernels/device/instructions.h"
#include "kernels/device/simt/state.h"

namespace mien::simt {
namespace {

struct MatricesPayload {
  MatrixLane lane;
  int count;
  bool transposed;
  uint32_t site;
};

void CombineMatrices(void* const payload[kWarpLanes], uint32_t) {
  const auto& how = *static_cast<MatricesPayload*>(payload[0]);
  const int first = TheState().current / kWarpLanes * kWarpLanes;
  MatrixLane lanes[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    const auto& own = *static_cast<MatricesPayload*>(payload[lane]);
    lanes[lane] = own.lane;
    if (lane < 8 * how.count) RecordAccessBy(first + lane, own.lane.row, 16, AccessKind::kMatrixRead, own.site);
  }
  LoadMatrixTiles(lanes, how.count, how.transposed);
}

template <auto factors_of>
void CombineMultiply(void* const payload[kWarpLanes], uint32_t) {
  MultiplyLane lanes[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = *static_cast<MultiplyLane*>(payload[lane]);
  MultiplyTiles(factors_of(lanes), lanes);
}

}  // namespace

void LoadMatrices(uint32_t* registers, const void* row, int count, bool transposed, Where where) {
  State& s = TheState();
  if (s.current % kWarpLanes < 8 * count) {  // the other lanes' addresses are not used
    CheckAligned(row, 16, where);
    const auto offset = static_cast<size_t>(static_cast<const std::byte*>(row) - s.arena);
    if (offset >= s.arena_bytes || FindShared(offset, 16) == nullptr)
      Trap(where, "ldmatrix: a row outside shared memory");
  }
  MatricesPayload payload = {{row, registers}, count, transposed, SiteOfPlace(where)};
  Meet("ldmatrix", kAllLanes, &payload, CombineMatrices, where);
}

void MultiplyHalf(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4], Where where) {
  MultiplyLane payload = {d, a, b, c};
  Meet("mma.m16n8k16", kAllLanes, &payload, CombineMultiply<HalfFactors>, where);
}

void MultiplyTf32(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4], Where where) {
  MultiplyLane payload = {d, a, b, c};
  Meet("mma.m16n8k8", kAllLanes, &payload, CombineMultiply<Tf32Factors>, where);
}

}  // namespace mien::simt
