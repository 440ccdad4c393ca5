// PNG through libpng's row interface. libpng reports errors by longjmp: every setjmp of the project is in
// this file, in functions without objects that need a destructor, and all state lives in structs owned by
// their callers.
#include <png.h>

#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "runtime/image.h"

namespace mien {
namespace {

constexpr int kMaxCachedChunks = 16;
constexpr png_alloc_size_t kMaxChunkBytes = 256 << 10;

struct Failure {
  char message[200] = "unknown error";
  bool no_memory = false;  // libpng calls it a damaged picture, or goes on without what it had no memory for
};

Status Failed(const Failure& failure, const char* what) {
  if (failure.no_memory) return Status::Error(Code::kMemory, "no memory for a PNG picture");
  return Status::Error(Code::kFailure, "%s: %s", what, failure.message);
}

png_voidp OnAllocate(png_structp png, png_alloc_size_t bytes) {
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) static_cast<Failure*>(png_get_mem_ptr(png))->no_memory = true;
  return memory;
}

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* failure = static_cast<Failure*>(png_get_error_ptr(png));
  std::strncpy(failure->message, message, sizeof failure->message - 1);
  failure->message[sizeof failure->message - 1] = '\0';
  std::longjmp(png_jmpbuf(png), 1);
}

void OnWarning(png_structp, png_const_charp) {}

struct Decoder {
  Failure failure;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::byte> file;
  size_t at = 0;
  png_uint_32 width = 0, height = 0;
  int channels = 0;
  Buffer pixels;

  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

void OnRead(png_structp png, png_bytep out, size_t bytes) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  if (bytes > decoder->file.size() - decoder->at) png_error(png, "the file ends too early");
  std::memcpy(out, decoder->file.data() + decoder->at, bytes);
  decoder->at += bytes;
}

// Everything before the pixels; sets the transformation to 8-bit RGB or RGBA.
bool ReadHeader(Decoder* decoder) {
  if (setjmp(png_jmpbuf(decoder->png))) return false;
  png_structp png = decoder->png;
  png_infop info = decoder->info;
  png_set_user_limits(png, kMaxImageSide, kMaxImageSide);
  png_set_chunk_cache_max(png, kMaxCachedChunks);
  png_set_chunk_malloc_max(png, kMaxChunkBytes);
  // Of all chunks only the header, palette, transparency and pixels are looked at.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_read_fn(png, decoder, OnRead);
  png_read_info(png, info);
  decoder->width = png_get_image_width(png, info);
  decoder->height = png_get_image_height(png, info);
  png_set_scale_16(png);
  png_set_expand(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  decoder->channels = png_get_channels(png, info);
  if (png_get_bit_depth(png, info) != 8 || (decoder->channels != 3 && decoder->channels != 4)) {
    png_error(png, "unexpected pixel format");
  }
  if (png_get_rowbytes(png, info) != size_t{decoder->width} * decoder->channels)
    png_error(png, "unexpected row size");
  return true;
}

bool ReadPixels(Decoder* decoder) {
  if (setjmp(png_jmpbuf(decoder->png))) return false;
  const size_t row_bytes = size_t{decoder->width} * decoder->channels;
  const int passes = png_get_interlace_type(decoder->png, decoder->info) == PNG_INTERLACE_NONE
                         ? 1
                         : PNG_INTERLACE_ADAM7_PASSES;
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < decoder->height; ++y) {
      png_read_row(decoder->png, decoder->pixels.as<png_byte>() + y * row_bytes, nullptr);
    }
  }
  png_read_end(decoder->png, nullptr);
  return true;
}

// RGBA over white, in place: the answer never overtakes what is still to be read.
void LayOverWhite(uint8_t* pixels, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* from = pixels + 4 * i;
    const unsigned alpha = from[3];
    uint8_t* to = pixels + 3 * i;
    for (int c = 0; c < 3; ++c)
      to[c] = static_cast<uint8_t>((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}

struct Encoder {
  Failure failure;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<png_text> texts;
  std::vector<std::byte> file;

  ~Encoder() { png_destroy_write_struct(&png, &info); }
};

void OnWrite(png_structp png, png_bytep bytes, size_t count) {
  auto* encoder = static_cast<Encoder*>(png_get_io_ptr(png));
  bool stored = true;
  try {
    const auto* first = reinterpret_cast<const std::byte*>(bytes);
    encoder->file.insert(encoder->file.end(), first, first + count);
  } catch (const std::exception&) {
    stored = false;
  }
  encoder->failure.no_memory |= !stored;
  if (!stored) png_error(png, "out of memory");
}

void OnFlush(png_structp) {}

bool WriteAll(Encoder* encoder, const Image& image) {
  if (setjmp(png_jmpbuf(encoder->png))) return false;
  png_structp png = encoder->png;
  png_infop info = encoder->info;
  png_set_write_fn(png, encoder, OnWrite, OnFlush);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!encoder->texts.empty())
    png_set_text(png, info, encoder->texts.data(), static_cast<int>(encoder->texts.size()));
  png_write_info(png, info);
  for (int y = 0; y < image.height; ++y) png_write_row(png, image.row(y));
  png_write_end(png, nullptr);
  return true;
}

const char* ForeignFormat(std::span<const std::byte> file) {
  const auto starts = [&](const char* magic, size_t size) {
    return file.size() >= size && std::memcmp(file.data(), magic, size) == 0;
  };
  if (starts("\xff\xd8\xff", 3)) return "a JPEG picture; convert it to PNG first";
  if (starts("GIF8", 4)) return "a GIF picture; convert it to PNG first";
  if (starts("RIFF", 4)) return "a WebP picture; convert it to PNG first";
  return "not a PNG picture";
}

}  // namespace

Result<Image> DecodePng(std::span<const std::byte> file) {
  if (file.size() < 8 || png_sig_cmp(reinterpret_cast<png_const_bytep>(file.data()), 0, 8) != 0) {
    return Status::Error(Code::kFailure, "%s", ForeignFormat(file));
  }
  Decoder decoder;
  decoder.file = file;
  decoder.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &decoder.failure, OnError, OnWarning,
                                         &decoder.failure, OnAllocate, nullptr);
  if (decoder.png != nullptr) decoder.info = png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) return Status::Error(Code::kMemory, "no memory to read a PNG picture");
  if (!ReadHeader(&decoder)) return Failed(decoder.failure, "invalid PNG");
  const int64_t pixels = int64_t{decoder.width} * decoder.height;
  if (pixels > kMaxImagePixels) {
    return Status::Error(Code::kFailure, "PNG of %u x %u pixels, at most %lld pixels expected", decoder.width,
                         decoder.height, static_cast<long long>(kMaxImagePixels));
  }
  MIEN_ASSIGN(decoder.pixels, Buffer::Create(static_cast<uint64_t>(pixels) * decoder.channels, "picture"));
  if (!ReadPixels(&decoder) || decoder.failure.no_memory) return Failed(decoder.failure, "invalid PNG");
  if (decoder.channels == 4) LayOverWhite(decoder.pixels.as<uint8_t>(), static_cast<size_t>(pixels));
  Image image;
  image.width = static_cast<int>(decoder.width);
  image.height = static_cast<int>(decoder.height);
  image.pixels = std::move(decoder.pixels);
  return image;
}

Result<std::vector<std::byte>> EncodePng(const Image& image, const std::vector<PngText>& texts) {
  Encoder encoder;
  for (const PngText& text : texts) {
    png_text entry = {};
    entry.compression = PNG_ITXT_COMPRESSION_NONE;
    entry.key = const_cast<char*>(text.keyword.c_str());
    entry.text = const_cast<char*>(text.text.c_str());
    entry.itxt_length = text.text.size();
    entry.lang = const_cast<char*>("");
    entry.lang_key = const_cast<char*>("");
    encoder.texts.push_back(entry);
  }
  encoder.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &encoder.failure, OnError, OnWarning,
                                          &encoder.failure, OnAllocate, nullptr);
  if (encoder.png != nullptr) encoder.info = png_create_info_struct(encoder.png);
  if (encoder.info == nullptr) return Status::Error(Code::kMemory, "no memory to write a PNG picture");
  if (!WriteAll(&encoder, image) || encoder.failure.no_memory)
    return Failed(encoder.failure, "cannot encode");
  return std::move(encoder.file);
}

}  // namespace mien
