// PNG writing and contact sheets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace portraits {

// pixels [height, width, channels], 3 channels or 1; throws std::runtime_error
void write_png(const std::string& path, const std::vector<uint8_t>& pixels, int width, int height,
               int channels = 3);

// `pictures` are square of this size, `columns` to a row.
void write_sheet(const std::string& path, const std::vector<std::vector<uint8_t>>& pictures, int size,
                 int columns);

}  // namespace portraits
