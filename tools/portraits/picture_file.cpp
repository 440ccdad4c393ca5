// PNG through libpng's simplified interface.
#include "picture_file.h"

#include <png.h>

#include <cstring>
#include <stdexcept>

namespace portraits {

void write_png(const std::string& path, const std::vector<uint8_t>& pixels, int width, int height,
               int channels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = png_uint_32(width);
  image.height = png_uint_32(height);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  if (!png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr))
    throw std::runtime_error("cannot write " + path + ": " + image.message);
}

void write_sheet(const std::string& path, const std::vector<std::vector<uint8_t>>& pictures, int size,
                 int columns) {
  const int rows = (int(pictures.size()) + columns - 1) / columns;
  const size_t stride = size_t(columns) * size * 3;
  std::vector<uint8_t> sheet(stride * size * rows);
  for (size_t i = 0; i < pictures.size(); ++i) {
    const size_t left = i % columns * size * 3, top = i / columns * size;
    for (int y = 0; y < size; ++y)
      std::memcpy(&sheet[(top + y) * stride + left], &pictures[i][size_t(y) * size * 3], size_t(size) * 3);
  }
  write_png(path, sheet, columns * size, rows * size);
}

}  // namespace portraits
