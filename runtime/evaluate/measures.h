// How far two pictures are apart, and two lists of numbers: what the public evaluation of PluGeN4Faces measures
// (docs/networks.md, "Image measures" and "Evaluation"). Pure functions; sums are in double, in the order of the
// elements.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mien {

// Of lists of one length that is not zero.
double MeanSquaredError(std::span<const float> a, std::span<const float> b);
// In dB, with the range of the original; infinite where the two are equal.
double Psnr(std::span<const float> original, std::span<const float> other);
// Structural similarity of pictures [C,height,width]. Not a number where they are smaller than the 11 pixels of its
// window, or both of one colour.
double Ssim(std::span<const float> a, std::span<const float> b, int width, int height);
// a . b / (|a| |b|).
double CosineSimilarity(std::span<const float> a, std::span<const float> b);

// The correlation of ranks; equal numbers share the mean of theirs. Not a number where a list has less than two
// numbers or all of one list are the same.
double Spearman(std::span<const double> a, std::span<const double> b);

double Mean(std::span<const double> values);  // of none: not a number

// Where the mean would lie, 95 times of 100, had other faces of the same kind been measured: the percentiles of the
// means of resampled lists. A function of the values and the seed.
struct Interval {
  double low, high;
};
Interval BootstrapOfMean(std::span<const double> values, uint64_t seed);

// Pictures [C,side,side] at another size as torch's adaptive average gives them: cell i of m has the mean of
// floor(i n / m) to ceil((i + 1) n / m) - 1. What is averaged is the square of `size` at (left, top).
void AverageCells(std::span<const float> in, int side, int left, int top, int size, int new_side, std::span<float> out);

}  // namespace mien
