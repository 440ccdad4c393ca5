// PNG through libpng's row interface. libpng reports errors by longjmp: every setjmp stands in a function without
// objects that need a destructor, and all state lives in structs owned by the callers of these.
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string_view>

#include "base/interrupt.h"
#include "runtime/face/forward_reader.h"
#include "runtime/face/image.h"
#include "runtime/face/png_chunks.h"
#include "runtime/face/xmp.h"

namespace mien {
namespace {

constexpr uint64_t kMostInflation = 1032;  // bytes out of one byte of deflate: 258 out of two bits

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
  Status read;  // of the file
  ForwardReader* file = nullptr;
  png_uint_32 width = 0, height = 0;
  FullPixels format;       // of the rows: channels and width of samples
  uint64_t raw_bytes = 0;  // that the compressed data has to give
  Buffer pixels;

  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

void OnRead(png_structp png, png_bytep out, size_t bytes) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  if (bytes > decoder->file->left()) png_error(png, "the file ends too early");
  decoder->read = decoder->file->Read({reinterpret_cast<std::byte*>(out), bytes});
  if (!decoder->read.ok()) png_error(png, "the file cannot be read");
}

// The bytes of all rows as they are compressed: one for the filter before each, and bits for every pixel. Interlacing
// makes more rows, never fewer bytes.
uint64_t RawBytes(png_structp png, png_infop info) {
  return (uint64_t{png_get_rowbytes(png, info)} + 1) * png_get_image_height(png, info);
}

// Everything before the pixels; sets the transformation to RGB or RGBA.
bool ReadHeader(Decoder* decoder) {
  if (setjmp(png_jmpbuf(decoder->png))) return false;
  png_structp png = decoder->png;
  png_infop info = decoder->info;
  png_set_user_limits(png, kMaxImageSide, kMaxImageSide);
  // Of all chunks only the header, palette, transparency and pixels are looked at; the others are skipped, whatever
  // their size. One that is damaged is an error: what it was may have been the transparency.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_read_fn(png, decoder, OnRead);
  png_read_info(png, info);
  decoder->width = png_get_image_width(png, info);
  decoder->height = png_get_image_height(png, info);
  decoder->raw_bytes = RawBytes(png, info);
  if constexpr (std::endian::native == std::endian::little) png_set_swap(png);
  png_set_expand(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  decoder->format.channels = png_get_channels(png, info);
  decoder->format.wide = png_get_bit_depth(png, info) == 16;
  if ((png_get_bit_depth(png, info) != 8 && !decoder->format.wide) ||
      (decoder->format.channels != 3 && decoder->format.channels != 4)) {
    png_error(png, "unexpected pixel format");
  }
  if (png_get_rowbytes(png, info) != decoder->width * decoder->format.pixel_bytes())
    png_error(png, "unexpected row size");
  return true;
}

bool ReadPixels(Decoder* decoder) {
  if (setjmp(png_jmpbuf(decoder->png))) return false;
  const size_t row_bytes = decoder->width * decoder->format.pixel_bytes();
  const int passes = png_get_interlace_type(decoder->png, decoder->info) == PNG_INTERLACE_NONE
                         ? 1
                         : PNG_INTERLACE_ADAM7_PASSES;
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < decoder->height; ++y) {
      if (InterruptFlag().load(std::memory_order_relaxed)) return false;
      png_read_row(decoder->png, decoder->pixels.as<png_byte>() + y * row_bytes, nullptr);
    }
  }
  return true;  // what follows is no part of the picture: ScanPng has looked at it
}

struct Encoder {
  Failure failure;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string xmp;
  std::vector<png_text> texts;
  std::vector<std::byte> profile;  // the data of its chunk
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
  const bool alpha = image.full.channels == 4;
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height),
               image.full.wide ? 16 : 8, alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!encoder->profile.empty()) {
    png_write_info_before_PLTE(png, info);
    png_write_chunk(png, reinterpret_cast<png_const_bytep>("iCCP"),
                    reinterpret_cast<png_const_bytep>(encoder->profile.data()), encoder->profile.size());
  }
  if (!encoder->texts.empty())
    png_set_text(png, info, encoder->texts.data(), static_cast<int>(encoder->texts.size()));
  png_write_info(png, info);
  if (!image.exif.empty()) {
    png_write_chunk(png, reinterpret_cast<png_const_bytep>("eXIf"),
                    reinterpret_cast<png_const_bytep>(image.exif.data()), image.exif.size());
  }
  if (image.full.wide && std::endian::native == std::endian::little) png_set_swap(png);
  for (int y = 0; y < image.height; ++y) {
    if (InterruptFlag().load(std::memory_order_relaxed)) return false;
    const size_t row = static_cast<size_t>(y) * static_cast<size_t>(image.width) * image.full.pixel_bytes();
    png_write_row(png, image.full.empty() ? image.row(y) : image.full.samples.as<png_byte>() + row);
  }
  png_write_end(png, nullptr);
  return true;
}

void AddText(const char* keyword, const std::string& text, Encoder* encoder) {
  png_text entry = {};
  entry.compression = PNG_ITXT_COMPRESSION_NONE;
  entry.key = const_cast<char*>(keyword);
  entry.text = const_cast<char*>(text.c_str());
  entry.itxt_length = text.size();
  entry.lang = const_cast<char*>("");
  entry.lang_key = const_cast<char*>("");
  encoder->texts.push_back(entry);
}

// The chunk as libpng would write it. libpng itself refuses to write a profile in which it finds a fault, and a photo
// is not to fail for that.
Result<std::vector<std::byte>> ProfileChunk(const std::vector<std::byte>& profile) {
  if (profile.empty()) return std::vector<std::byte>();
  constexpr std::string_view before("ICC profile\0\0", 13);  // its name, and the only method of compression
  uLongf packed = compressBound(profile.size());
  std::vector<std::byte> chunk(before.size() + packed);
  std::memcpy(chunk.data(), before.data(), before.size());
  if (compress(reinterpret_cast<Bytef*>(chunk.data() + before.size()), &packed,
               reinterpret_cast<const Bytef*>(profile.data()), profile.size()) != Z_OK)
    return Status::Error(Code::kMemory, "no memory to write a colour profile");
  chunk.resize(before.size() + packed);
  return chunk;
}

Status DecodingError(const Decoder& decoder) {
  MIEN_TRY(CheckInterrupt());
  MIEN_TRY(decoder.read);
  return Failed(decoder.failure, "invalid PNG");
}

Status CheckHeader(const Decoder& decoder, uint64_t data_bytes) {
  const int64_t pixels = int64_t{decoder.width} * decoder.height;
  if (pixels > kMaxImagePixels) {
    return Status::Error(Code::kFailure, "PNG of %u x %u pixels, at most %lld pixels expected: make it smaller first",
                         decoder.width, decoder.height, static_cast<long long>(kMaxImagePixels));
  }
  if (decoder.raw_bytes / kMostInflation > data_bytes) {
    return Status::Error(Code::kFailure, "invalid PNG: %u x %u pixels cannot come from %llu bytes of compressed data",
                         decoder.width, decoder.height, static_cast<unsigned long long>(data_bytes));
  }
  return {};
}

}  // namespace

Result<Image> DecodePng(const ByteSource& file, PictureNotes* notes) {
  MIEN_ASSIGN(PngChunks chunks, ScanPng(file));
  ForwardReader reader(&file);
  Decoder decoder;
  decoder.file = &reader;
  decoder.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &decoder.failure, OnError, OnWarning,
                                         &decoder.failure, OnAllocate, nullptr);
  if (decoder.png != nullptr) decoder.info = png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) return Status::Error(Code::kMemory, "no memory to read a PNG picture");
  if (!ReadHeader(&decoder)) return DecodingError(decoder);
  MIEN_TRY(CheckHeader(decoder, chunks.data_bytes));
  const uint64_t pixels = uint64_t{decoder.width} * decoder.height;
  MIEN_ASSIGN(decoder.pixels, Buffer::Uninitialised(pixels * decoder.format.pixel_bytes(), "picture"));
  if (!ReadPixels(&decoder) || decoder.failure.no_memory) return DecodingError(decoder);
  Image image;
  image.width = static_cast<int>(decoder.width);
  image.height = static_cast<int>(decoder.height);
  if (decoder.format.pixel_bytes() == 3) {
    image.pixels = std::move(decoder.pixels);
  } else {
    image.full = std::move(decoder.format);
    image.full.samples = std::move(decoder.pixels);
    MIEN_ASSIGN(image.pixels, Buffer::Uninitialised(3 * pixels, "picture"));
    RgbOf(image.full, 0, {image.pixels.as<uint8_t>(), 3 * pixels});
  }
  image.profile = std::move(chunks.profile);
  image.exif = std::move(chunks.exif);
  image.xmp = std::move(chunks.xmp);
  if (notes != nullptr) *notes = {chunks.orientation, std::move(chunks.warnings), std::move(chunks.texts)};
  return TurnUpright(std::move(image), chunks.orientation);
}

Result<std::vector<std::byte>> EncodePng(const Image& image, const std::vector<PictureText>& texts) {
  Encoder encoder;
  MIEN_ASSIGN(encoder.profile, ProfileChunk(image.profile));
  std::vector<PictureText> in_xmp;
  for (const PictureText& text : texts) {
    if (text.keyword == kDigitalSourceType) {
      in_xmp.push_back(text);
    } else {
      AddText(text.keyword.c_str(), text.text, &encoder);
    }
  }
  encoder.xmp = XmpPacket(in_xmp, image.xmp);
  if (!encoder.xmp.empty()) AddText(kXmpKeyword, encoder.xmp, &encoder);
  encoder.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &encoder.failure, OnError, OnWarning,
                                          &encoder.failure, OnAllocate, nullptr);
  if (encoder.png != nullptr) encoder.info = png_create_info_struct(encoder.png);
  if (encoder.info == nullptr) return Status::Error(Code::kMemory, "no memory to write a PNG picture");
  if (!WriteAll(&encoder, image) || encoder.failure.no_memory) {
    MIEN_TRY(CheckInterrupt());
    return Failed(encoder.failure, "cannot encode");
  }
  return std::move(encoder.file);
}

}  // namespace mien
