// Where the elements of tensor-core tiles live: register fragments of mma.sync (PTX ISA, "Matrix fragments
// for mma.m16n8k16" and "mma.m16n8k8"). Element i of a lane's fragment, half fragments counted in single
// halves. All maps are proven to be bijections when this is compiled.
#pragma once

namespace mien {

struct Element {
  int row, column;
};

// C and D, 16x8.
constexpr Element FragmentC(int lane, int i) { return {lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2}; }
// Halves: A 16x16, B 16x8.
constexpr Element FragmentAHalf(int lane, int i) {
  return {lane / 4 + i / 2 % 2 * 8, lane % 4 * 2 + i % 2 + i / 4 * 8};
}
constexpr Element FragmentBHalf(int lane, int i) { return {lane % 4 * 2 + i % 2 + i / 2 * 8, lane / 4}; }
// tf32: A 16x8, B 8x8.
constexpr Element FragmentATf32(int lane, int i) { return {lane / 4 + i % 2 * 8, lane % 4 + i / 2 * 4}; }
constexpr Element FragmentBTf32(int lane, int i) { return {lane % 4 + i * 4, lane / 4}; }

// Every element of a rows x columns tile belongs to exactly one (lane, i).
constexpr bool CoversOnce(Element (*map)(int, int), int per_lane, int rows, int columns) {
  bool seen[256] = {};
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < per_lane; ++i) {
      const Element e = map(lane, i);
      if (e.row < 0 || e.row >= rows || e.column < 0 || e.column >= columns ||
          seen[e.row * columns + e.column])
        return false;
      seen[e.row * columns + e.column] = true;
    }
  }
  return 32 * per_lane == rows * columns;
}
static_assert(CoversOnce(FragmentC, 4, 16, 8));
static_assert(CoversOnce(FragmentAHalf, 8, 16, 16));
static_assert(CoversOnce(FragmentBHalf, 4, 16, 8));
static_assert(CoversOnce(FragmentATf32, 4, 16, 8));
static_assert(CoversOnce(FragmentBTf32, 2, 8, 8));

}  // namespace mien
