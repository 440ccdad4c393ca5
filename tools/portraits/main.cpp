// render_portraits: seeded data sets, contact sheets, single portraits and rooms of people who do not exist.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "dataset.h"
#include "describe.h"
#include "picture_file.h"
#include "random.h"

using namespace portraits;

namespace {

const char* kUsage =
    "render_portraits data DIR FIRST_SHARD LAST_SHARD [PERSONS_PER_SHARD [SHOTS [SEED [SIZE]]]]\n"
    "    shards FIRST..LAST-1, existing ones are kept; 125 persons with 8 shots each, seed 1, 128 pixels\n"
    "render_portraits people FILE.png FIRST_PERSON COUNT [SEED [SIZE [SHOTS]]] [ATTRIBUTE=VALUE ...]\n"
    "    eight pictures to a row, by default eight shots of one person\n"
    "render_portraits attributes FILE.png FIRST_PERSON COUNT [SEED [SIZE]]\n"
    "    neutral, then one attribute changed: smile glasses yaw pitch bald beard old child other gender\n"
    "render_portraits portrait FILE.png PERSON SIZE [SEED] [ATTRIBUTE=VALUE ...]\n"
    "    a neutral portrait; attributes gender glasses yaw pitch bald beard age smile in raw units\n"
    "render_portraits landmarks FILE.json PERSON SIZE [SEED] [ATTRIBUTE=VALUE ...]\n"
    "    what is true of that portrait: landmarks, box, quad; the mask of the face in FILE.mask.png\n"
    "render_portraits scene FILE.png WIDTH HEIGHT SEED [PERSON [x=PIXELS] [y=PIXELS] [side=PIXELS] "
    "[roll=DEGREES]\n"
    "    [ATTRIBUTE=VALUE ...]] ...\n"
    "    people in a room, what is true of it in FILE.json and FILE.mask.png; what is not given comes from "
    "the seed\n";

// The words of a command: numbers first, NAME=VALUE after them.
struct Words {
  std::vector<std::string> all;

  static bool is_setting(const std::string& word) { return word.find('=') != std::string::npos; }
  static double number(const std::string& word) {
    char* end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    if (word.empty() || *end) throw std::invalid_argument("not a number: " + word);
    return value;
  }
  int at(size_t i) const { return int(number(all.at(i))); }
  // A number within bounds: a size, a count.
  int within(size_t i, int low, int high, int fallback = -1) const {
    const int n = fallback < 0 ? at(i) : at(i, fallback);
    if (n < low || n > high)
      throw std::invalid_argument(all.at(i) + " is not within " + std::to_string(low) + ".." +
                                  std::to_string(high));
    return n;
  }
  int at(size_t i, int fallback) const { return i < all.size() && !is_setting(all[i]) ? at(i) : fallback; }
};

std::pair<std::string, float> split(const std::string& setting) {
  const size_t equals = setting.find('=');
  return {setting.substr(0, equals), float(Words::number(setting.substr(equals + 1)))};
}

// False where no attribute has this name.
bool set(Latent& u, const std::string& name, float raw) {
  for (int k = 0; k < kAttributes; ++k)
    if (name == kFactorNames[k]) return u[k] = latent_for(Factor(k), raw), true;
  return false;
}

void set_all(Latent& u, const Words& words) {
  for (const std::string& word : words.all) {
    if (!Words::is_setting(word)) continue;
    const auto [name, value] = split(word);
    if (!set(u, name, value)) throw std::invalid_argument("no such attribute: " + name);
  }
}

Latent neutral(int person, uint64_t seed) {
  Latent u = photograph(person, 1, seed)[0].u;
  for (Factor f : {kGlasses, kYaw, kPitch, kBald, kBeard}) u[f] = latent_for(f, 0);
  u[kAge] = latent_for(kAge, 30);
  u[kSmile] = latent_for(kSmile, .05f);
  return u;
}

void render_data(const Words& words) {
  const std::string folder = words.all.at(0);
  const int persons = words.at(3, 125), shots = words.at(4, 8), seed = words.at(5, 1),
            size = words.within(6, 16, 4096, 128);
  std::filesystem::create_directories(folder);
  for (int shard = words.at(1); shard < words.at(2); ++shard) {
    char name[32];
    std::snprintf(name, sizeof name, "shard_%04d.safetensors", shard);
    const std::string path = (std::filesystem::path(folder) / name).string();
    if (std::filesystem::exists(path)) continue;
    std::vector<Shot> all;
    for (int i = 0; i < persons; ++i)
      for (const Shot& shot : photograph(shard * persons + i, shots, uint64_t(seed))) all.push_back(shot);
    write_shard(path, all, size);
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
  }
}

void render_people(const Words& words) {
  const int size = words.within(4, 16, 4096, 128), shots = words.within(5, 1, 1000, 8);
  std::vector<std::vector<uint8_t>> pictures;
  for (int i = 0; i < words.within(2, 1, 10000); ++i)
    for (Shot& shot : photograph(words.at(1) + i, shots, uint64_t(words.at(3, 1)))) {
      set_all(shot.u, words);
      pictures.push_back(render(decode(shot.u), size).picture.pixels);
    }
  write_sheet(words.all[0], pictures, size, 8);
}

void render_attributes(const Words& words) {
  const std::pair<Factor, float> changes[] = {{kSmile, 1},   {kGlasses, 1}, {kYaw, 26}, {kPitch, 14},
                                              {kBald, .96f}, {kBeard, 1},   {kAge, 74}, {kAge, 6}};
  const int size = words.within(4, 16, 4096, 128);
  std::vector<std::vector<uint8_t>> pictures;
  for (int i = 0; i < words.within(2, 1, 10000); ++i) {
    const Latent u = neutral(words.at(1) + i, uint64_t(words.at(3, 1)));
    pictures.push_back(render(decode(u), size).picture.pixels);
    for (const auto& [factor, value] : changes) {
      Latent changed = u;
      changed[factor] = latent_for(factor, value);
      pictures.push_back(render(decode(changed), size).picture.pixels);
    }
    Latent other = u;
    other[kGender] = -other[kGender];
    pictures.push_back(render(decode(other), size).picture.pixels);
  }
  write_sheet(words.all[0], pictures, size, 10);
}

Portrait portrait_of(const Words& words) {
  Latent u = neutral(words.at(1), uint64_t(words.at(3, 1)));
  set_all(u, words);
  return decode(u);
}

void render_portrait(const Words& words) {
  const Picture picture = render(portrait_of(words), words.within(2, 16, 4096)).picture;
  write_png(words.all[0], picture.pixels, picture.width, picture.height);
}

std::string mask_path(const std::string& path) {
  return std::filesystem::path(path).replace_extension(".mask.png").string();
}

void render_landmarks(const Words& words) {
  const Portrait portrait = portrait_of(words);
  const Rendered drawn = render(portrait, words.within(2, 16, 4096));
  write_text(words.all[0], describe(words.at(1), portrait, drawn.landmarks) + "\n");
  write_png(mask_path(words.all[0]), drawn.picture.face, drawn.picture.width, drawn.picture.height, 1);
}

// One person of a room: the number, then settings up to the next number. Those of the place that are not
// given are drawn from the seed and `slot`, the part of the width that is this person's, whatever the
// attributes are.
Standing standing(const Words& words, size_t& i, int width, int height, uint64_t seed, float slot,
                  float slots) {
  const int person = words.at(i);
  Random random(seed * 7919 + uint64_t(slot) * 31 + uint64_t(person));
  Latent u = neutral(person, seed);
  const float side = min(float(height), float(width) / slots) * mix(.2f, .6f, random.uniform());
  Place place{float(width) / slots * (slot + mix(.35f, .65f, random.uniform())),
              float(height) * mix(.30f, .50f, random.uniform()), side, .12f * random.gaussian()};
  for (++i; i < words.all.size() && Words::is_setting(words.all[i]); ++i) {
    const auto [name, value] = split(words.all[i]);
    if (name == "x")
      place.x = value;
    else if (name == "y")
      place.y = value;
    else if (name == "side")
      place.side = value;
    else if (name == "roll")
      place.roll = value * kPi / 180;
    else if (!set(u, name, value))
      throw std::invalid_argument("no such setting: " + name);
  }
  Portrait portrait = decode(u);
  portrait.scene.tilt = -place.roll;  // the head leans, the shoulders stay level
  return {portrait, place};
}

void render_scene(const Words& words) {
  const int width = words.within(1, 16, 32768), height = words.within(2, 16, 32768);
  const uint64_t seed = uint64_t(words.at(3));
  std::vector<Standing> people;
  std::vector<int> numbers;
  const auto slots = std::count_if(words.all.begin() + 4, words.all.end(),
                                   [](const auto& w) { return !Words::is_setting(w); });
  for (size_t i = 4; i < words.all.size();) {
    numbers.push_back(words.at(i));
    people.push_back(standing(words, i, width, height, seed, float(people.size()), float(slots)));
  }
  const Scene room = decode(photograph(int(seed % 1000003), 1, seed ^ 0x5eedu)[0].u).scene;
  for (Standing& who : people) who.portrait.scene.light = room.light;
  const Group group = render_group(people, room, width, height);
  write_png(words.all[0], group.picture.pixels, width, height);
  write_png(mask_path(words.all[0]), group.picture.face, width, height, 1);
  std::string text =
      "{\"width\": " + std::to_string(width) + ", \"height\": " + std::to_string(height) + ", \"faces\": [\n";
  for (size_t i = 0; i < people.size(); ++i)
    text += (i ? ",\n" : "") + describe(numbers[i], people[i].portrait, group.landmarks[i]);
  write_text(std::filesystem::path(words.all[0]).replace_extension(".json").string(), text + "\n]}\n");
}

}  // namespace

int main(int argc, char** argv) {
  // keep freed buffers: pictures follow pictures, and fresh pages cost a tenth of the time
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  const std::string verb = argc > 1 ? argv[1] : "";
  const Words words{{argv + (argc > 1 ? 2 : 1), argv + argc}};
  const std::pair<const char*, void (*)(const Words&)> verbs[] = {
      {"data", render_data},         {"people", render_people},       {"attributes", render_attributes},
      {"portrait", render_portrait}, {"landmarks", render_landmarks}, {"scene", render_scene}};
  try {
    for (const auto& [name, run] : verbs)
      if (verb == name && words.all.size() >= (verb == "scene" ? 4 : 3)) return run(words), 0;
    std::fputs(kUsage, stderr);
    return 2;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
