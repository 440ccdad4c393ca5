// ldmatrix and mma.sync on the host: executed when all 32 lanes have arrived, with the fragment layouts of
// kernels/cuda/fragment.h.
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cuda/fragment.h"
#include "kernels/simt/state.h"

namespace mien::simt {
namespace {

float FromHalf(uint16_t bits) {
  static const std::vector<float> table = [] {
    std::vector<float> values(65536);
    for (uint32_t i = 0; i < 65536; ++i) values[i] = HalfToFloat(static_cast<uint16_t>(i));
    return values;
  }();
  return table[bits];
}
float Low(uint32_t pair) { return FromHalf(static_cast<uint16_t>(pair)); }
float High(uint32_t pair) { return FromHalf(static_cast<uint16_t>(pair >> 16)); }

// The tensor core ignores the 13 low bits of a tf32 operand.
float FromTf32(uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); }

struct MatricesPayload {
  uint32_t* registers;
  const std::byte* row;
  int count;
  bool transposed;
  uint32_t site;
};

void CombineMatrices(void* const payload[kWarpLanes], uint32_t) {
  const auto of = [&](int lane) { return static_cast<MatricesPayload*>(payload[lane]); };
  const int first = TheState().current / kWarpLanes * kWarpLanes;
  for (int m = 0; m < of(0)->count; ++m) {
    uint16_t matrix[8][8];
    for (int row = 0; row < 8; ++row) {
      const MatricesPayload& source = *of(m * 8 + row);
      RecordAccessBy(first + m * 8 + row, source.row, sizeof(matrix[row]), AccessKind::kRead, source.site);
      std::memcpy(matrix[row], source.row, sizeof(matrix[row]));
    }
    for (int lane = 0; lane < kWarpLanes; ++lane) {
      const int a = lane / 4, b = lane % 4 * 2;
      const uint16_t low = of(0)->transposed ? matrix[b][a] : matrix[a][b];
      const uint16_t high = of(0)->transposed ? matrix[b + 1][a] : matrix[a][b + 1];
      of(lane)->registers[m] = uint32_t{high} << 16 | low;
    }
  }
}

struct MultiplyPayload {
  float* d;
  const uint32_t *a, *b;
  const float* c;
};

// d = c + a b for fragments unpacked into matrices of kK columns; exact products, float sums in the order of
// k.
template <int kK>
void MultiplyTile(const float (&a)[16][kK], const float (&b)[kK][8], void* const payload[kWarpLanes]) {
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const auto* own = static_cast<MultiplyPayload*>(payload[lane]);
    for (int i = 0; i < 4; ++i) {
      const Element at = FragmentC(lane, i);
      float sum = own->c[i];
      for (int k = 0; k < kK; ++k) sum += a[at.row][k] * b[k][at.column];
      own->d[i] = sum;
    }
  }
}

void CombineHalf(void* const payload[kWarpLanes], uint32_t) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const auto* own = static_cast<MultiplyPayload*>(payload[lane]);
    for (int r = 0; r < 4; ++r) {
      const Element low = FragmentAHalf(lane, 2 * r), high = FragmentAHalf(lane, 2 * r + 1);
      a[low.row][low.column] = Low(own->a[r]);
      a[high.row][high.column] = High(own->a[r]);
    }
    for (int r = 0; r < 2; ++r) {
      const Element low = FragmentBHalf(lane, 2 * r), high = FragmentBHalf(lane, 2 * r + 1);
      b[low.row][low.column] = Low(own->b[r]);
      b[high.row][high.column] = High(own->b[r]);
    }
  }
  MultiplyTile(a, b, payload);
}

void CombineTf32(void* const payload[kWarpLanes], uint32_t) {
  float a[16][8], b[8][8];
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const auto* own = static_cast<MultiplyPayload*>(payload[lane]);
    for (int r = 0; r < 4; ++r) {
      const Element at = FragmentATf32(lane, r);
      a[at.row][at.column] = FromTf32(own->a[r]);
    }
    for (int r = 0; r < 2; ++r) {
      const Element at = FragmentBTf32(lane, r);
      b[at.row][at.column] = FromTf32(own->b[r]);
    }
  }
  MultiplyTile(a, b, payload);
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
  MatricesPayload payload = {registers, static_cast<const std::byte*>(row), count, transposed,
                             SiteOfPlace(where)};
  Meet("ldmatrix", kAllLanes, &payload, CombineMatrices, where);
}

void MultiplyHalf(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4], Where where) {
  MultiplyPayload payload = {d, a, b, c};
  Meet("mma.m16n8k16", kAllLanes, &payload, CombineHalf, where);
}

void MultiplyTf32(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4], Where where) {
  MultiplyPayload payload = {d, a, b, c};
  Meet("mma.m16n8k8", kAllLanes, &payload, CombineTf32, where);
}

}  // namespace mien::simt
