// What every driver of cases does: draw the inputs, size the outputs, compute the reference, compare.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/case.h"

namespace mien {

using Arrays = std::vector<std::vector<float>>;
using Doubles = std::vector<std::vector<double>>;

struct Errors {
  double largest = 0.0, rms = 0.0;  // of found - exact; both over the rms of the exact values
};

// Whatever is not finite, on either side, makes both infinite. `Exact`: a container of floats or doubles.
template <class Exact>
Errors Compare(const std::vector<float>& found, const Exact& exact) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double largest = 0.0, error = 0.0, squares = 0.0;
  for (size_t i = 0; i < exact.size(); ++i) {
    if (!std::isfinite(found[i]) || !std::isfinite(exact[i])) return {kInfinity, kInfinity};
    const double value = exact[i], difference = double{found[i]} - value;
    largest = std::max(largest, std::fabs(difference));
    error += difference * difference;
    squares += value * value;
  }
  const auto count = static_cast<double>(exact.size());
  const double rms = std::max(std::sqrt(squares / count), 1e-30);
  return {largest / rms, std::sqrt(error / count) / rms};
}

// By operand; one that is absent has no data.
template <class T>
std::vector<View<const T>> ViewsOf(const std::vector<std::vector<T>>& arrays, const std::vector<Shape>& shapes) {
  std::vector<View<const T>> views;
  for (size_t i = 0; i < shapes.size(); ++i)
    views.push_back({shapes[i].present() ? arrays[i].data() : nullptr, shapes[i]});
  return views;
}

// Arrays for `shapes` that nobody has written: all NaN.
template <class T>
std::vector<std::vector<T>> Unwritten(const std::vector<Shape>& shapes) {
  std::vector<std::vector<T>> arrays;
  for (const Shape& shape : shapes) {
    arrays.emplace_back(static_cast<size_t>(shape.elements()), std::numeric_limits<T>::quiet_NaN());
  }
  return arrays;
}
template <class T>
std::vector<View<T>> OutputViews(std::vector<std::vector<T>>* arrays, const std::vector<Shape>& shapes) {
  std::vector<View<T>> views;
  for (size_t i = 0; i < shapes.size(); ++i) views.push_back({(*arrays)[i].data(), shapes[i]});
  return views;
}

template <class Op>
Arrays DrawInputs(const OpCase<Op>& c) {
  Arrays arrays;
  for (size_t i = 0; i < c.in.size(); ++i) {
    arrays.emplace_back(static_cast<size_t>(c.in[i].elements()));
    FillValues(i < c.fill.size() ? c.fill[i] : Fill(), c.seed, static_cast<int>(i), arrays.back());
  }
  return arrays;
}

// The outputs, by the formula in double; `out_shapes` as Infer gave them.
template <class Op>
Doubles RunReference(const typename Op::Params& params, const std::vector<Shape>& in_shapes,
                     const std::vector<Shape>& out_shapes, const Arrays& in) {
  Doubles exact, out = Unwritten<double>(out_shapes);
  for (const auto& array : in) exact.emplace_back(array.begin(), array.end());
  Op::Ref(params, ViewsOf(exact, in_shapes), OutputViews(&out, out_shapes));
  return out;
}

}  // namespace mien
