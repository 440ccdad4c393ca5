#include "dataset.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "random.h"
#include "render.h"

namespace portraits {
namespace {

// Attributes that stay with a person of the second kind.
struct Habits {
  float age;
  bool male, glasses, balding, bearded;
};

Habits draw_habits(Random& random) {
  Habits h;
  h.age = kYoungest + (kOldest - kYoungest) * random.uniform();
  h.male = random.chance(.5f);
  const float grown = smooth_step(18, 28, h.age), old = smooth_step(30, 70, h.age);
  h.glasses = random.chance(.2f + .35f * old);
  h.balding = h.male && random.chance(.6f * old * grown + .1f * grown);
  h.bearded = h.male && random.chance(.55f * grown);
  return h;
}

void apply_habits(const Habits& h, Random& random, Latent& u) {
  u[kGender] = h.male ? abs(u[kGender]) : -abs(u[kGender]);
  // around the person's age, mirrored at the ends of the range so that ages stay even
  float age = h.age + 2 * random.gaussian();
  age = age < kYoungest ? 2 * kYoungest - age : age > kOldest ? 2 * kOldest - age : age;
  u[kAge] = latent_for(kAge, clamp(age, kYoungest + .01f, kOldest - .01f));
  u[kGlasses] = latent_for(kGlasses, h.glasses ? 1 : 0) + .1f * random.gaussian();
  u[kBald] = latent_for(kBald, h.balding ? .3f + .65f * random.uniform() : 0);
  u[kBeard] = latent_for(kBeard, h.bearded ? .3f + .65f * random.uniform() : 0);
}

// Bring u to rms 1 by scaling the coordinates that carry nothing, so that factors stay exact.
void normalize_by_unused(Latent& u) {
  float used = 0, unused = 0;
  for (int k = 0; k < kLatent; ++k) (k < kFactors ? used : unused) += u[k] * u[k];
  const float wanted = max(float(kLatent) - used, 1.0f);
  const float scale = sqrt(wanted / unused);
  for (int k = kFactors; k < kLatent; ++k) u[k] *= scale;
}

void append(std::string& bytes, const void* data, size_t size) {
  bytes.append(static_cast<const char*>(data), size);
}

class SafetensorsWriter {
 public:
  void add(const char* name, const char* dtype, const std::string& shape, const std::string& bytes) {
    header_ += std::string(header_.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"" + dtype +
               "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(data_.size()) + "," +
               std::to_string(data_.size() + bytes.size()) + "]}";
    data_ += bytes;
  }
  // Written beside and renamed, so that a file under its name is complete.
  void write(const std::string& path) {
    std::string names;
    for (const char* name : kFactorNames) names += (names.empty() ? "" : " ") + std::string(name);
    header_ += ",\"__metadata__\":{\"factors\":\"" + names + "\"}}";
    while (header_.size() % 8) header_ += ' ';
    const std::string part = path + ".part";
    FILE* file = std::fopen(part.c_str(), "wb");
    if (!file) throw std::runtime_error("cannot write " + part);
    const uint64_t length = header_.size();
    bool good = std::fwrite(&length, 8, 1, file) == 1;
    good = good && std::fwrite(header_.data(), header_.size(), 1, file) == 1;
    good = good && std::fwrite(data_.data(), data_.size(), 1, file) == 1;
    if (std::fclose(file) != 0 || !good) throw std::runtime_error("cannot write " + part);
    std::filesystem::rename(part, path);
  }

 private:
  std::string header_, data_;
};

}  // namespace

std::vector<Shot> photograph(int person, int shots, uint64_t seed) {
  Random random(seed * 1000003u + uint64_t(person));
  random.next();
  float identity[kFactors];
  for (int k = kFirstIdentity; k < kFirstScene; ++k) identity[k] = random.gaussian();
  const bool plausible = person % 2 == 1;
  const Habits habits = draw_habits(random);
  std::vector<Shot> result;
  for (int i = 0; i < shots; ++i) {
    Shot shot{{}, person};
    for (float& x : shot.u) x = random.gaussian();
    for (int k = kFirstIdentity; k < kFirstScene; ++k) shot.u[k] = identity[k];
    if (plausible) apply_habits(habits, random, shot.u);
    normalize_by_unused(shot.u);
    result.push_back(shot);
  }
  return result;
}

void write_shard(const std::string& path, const std::vector<Shot>& shots, int size) {
  std::string pictures, masks, landmarks, latents, factors, attributes, persons, tones, bands;
  for (const Shot& shot : shots) {
    const Portrait portrait = decode(shot.u);
    const Rendered drawn = render(portrait, size);
    const auto shown = shown_factors(shot.u);
    const auto values = portrait.attributes.values();
    const int32_t person = shot.person, band = age_band(portrait.attributes.age);
    append(pictures, drawn.picture.pixels.data(), drawn.picture.pixels.size());
    append(masks, drawn.picture.face.data(), drawn.picture.face.size());
    append(landmarks, drawn.landmarks.data(), sizeof(drawn.landmarks));
    append(latents, shot.u.data(), sizeof(shot.u));
    append(factors, shown.data(), sizeof(shown));
    append(attributes, values.data(), sizeof(values));
    append(persons, &person, 4);
    append(tones, &portrait.identity.tone, 4);
    append(bands, &band, 4);
  }
  const std::string n = std::to_string(shots.size()), side = std::to_string(size);
  SafetensorsWriter file;
  file.add("u", "F32", n + "," + std::to_string(kLatent), latents);
  file.add("factors", "F32", n + "," + std::to_string(kFactors), factors);
  file.add("attributes", "F32", n + "," + std::to_string(kAttributes), attributes);
  file.add("person", "I32", n, persons);
  file.add("skin_tone", "F32", n, tones);
  file.add("age_band", "I32", n, bands);
  file.add("landmarks", "F32", n + "," + std::to_string(kLandmarks) + ",2", landmarks);
  file.add("masks", "U8", n + "," + side + "," + side, masks);
  file.add("pictures", "U8", n + "," + side + "," + side + ",3", pictures);
  file.write(path);
}

}  // namespace portraits
