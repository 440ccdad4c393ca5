// Sphere tracing and shading of a portrait into 8-bit RGB.
#pragma once

#include <cstdint>
#include <vector>

#include "portrait.h"

namespace portraits {

// [size, size, 3], row by row from the top. Deterministic.
std::vector<uint8_t> render(const Portrait& portrait, int size);

}  // namespace portraits
