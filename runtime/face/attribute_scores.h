// What the attribute classifier is shown, and how its answer is read (docs/networks.md, "Attribute classifier").
#pragma once

#include <span>
#include <string>

namespace mien {

// A picture [C,side,side] at another size as torch's bilinear interpolation gives it: corners not aligned, no
// antialiasing.
void ResizeBilinear(std::span<const float> in, int side, int new_side, std::span<float> out);

// A score within the range of what it means, as the public evaluation cuts it: gender and glasses 0 to 1, angles within
// half a turn; the others stay as they are.
double CutScore(const std::string& name, double score);

}  // namespace mien
