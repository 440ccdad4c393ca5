#include "runtime/face/photo_editor.h"

#include <algorithm>
#include <utility>

#include "runtime/face/resample.h"

namespace mien {
namespace {

bool Same(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height && std::ranges::equal(a.bytes(), b.bytes());
}

}  // namespace

PhotoEditor::PhotoEditor(Pipeline& pipeline, FaceNetworks* networks, PhotoEditOptions options,
                         std::function<Status(const char*)> announce)
    : pipeline_(pipeline), networks_(networks), options_(std::move(options)), announce_(std::move(announce)) {}

void PhotoEditor::Take(std::vector<PhotoFace> faces) {
  faces_ = std::move(faces);
  unedited_.clear();
  unedited_.resize(std::max<size_t>(faces_.size(), 1));
}

Status PhotoEditor::Announce(const char* stage) const { return announce_ ? announce_(stage) : Status(); }

// Nothing is to be done where the crop has the pixels of the last one.
Status PhotoEditor::Encode(Image crop, const Image& photo, size_t number, Unedited* face) {
  if (face->crop.width > 0 && Same(face->crop, crop)) return {};
  MIEN_TRY(Announce("encode"));
  *face = {};
  face->codes.resize(static_cast<size_t>(pipeline_.rows()) * static_cast<size_t>(pipeline_.w_dim()));
  MIEN_TRY(pipeline_.Encode(crop, face->codes));
  if (options_.refine) {
    MIEN_TRY(Announce("refine"));
    const int side = pipeline_.image_side();
    ThreadPool* const pool = &pipeline_.engine().pool();
    FaceCrop larger;
    if (side > kCropSide && !faces_.empty()) {
      MIEN_ASSIGN(larger, CutFace(photo, faces_[number], side, pool));
    }
    MIEN_TRY(options_.refine(larger.picture.width > 0 ? larger.picture : crop, face->codes));
  }
  if (options_.likeness || options_.scores || !options_.crop) {
    MIEN_ASSIGN(face->reconstruction, pipeline_.Synthesize(face->codes, options_.noise_seed));
  }
  if (options_.scores) {
    MIEN_ASSIGN(face->scores, pipeline_.Scores());
  }
  if (options_.likeness) {
    MIEN_ASSIGN(face->crop_descriptor, DescribeCrop(*networks_, crop));
    MIEN_ASSIGN(face->reconstruction_descriptor, DescribeCrop(*networks_, face->reconstruction));
  }
  face->crop = std::move(crop);
  return {};
}

Result<Image> PhotoEditor::Draw(size_t number, const std::vector<Edit>& edits, float strength) {
  const Unedited& face = unedited_[number];
  std::vector<float> codes = face.codes;
  if (!edits.empty()) {
    MIEN_TRY(Announce("edit"));
    MIEN_TRY(pipeline_.ApplyEdit(edits, options_.rows, strength, face.codes, codes));
  }
  if (options_.exchange) MIEN_TRY(options_.exchange(number, codes));
  MIEN_TRY(Announce("synthesize"));
  return pipeline_.Synthesize(codes, options_.noise_seed);
}

Result<std::vector<EditedFace>> PhotoEditor::EditPhoto(const std::vector<Edit>& edits, Image* photo) {
  if (options_.crop && faces_.size() > 1)
    return Status::Error(Code::kUsage, "%zu faces: one is shown alone (crop), its number expected", faces_.size());
  std::vector<EditedFace> edited;
  for (size_t i = 0; i < unedited_.size(); ++i) {
    Unedited& face = unedited_[i];
    ThreadPool* const pool = &pipeline_.engine().pool();
    MIEN_ASSIGN(FaceCrop crop, faces_.empty() ? CutCentre(*photo) : CutFace(*photo, faces_[i], kCropSide, pool));
    MIEN_TRY(Encode(std::move(crop.picture), *photo, i, &face));
    std::vector<Edit> own = edits;
    float strength = options_.strength;
    if (options_.adjust) MIEN_TRY(options_.adjust(face.codes, &own, &strength));
    MIEN_ASSIGN(Image picture, Draw(i, own, strength));
    edited.push_back({crop.as_it_is, {}, face.scores, {}});
    if (options_.scores) {
      MIEN_ASSIGN(edited.back().scores_after, pipeline_.Scores());
    }
    if (options_.likeness) {
      MIEN_TRY(Announce("compare"));
      MIEN_ASSIGN(const std::vector<float> descriptor, DescribeCrop(*networks_, picture));
      edited.back().likeness = LikenessOf(face.crop_descriptor, face.reconstruction_descriptor, descriptor);
    }
    if (options_.crop) {
      *photo = std::move(picture);
      continue;
    }
    MIEN_TRY(Announce("paste"));
    const PasteMode mode = options_.paste.value_or(AutoPaste(own, *pipeline_.config().flow));
    MIEN_TRY(PasteFace(picture, face.reconstruction, crop.place, mode, photo, pool));
  }
  return edited;
}

}  // namespace mien
