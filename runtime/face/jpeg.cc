// JPEG through libjpeg-turbo's row interface. libjpeg reports errors by longjmp: every setjmp stands in a function
// without objects that need a destructor, and all state lives in structs owned by the callers of these.
#include <cstdio>  // libjpeg's header needs it

#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <exception>
#include <memory>

#include "base/interrupt.h"
#include "runtime/face/image.h"
#include "runtime/face/jpeg_segments.h"
#include "runtime/face/xmp.h"

namespace mien {
namespace {

constexpr size_t kPieceBytes = 64 << 10;
constexpr size_t kMostSegmentBytes = 65533;
constexpr int kMostScans = 100;    // cameras and optimizers write about ten
constexpr int kMostWarnings = 16;  // libjpeg has fewer kinds of them

// What libjpeg's structs know as client_data: what it says, and where it jumps to when it gives up.
struct Handler {
  jpeg_error_mgr errors = {};
  std::jmp_buf jump = {};
  int code = 0;    // of libjpeg's message; 0: a message of our own
  int detail = 0;  // its first number
  char message[JMSG_LENGTH_MAX] = "unknown error";
};

[[noreturn]] void GiveUp(Handler* handler, const char* message) {
  std::snprintf(handler->message, sizeof handler->message, "%s", message);
  handler->code = 0;
  std::longjmp(handler->jump, 1);
}

[[noreturn]] void OnError(j_common_ptr info) {
  auto* handler = static_cast<Handler*>(info->client_data);
  handler->code = info->err->msg_code;
  handler->detail = info->err->msg_parm.i[0];
  info->err->format_message(info, handler->message);
  std::longjmp(handler->jump, 1);
}

void NoMessage(j_common_ptr, int) {}

void StopIfInterrupted(j_common_ptr info) {
  if (InterruptFlag().load(std::memory_order_relaxed)) GiveUp(static_cast<Handler*>(info->client_data), "interrupted");
}

jpeg_error_mgr* Errors(Handler* handler, void (*on_message)(j_common_ptr, int)) {
  jpeg_std_error(&handler->errors);
  handler->errors.error_exit = OnError;
  handler->errors.emit_message = on_message;
  return &handler->errors;
}

// A process of coding that libjpeg-turbo does not decode, by the number of its marker.
const char* ProcessName(int marker) {
  switch (marker) {
    case 0xc3:
    case 0xcb:
      return "lossless";
    case 0xc5:
    case 0xc6:
    case 0xc7:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return "hierarchical";
    case 0xf7:
      return "JPEG-LS";
    default:
      return nullptr;
  }
}

Status Refused(const char* kind) {
  return Status::Error(Code::kFailure,
                       "a JPEG of a kind that is not read (%s), an ordinary JPEG or PNG expected; convert it, e.g. "
                       "with ImageMagick: magick PHOTO photo.png",
                       kind);
}

Status Failed(const Handler& handler, const char* what) {
  MIEN_TRY(CheckInterrupt());
  if (handler.code == JERR_OUT_OF_MEMORY) return Status::Error(Code::kMemory, "no memory for a JPEG picture");
  if (handler.code == JERR_SOF_UNSUPPORTED || handler.code == JERR_UNKNOWN_MARKER) {
    if (const char* name = ProcessName(handler.detail)) return Refused(name);
  }
  if (handler.code == JERR_ARITH_NOTIMPL) return Refused("arithmetic coding");
  if (handler.code == JERR_BAD_PRECISION) {
    char bits[40];
    std::snprintf(bits, sizeof bits, "%d bits per sample", handler.detail);
    return Refused(bits);
  }
  return Status::Error(Code::kFailure, "%s: %s", what, handler.message);
}

struct Decoder : Handler {
  jpeg_decompress_struct info = {};
  jpeg_source_mgr source = {};
  jpeg_progress_mgr progress = {};
  const ByteSource* file = nullptr;
  uint64_t at = 0;  // of the next piece
  Status read;      // of the file
  Buffer piece;
  bool in_pixels = false;  // headers and tables are read
  bool ended = false;      // more was wanted than the file has
  // Where data were missing first: scan, from 1, and row of MCUs.
  int short_scan = 0;
  unsigned short_row = 0;
  int warnings = 0;
  int warned[kMostWarnings] = {};
  char warning[kMostWarnings][JMSG_LENGTH_MAX] = {};
  Image image;
  Buffer row;  // of CMYK

  ~Decoder() { jpeg_destroy_decompress(&info); }
};

Decoder* DecoderOf(j_decompress_ptr info) { return static_cast<Decoder*>(static_cast<Handler*>(info->client_data)); }

// Warnings of one kind are kept once; messages of other levels are for people who debug libjpeg.
void OnDecoderMessage(j_common_ptr common, int level) {
  if (level >= 0) return;
  Decoder* decoder = DecoderOf(reinterpret_cast<j_decompress_ptr>(common));
  const int code = common->err->msg_code;
  ++common->err->num_warnings;
  if (code == JWRN_HIT_MARKER && decoder->short_scan == 0) {
    decoder->short_scan = decoder->info.input_scan_number;
    decoder->short_row = decoder->info.input_iMCU_row;
  }
  const std::span known(decoder->warned, static_cast<size_t>(decoder->warnings));
  if (known.size() == kMostWarnings || std::ranges::find(known, code) != known.end()) return;
  common->err->format_message(common, decoder->warning[decoder->warnings]);
  decoder->warned[decoder->warnings++] = code;
}

void OnInit(j_decompress_ptr) {}

boolean OnFill(j_decompress_ptr info) {
  Decoder* decoder = DecoderOf(info);
  StopIfInterrupted(reinterpret_cast<j_common_ptr>(info));
  const uint64_t left = decoder->file->size() - decoder->at;
  if (left == 0) {
    if (!decoder->in_pixels) GiveUp(decoder, "the file ends before its pixels");
    decoder->ended = true;
    static constexpr JOCTET kEnd[] = {0xff, JPEG_EOI};
    decoder->source.next_input_byte = kEnd;
    decoder->source.bytes_in_buffer = sizeof kEnd;
    return TRUE;
  }
  const auto piece = std::span(decoder->piece.data(), static_cast<size_t>(std::min<uint64_t>(left, kPieceBytes)));
  decoder->read = decoder->file->ReadAt(decoder->at, piece);
  if (!decoder->read.ok()) GiveUp(decoder, "the file cannot be read");
  decoder->at += piece.size();
  decoder->source.next_input_byte = decoder->piece.as<JOCTET>();
  decoder->source.bytes_in_buffer = piece.size();
  return TRUE;
}

void OnSkip(j_decompress_ptr info, long count) {
  Decoder* decoder = DecoderOf(info);
  jpeg_source_mgr& source = decoder->source;
  const auto bytes = static_cast<size_t>(std::max(count, 0L)), here = std::min(bytes, source.bytes_in_buffer);
  source.next_input_byte += here;
  source.bytes_in_buffer -= here;
  decoder->at = std::min<uint64_t>(decoder->file->size(), decoder->at + (bytes - here));
}

void OnTerminate(j_decompress_ptr) {}

// Each scan costs a walk over the whole picture, whatever few bytes it has.
void OnProgress(j_common_ptr common) {
  StopIfInterrupted(common);
  Decoder* decoder = DecoderOf(reinterpret_cast<j_decompress_ptr>(common));
  if (decoder->info.input_scan_number > kMostScans) GiveUp(decoder, "more than 100 scans");
}

bool ReadHeader(Decoder* decoder) {
  if (setjmp(decoder->jump)) return false;
  jpeg_decompress_struct& info = decoder->info;
  info.err = Errors(decoder, OnDecoderMessage);
  info.client_data = static_cast<Handler*>(decoder);
  jpeg_create_decompress(&info);
  decoder->source = {nullptr, 0, OnInit, OnFill, OnSkip, jpeg_resync_to_restart, OnTerminate};
  info.src = &decoder->source;
  decoder->progress.progress_monitor = OnProgress;
  info.progress = &decoder->progress;
  jpeg_read_header(&info, TRUE);
  const bool four = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = four ? JCS_CMYK : JCS_RGB;
  info.dct_method = JDCT_ISLOW;
  jpeg_calc_output_dimensions(&info);
  return true;
}

// Blocks of 8 x 8 samples, as the file has them and as libjpeg keeps the coefficients of more than one scan.
uint64_t Blocks(const jpeg_decompress_struct& info, bool kept) {
  const auto up = [&](uint64_t count, int step) {
    const auto s = static_cast<uint64_t>(step);
    return kept ? (count + s - 1) / s * s : count;
  };
  uint64_t blocks = 0;
  for (int i = 0; i < info.num_components; ++i) {
    const jpeg_component_info& component = info.comp_info[i];
    blocks += up(component.width_in_blocks, component.h_samp_factor) *
              up(component.height_in_blocks, component.v_samp_factor);
  }
  return blocks;
}

Status CheckHeader(const Decoder& decoder) {
  const jpeg_decompress_struct& info = decoder.info;
  if (info.jpeg_color_space == JCS_UNKNOWN) {
    return Status::Error(Code::kFailure, "a JPEG of %d components, 1, 3 or 4 expected", info.num_components);
  }
  const auto width = info.image_width, height = info.image_height;
  if (width > unsigned{kMaxImageSide} || height > unsigned{kMaxImageSide} ||
      int64_t{width} * height > kMaxImagePixels) {
    return Status::Error(Code::kFailure,
                         "JPEG of %u x %u pixels, sides of at most %d and at most %lld pixels expected: make it "
                         "smaller first",
                         width, height, kMaxImageSide, static_cast<long long>(kMaxImagePixels));
  }
  // A block takes one bit at the least, but for arithmetic coding.
  const uint64_t bytes = decoder.file->size();
  if (!info.arith_code && Blocks(info, false) / 8 > bytes) {
    return Status::Error(Code::kFailure, "invalid JPEG: %u x %u pixels cannot come from %llu bytes", width, height,
                         static_cast<unsigned long long>(bytes));
  }
  return {};
}

// As Adobe's programs write it and every viewer takes it: inverted, without a profile.
void FromCmyk(const uint8_t* cmyk, uint8_t* rgb, int width) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>((unsigned{cmyk[c]} * cmyk[3] + 127) / 255);
  }
}

bool ReadPixels(Decoder* decoder) {
  if (setjmp(decoder->jump)) return false;
  jpeg_decompress_struct& info = decoder->info;
  // Coefficients of several scans, whose size is known, and working rows.
  constexpr uint64_t kRowsBytes = 16 << 20;
  const uint64_t kept = jpeg_has_multiple_scans(&info) ? Blocks(info, true) * sizeof(JBLOCK) : 0;
  info.mem->max_memory_to_use = static_cast<long>(kept + kRowsBytes);
  decoder->in_pixels = true;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    uint8_t* const to = decoder->image.row(static_cast<int>(info.output_scanline));
    JSAMPROW row = info.out_color_space == JCS_CMYK ? decoder->row.as<uint8_t>() : to;
    jpeg_read_scanlines(&info, &row, 1);
    if (row != to) FromCmyk(row, to, decoder->image.width);
  }
  return true;
}

struct Encoder : Handler {
  jpeg_compress_struct info = {};
  jpeg_destination_mgr destination = {};
  jpeg_progress_mgr progress = {};
  JOCTET piece[kPieceBytes];
  std::vector<std::byte> file;

  ~Encoder() { jpeg_destroy_compress(&info); }
};

Encoder* EncoderOf(j_compress_ptr info) { return static_cast<Encoder*>(static_cast<Handler*>(info->client_data)); }

void Store(j_compress_ptr info, size_t count) {
  Encoder* encoder = EncoderOf(info);
  bool stored = true;
  try {
    const auto* first = reinterpret_cast<const std::byte*>(encoder->piece);
    encoder->file.insert(encoder->file.end(), first, first + count);
  } catch (const std::exception&) {
    stored = false;
  }
  if (!stored) ERREXIT1(info, JERR_OUT_OF_MEMORY, 0);
}

void OnBegin(j_compress_ptr info) {
  info->dest->next_output_byte = EncoderOf(info)->piece;
  info->dest->free_in_buffer = kPieceBytes;
}

boolean OnFull(j_compress_ptr info) {
  Store(info, kPieceBytes);
  OnBegin(info);
  return TRUE;
}

void OnFinish(j_compress_ptr info) { Store(info, kPieceBytes - info->dest->free_in_buffer); }

void WriteApp1(j_compress_ptr info, const std::string& data) {
  if (data.empty()) return;
  jpeg_write_marker(info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(data.data()),
                    static_cast<unsigned>(data.size()));
}

bool WriteAll(Encoder* encoder, const Image& image, const std::string& exif, const std::string& xmp, int quality) {
  if (setjmp(encoder->jump)) return false;
  jpeg_compress_struct& info = encoder->info;
  info.err = Errors(encoder, NoMessage);
  info.client_data = static_cast<Handler*>(encoder);
  jpeg_create_compress(&info);
  info.mem->max_memory_to_use = 0;  // as much as it needs, whatever the environment says
  encoder->destination = {nullptr, 0, OnBegin, OnFull, OnFinish};
  info.dest = &encoder->destination;
  encoder->progress.progress_monitor = StopIfInterrupted;
  info.progress = &encoder->progress;
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  info.dct_method = JDCT_ISLOW;
  info.optimize_coding = TRUE;
  for (int i = 0; i < info.num_components; ++i) info.comp_info[i].h_samp_factor = info.comp_info[i].v_samp_factor = 1;
  jpeg_start_compress(&info, TRUE);
  WriteApp1(&info, exif);
  WriteApp1(&info, xmp);
  if (!image.profile.empty()) {
    jpeg_write_icc_profile(&info, reinterpret_cast<const JOCTET*>(image.profile.data()),
                           static_cast<unsigned>(image.profile.size()));
  }
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = image.row(static_cast<int>(info.next_scanline));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

// What was found wrong and was no reason to refuse the picture; an error where nothing of it is there.
Status Judge(const Decoder& decoder, std::vector<std::string>* warnings) {
  const jpeg_decompress_struct& info = decoder.info;
  // Where there are restart markers, the data may go on after a damaged place.
  const bool ends_early = decoder.short_scan > 0 && (decoder.ended || info.restart_interval == 0);
  if (ends_early && decoder.short_scan == 1 && decoder.short_row == 0)
    return Status::Error(Code::kFailure, "invalid JPEG: its data end before the first rows of pixels are whole");
  for (int i = 0; i < decoder.warnings; ++i) {
    if (ends_early && decoder.warned[i] == JWRN_HIT_MARKER) continue;
    warnings->push_back(decoder.warning[i]);
  }
  if (ends_early && decoder.short_scan == 1) {
    const unsigned rows = info.total_iMCU_rows;
    warnings->push_back("its data end early: about " +
                        std::to_string((100 * (rows - decoder.short_row) + rows - 1) / rows) +
                        "% of the picture are missing");
  } else if (ends_early) {
    warnings->push_back("its data end early, in scan " + std::to_string(decoder.short_scan) +
                        ": details or colours are missing");
  } else if (decoder.ended) {
    warnings->push_back("the end of the file is missing (marker EOI)");
  }
  return {};
}

}  // namespace

Result<Image> DecodeJpeg(const ByteSource& file, PictureNotes* notes) {
  MIEN_ASSIGN(JpegSegments segments, ScanJpeg(file));
  Decoder decoder;
  decoder.file = &file;
  MIEN_ASSIGN(decoder.piece, Buffer::Uninitialised(kPieceBytes, "picture file"));
  const auto failed = [&]() -> Status {
    MIEN_TRY(decoder.read);
    return Failed(decoder, "invalid JPEG");
  };
  if (!ReadHeader(&decoder)) return failed();
  MIEN_TRY(CheckHeader(decoder));
  const uint64_t width = decoder.info.output_width, height = decoder.info.output_height;
  decoder.image.width = static_cast<int>(width);
  decoder.image.height = static_cast<int>(height);
  MIEN_ASSIGN(decoder.image.pixels, Buffer::Uninitialised(3 * width * height, "picture"));
  if (decoder.info.out_color_space == JCS_CMYK) {
    MIEN_ASSIGN(decoder.row, Buffer::Uninitialised(4 * width, "row of a picture"));
  }
  if (!ReadPixels(&decoder)) return failed();
  MIEN_TRY(Judge(decoder, &segments.warnings));
  decoder.image.profile = std::move(segments.profile);
  decoder.image.exif = std::move(segments.exif);
  decoder.image.xmp = std::move(segments.xmp);
  if (notes != nullptr) *notes = {segments.orientation, std::move(segments.warnings), std::move(segments.texts)};
  return TurnUpright(std::move(decoder.image), segments.orientation);
}

Result<std::vector<std::byte>> EncodeJpeg(const Image& image, const std::vector<PictureText>& texts, int quality) {
  if (quality < 1 || quality > 100)
    return Status::Error(Code::kUsage, "JPEG quality %d, 1 to 100 expected", quality);
  const auto segment = [](std::string_view prefix, std::string_view data) {
    return data.empty() ? std::string() : std::string(prefix).append(data);
  };
  std::string exif = segment({"Exif\0\0", 6}, {reinterpret_cast<const char*>(image.exif.data()), image.exif.size()});
  if (exif.size() > kMostSegmentBytes) exif.clear();
  std::string xmp = segment(kXmpPrefix, XmpPacket(texts, image.xmp));
  if (xmp.size() > kMostSegmentBytes) xmp = segment(kXmpPrefix, XmpPacket(texts));
  if (xmp.size() > kMostSegmentBytes) {
    return Status::Error(Code::kUsage,
                         "what made the picture takes %zu bytes to tell, and JPEG has room for %zu: write PNG, or "
                         "leave it out (--no-metadata)",
                         xmp.size(), kMostSegmentBytes);
  }
  const auto encoder = std::make_unique<Encoder>();
  if (!WriteAll(encoder.get(), image, exif, xmp, quality)) return Failed(*encoder, "cannot encode");
  return std::move(encoder->file);
}

}  // namespace mien
