// The C API's calls on photos (mien.h), over PhotoEditor.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>

#include "base/stream.h"
#include "runtime/builtin_model.h"
#include "runtime/face/metadata.h"
#include "runtime/face/photo_editor.h"
#include "runtime/face/picture_kind.h"
#include "runtime/face/provenance.h"
#include "runtime/face/resample.h"
#include "runtime/libmien/context.h"

namespace mien {
namespace {

static_assert(static_cast<int>(Judgement::kSamePerson) == MIEN_SAME_PERSON &&
              static_cast<int>(Judgement::kAnotherPerson) == MIEN_ANOTHER_PERSON &&
              static_cast<int>(Judgement::kCannotTell) == MIEN_CANNOT_TELL);
static_assert(std::size(mien_face().landmarks) == kLandmarks);

constexpr int kSmallestCrop = 16, kLargestCrop = 4096;

// The stages within a call; mien_cancel is heard here where no network runs.
Status Stage(const mien_context& context, const char* stage) {
  if (context.stop) return Status::Error(Code::kInterrupted, "stopped before stage %s", stage);
  return Announce(context.params, stage);
}

Result<FaceNetworks*> FacesOf(mien_context* context) {
  if (context->faces != nullptr) return context->faces.get();
  MIEN_TRY(Stage(*context, "faces"));
  FaceNetworksOptions wanted = {context->run};
  const MemoryNeed& taken = context->pipeline->engine().need();
  if (wanted.max_memory > 0)
    wanted.max_memory = std::max<int64_t>(1, static_cast<int64_t>(wanted.max_memory - taken.total() + taken.loading));
  AddSearch(context->detector, &wanted);
  AddDescriptors(&wanted);
  MIEN_ASSIGN(const auto model, OpenBuiltinFaces());
  MIEN_ASSIGN(context->faces, FaceNetworks::Create(model, wanted));
  return context->faces.get();
}

// Bytes from one row to the next.
Result<size_t> StrideOf(int width, size_t stride) {
  const size_t least = size_t{3} * static_cast<size_t>(width);
  if (stride == 0) return least;
  if (stride >= least) return stride;
  return Status::Error(Code::kUsage, "picture: stride of %zu bytes, %zu or more expected", stride, least);
}

Result<Image> ImageOf(const mien_image& picture) {
  if (picture.rgb == nullptr) return Status::Error(Code::kUsage, "picture: a pointer is null");
  MIEN_ASSIGN(Image image, Image::Create(picture.width, picture.height));
  MIEN_ASSIGN(const size_t stride, StrideOf(picture.width, picture.stride));
  for (int y = 0; y < image.height; ++y)
    std::memcpy(image.row(y), picture.rgb + stride * static_cast<size_t>(y), size_t{3} * image.width);
  return image;
}

PhotoFace FaceOf(const mien_face& face) {
  PhotoFace found;
  for (size_t i = 0; i < size_t{kLandmarks}; ++i) found.landmarks[i] = {face.landmarks[i][0], face.landmarks[i][1]};
  if (face.width > 0) found.box = Box{face.x, face.y, face.width, face.height, face.score};
  return found;
}

void CopyFace(const PhotoFace& found, mien_face* face) {
  *face = {found.box->x, found.box->y, found.box->width, found.box->height, found.box->score, {}};
  for (size_t i = 0; i < size_t{kLandmarks}; ++i) {
    face->landmarks[i][0] = found.landmarks[i].x;
    face->landmarks[i][1] = found.landmarks[i].y;
  }
}

// The faces that are meant, one at the least.
Result<std::vector<PhotoFace>> Find(const mien_context& context, FaceNetworks& networks, const FaceChoice& choice,
                                    const Image& photo) {
  MIEN_TRY(Stage(context, "find"));
  MIEN_ASSIGN(const FaceSearch search, SearchFaces(networks, photo, context.detector));
  MIEN_ASSIGN(std::vector<PhotoFace> faces, LocateFaces(networks, search, choice, photo));
  if (faces.empty()) {
    MIEN_ASSIGN(const std::string advice, AdviceWithoutFace(networks, photo));
    return Status::Error(Code::kNoFace, "no face found; %s", advice.c_str());
  }
  if (search.boxes().size() > faces.size())
    Log(context.params, std::to_string(search.boxes().size()) + " faces found, the others are left as they are");
  return faces;
}

Result<std::vector<float>> Descriptor(FaceNetworks& networks, const mien_image& picture, const mien_face* face) {
  MIEN_ASSIGN(const Image image, ImageOf(picture));
  if (face == nullptr) return DescribeCrop(networks, image);
  const PhotoFace found = FaceOf(*face);
  const Box box = found.box.value_or(BoxAround(found.landmarks));
  return DescribeLandmarks(networks, image, found.landmarks, PartOf(box, image.width, image.height));
}

// What a call is to do with a photo.
struct Plan {
  FaceChoice choice;
  bool aligned = false;
  PhotoEditOptions how;
  std::vector<std::vector<Edit>> edits;
  std::vector<EditRecord> records;  // of each
};

Result<Plan> PlanOf(const mien_context& context, const mien_photo_options& options, const mien_edits* edits,
                    size_t count) {
  const Pipeline& pipeline = *context.pipeline;
  const ModelConfig& config = pipeline.config();
  if (!config.encoder) return MissingComponent("encoder");
  if (!config.flow) return MissingComponent("flow");
  if (!config.generator) return MissingComponent("generator");
  const std::string layers = options.layers == nullptr ? "" : options.layers;
  const std::string face = options.face == nullptr ? "largest" : options.face;
  MIEN_TRY(CheckStrength(options.strength));
  Plan plan;
  plan.aligned = options.aligned != 0;
  MIEN_ASSIGN(plan.choice, ParseFaceChoice(face));
  MIEN_ASSIGN(plan.how.paste, ParsePaste(options.paste == nullptr ? "auto" : options.paste));
  MIEN_ASSIGN(plan.how.rows, ParseRows(layers, pipeline.rows()));
  plan.how.strength = options.strength;
  plan.how.crop = options.crop != 0;
  plan.how.likeness = options.no_likeness == 0;
  for (size_t i = 0; i < count; ++i) {
    if (edits[i].edits == nullptr && edits[i].count > 0) return Status::Error(Code::kUsage, "edits: a pointer is null");
    EditRecord record;
    MIEN_ASSIGN(auto wanted, EditsOf(context, edits[i].edits, edits[i].count, &record.set, &record.add));
    if (!wanted.empty()) {
      record.layers = layers;
      record.strength = options.strength;
    }
    record.noise = config.generator->has_noise_maps ? "const" : "none";
    if (pipeline.image_side() != config.generator->resolution) record.preview = pipeline.image_side();
    record.aligned = plan.aligned;
    if (!plan.aligned) {
      record.face = face;
      record.detector = kDetectorNames[static_cast<size_t>(context.detector)];
    }
    record.crop = plan.how.crop;
    if (!record.crop) record.paste = NameOf(plan.how.paste.value_or(AutoPaste(wanted, *config.flow)));
    record.model = context.model->file().fingerprint();
    plan.edits.push_back(std::move(wanted));
    plan.records.push_back(std::move(record));
  }
  return plan;
}

// Memory for a C caller.
Result<void*> Given(const void* bytes, size_t count) {
  void* const memory = std::malloc(count);
  if (memory == nullptr) return Status::Error(Code::kMemory, "no memory for a result of %zu bytes", count);
  std::memcpy(memory, bytes, count);
  return memory;
}

// What was found of the edited faces, into the result, the record and the log.
void Tell(const mien_context& context, const std::vector<EditedFace>& faces, EditRecord* record, mien_result* result) {
  const Portrayal portrayal = context.params.model_path == nullptr ? Portrayal::kDrawn : Portrayal::kPhotograph;
  result->faces = static_cast<int>(faces.size());
  result->photo_reconstruction = result->photo_edit = result->reconstruction_edit = -1.0;
  result->verdict = MIEN_CANNOT_TELL;
  for (const EditedFace& face : faces) {
    if (!face.likeness) continue;
    record->likeness.push_back(*face.likeness);
    Log(context.params, EditInWords(*face.likeness, portrayal));
    if (face.likeness->photo_edit <= result->photo_edit) continue;
    result->photo_reconstruction = face.likeness->photo_reconstruction;
    result->photo_edit = face.likeness->photo_edit;
    result->reconstruction_edit = face.likeness->reconstruction_edit;
    result->verdict = static_cast<mien_verdict>(Judge(face.likeness->photo_edit, RuleOf(portrayal)));
  }
}

// Takes picture i with what made it.
using Sink = std::function<Status(size_t i, const Image& picture, const std::string& parameters, mien_result* result)>;

// Each of the plan's edits; the photo is copied for all but the last.
Status EditAll(mien_context* context, Image photo, Plan* plan, mien_result* results, const Sink& sink) {
  FaceNetworks* networks = nullptr;
  std::vector<PhotoFace> found;
  if (!plan->aligned || plan->how.likeness) {
    MIEN_ASSIGN(networks, FacesOf(context));
  }
  if (!plan->aligned) {
    MIEN_ASSIGN(found, Find(*context, *networks, plan->choice, photo));
  }
  PhotoEditor editor(*context->pipeline, networks, plan->how,
                     [&](const char* stage) { return Stage(*context, stage); });
  editor.Take(std::move(found));
  for (size_t i = 0; i < plan->edits.size(); ++i) {
    Image picture;
    if (i + 1 < plan->edits.size()) {
      MIEN_ASSIGN(picture, photo.Copy());
    } else {
      picture = std::move(photo);
    }
    MIEN_ASSIGN(const std::vector<EditedFace> faces, editor.EditPhoto(plan->edits[i], &picture));
    Tell(*context, faces, &plan->records[i], &results[i]);
    const std::string parameters = ToJson(plan->records[i]);
    MIEN_ASSIGN(void* const text, Given(parameters.c_str(), parameters.size() + 1));
    results[i].parameters = static_cast<char*>(text);
    results[i].digital_source_type = kEditedSourceType;
    results[i].width = picture.width;
    results[i].height = picture.height;
    MIEN_TRY(Stage(*context, "write"));
    MIEN_TRY(sink(i, picture, parameters, &results[i]));
  }
  return {};
}

Result<PictureFormat> FormatOf(const mien_photo_options& options, PictureKind of_photo) {
  PictureFormat format = {of_photo, options.quality};
  const std::string name = options.format == nullptr ? "" : options.format;
  if (name == "png") format.kind = PictureKind::kPng;
  if (name == "jpeg") format.kind = PictureKind::kJpeg;
  if (name != "" && name != "png" && name != "jpeg")
    return Status::Error(Code::kUsage, "format %s: png or jpeg expected", name.c_str());
  if (format.quality < 1 || format.quality > 100)
    return Status::Error(Code::kUsage, "quality %d, 1 to 100 expected", format.quality);
  return format;
}

Status EditFile(mien_context* context, std::span<const std::byte> file, const mien_photo_options& options,
                const mien_edits* edits, size_t count, mien_result* results) {
  MIEN_ASSIGN(Plan plan, PlanOf(*context, options, edits, count));
  if (file.size() > kMaxImageFileBytes)
    return Status::Error(Code::kUsage, "photo of %zu bytes, at most %llu expected", file.size(),
                         static_cast<unsigned long long>(kMaxImageFileBytes));
  MIEN_ASSIGN(const PictureKind kind, KindOfPicture(file.first(std::min<size_t>(file.size(), kFirstBytes))));
  MIEN_ASSIGN(const PictureFormat format, FormatOf(options, kind));
  if (format.kind == PictureKind::kJpeg)
    for (EditRecord& record : plan.records) record.quality = format.quality;
  PictureNotes notes;
  MIEN_ASSIGN(Image photo, DecodePicture(MemorySource(file), &notes));
  for (const std::string& warning : notes.warnings) Log(context->params, warning);
  if (TellsPlace(photo) && options.drop_gps == 0) Log(context->params, "where it was taken stays in it (GPS)");
  if (options.drop_gps != 0) DropPlace(&photo);
  return EditAll(context, std::move(photo), &plan, results,
                 [&](size_t, const Image& picture, const std::string& parameters, mien_result* result) -> Status {
                   std::vector<PictureText> texts;
                   if (options.no_metadata == 0) texts = ProvenanceTexts(parameters, true);
                   MIEN_ASSIGN(const std::vector<std::byte> made, EncodePicture(picture, texts, format));
                   MIEN_ASSIGN(void* const bytes, Given(made.data(), made.size()));
                   result->file = static_cast<uint8_t*>(bytes);
                   result->bytes = made.size();
                   return {};
                 });
}

Status EditPixels(mien_context* context, const mien_image& photo, const mien_photo_options& options,
                  const mien_edits* edits, size_t count, const mien_canvas* pictures, mien_result* results) {
  MIEN_ASSIGN(Plan plan, PlanOf(*context, options, edits, count));
  const int side = context->pipeline->image_side();
  const int width = plan.how.crop ? side : photo.width, height = plan.how.crop ? side : photo.height;
  for (size_t i = 0; i < count; ++i) {
    if (pictures[i].rgb == nullptr) return Status::Error(Code::kUsage, "pictures: a pointer is null");
    if (pictures[i].width != width || pictures[i].height != height)
      return Status::Error(Code::kUsage, "picture %zu of %d x %d pixels, %d x %d expected", i, pictures[i].width,
                           pictures[i].height, width, height);
    MIEN_TRY(StrideOf(width, pictures[i].stride).status());
  }
  MIEN_ASSIGN(Image image, ImageOf(photo));
  return EditAll(context, std::move(image), &plan, results,
                 [&](size_t i, const Image& picture, const std::string&, mien_result*) -> Status {
                   MIEN_ASSIGN(const size_t stride, StrideOf(width, pictures[i].stride));
                   for (int y = 0; y < height; ++y)
                     std::memcpy(pictures[i].rgb + stride * static_cast<size_t>(y), picture.row(y), size_t{3} * width);
                   return {};
                 });
}

}  // namespace
}  // namespace mien

using mien::Pipeline;
using mien::Status;

mien_code mien_find_faces(mien_context* context, const mien_image* photo, mien_face* faces, size_t capacity,
                          size_t* count) {
  if (count != nullptr) *count = 0;
  const bool arguments = photo != nullptr && count != nullptr && (faces != nullptr || capacity == 0);
  return mien::Call(context, "read", arguments, [&](Pipeline&) -> Status {
    MIEN_ASSIGN(const mien::Image image, mien::ImageOf(*photo));
    MIEN_ASSIGN(mien::FaceNetworks* const networks, mien::FacesOf(context));
    MIEN_TRY(mien::Stage(*context, "find"));
    MIEN_ASSIGN(const mien::FaceSearch search, mien::SearchFaces(*networks, image, context->detector));
    MIEN_ASSIGN(const auto found, mien::LocateFaces(*networks, search, mien::FaceChoice{true, 0, {}}, image));
    for (size_t i = 0; i < std::min(found.size(), capacity); ++i) mien::CopyFace(found[i], &faces[i]);
    *count = found.size();
    return {};
  });
}

mien_code mien_align(mien_context* context, const mien_image* photo, const mien_face* face, int side, uint8_t* rgb) {
  const bool arguments = photo != nullptr && face != nullptr && rgb != nullptr;
  return mien::Call(context, "align", arguments, [&](Pipeline&) -> Status {
    if (side < mien::kSmallestCrop || side > mien::kLargestCrop)
      return Status::Error(mien::Code::kUsage, "side %d, %d to %d expected", side, mien::kSmallestCrop,
                           mien::kLargestCrop);
    MIEN_ASSIGN(const mien::Image image, mien::ImageOf(*photo));
    MIEN_ASSIGN(const mien::FaceCrop crop, mien::CutFace(image, mien::FaceOf(*face), side));
    MIEN_ASSIGN(const mien::Image square, mien::ResizeImage(crop.picture, side, side));
    std::ranges::copy(square.bytes(), rgb);
    return {};
  });
}

mien_code mien_compare(mien_context* context, const mien_image* a, const mien_face* face_a, const mien_image* b,
                       const mien_face* face_b, int drawn, double* distance, mien_verdict* verdict) {
  const bool arguments = a != nullptr && b != nullptr && distance != nullptr && verdict != nullptr;
  return mien::Call(context, "compare", arguments, [&](Pipeline&) -> Status {
    MIEN_ASSIGN(mien::FaceNetworks* const networks, mien::FacesOf(context));
    MIEN_ASSIGN(const auto first, mien::Descriptor(*networks, *a, face_a));
    MIEN_ASSIGN(const auto second, mien::Descriptor(*networks, *b, face_b));
    *distance = mien::Distance(first, second);
    const auto portrayal = drawn == 0 ? mien::Portrayal::kPhotograph : mien::Portrayal::kDrawn;
    *verdict = static_cast<mien_verdict>(mien::Judge(*distance, mien::RuleOf(portrayal)));
    return {};
  });
}

void mien_photo_options_init(mien_photo_options* options) {
  if (options == nullptr) return;
  *options = {};
  options->face = "largest";
  options->paste = "auto";
  options->strength = 1.0f;
  options->quality = mien::PictureFormat().quality;
}

mien_code mien_edit_photo(mien_context* context, const void* file, size_t bytes, const mien_photo_options* options,
                          const mien_edits* edits, size_t count, mien_result* results) {
  if (results != nullptr) std::fill_n(results, count, mien_result());
  const bool arguments =
      file != nullptr && options != nullptr && (count == 0 || (edits != nullptr && results != nullptr));
  const mien_code code = mien::Call(context, "read", arguments, [&](Pipeline&) {
    return mien::EditFile(context, {static_cast<const std::byte*>(file), bytes}, *options, edits, count, results);
  });
  if (code != MIEN_OK) mien_free_results(results, count);
  return code;
}

mien_code mien_edit_pixels(mien_context* context, const mien_image* photo, const mien_photo_options* options,
                           const mien_edits* edits, size_t count, const mien_canvas* pictures, mien_result* results) {
  if (results != nullptr) std::fill_n(results, count, mien_result());
  const bool arguments = photo != nullptr && options != nullptr &&
                         (count == 0 || (edits != nullptr && pictures != nullptr && results != nullptr));
  const mien_code code = mien::Call(context, "read", arguments, [&](Pipeline&) {
    return mien::EditPixels(context, *photo, *options, edits, count, pictures, results);
  });
  if (code != MIEN_OK) mien_free_results(results, count);
  return code;
}

void mien_free_results(mien_result* results, size_t count) {
  if (results == nullptr) return;
  for (size_t i = 0; i < count; ++i) {
    std::free(results[i].file);
    std::free(results[i].parameters);
    results[i] = {};
  }
}
