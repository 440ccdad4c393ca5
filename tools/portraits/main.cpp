// render_portraits: seeded data sets, contact sheets and single portraits of people who do not exist.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "dataset.h"
#include "picture_file.h"
#include "render.h"

using namespace portraits;

namespace {

const char* kUsage =
    "render_portraits data DIR FIRST_SHARD LAST_SHARD [PERSONS_PER_SHARD SHOTS SEED]\n"
    "    shards FIRST..LAST-1, existing ones are kept; 125 persons with 8 shots each, seed 1\n"
    "render_portraits people FILE.png FIRST_PERSON COUNT [SEED [SIZE]]    eight shots to a row\n"
    "render_portraits attributes FILE.png FIRST_PERSON COUNT [SEED [SIZE]]\n"
    "    neutral, then one attribute changed: smile glasses yaw pitch bald beard old child other gender\n"
    "render_portraits portrait FILE.png PERSON SIZE [SEED [ATTRIBUTE=VALUE ...]]\n"
    "    a neutral portrait; attributes gender glasses yaw pitch bald beard age smile in raw units\n";

int argument(int argc, char** argv, int index, int fallback) {
  return index < argc ? std::atoi(argv[index]) : fallback;
}

void set(Latent& u, Factor attribute, float raw) { u[attribute] = latent_for(attribute, raw); }

Latent neutral(int person, uint64_t seed) {
  Latent u = photograph(person, 1, seed)[0].u;
  for (Factor f : {kGlasses, kYaw, kPitch, kBald, kBeard}) set(u, f, 0);
  set(u, kAge, 30);
  set(u, kSmile, .05f);
  return u;
}

void render_data(int argc, char** argv) {
  const std::string folder = argv[2];
  const int persons = argument(argc, argv, 5, 125), shots = argument(argc, argv, 6, 8);
  const int seed = argument(argc, argv, 7, 1);
  std::filesystem::create_directories(folder);
  for (int shard = std::atoi(argv[3]); shard < std::atoi(argv[4]); ++shard) {
    char name[32];
    std::snprintf(name, sizeof name, "shard_%04d.safetensors", shard);
    const std::string path = (std::filesystem::path(folder) / name).string();
    if (std::filesystem::exists(path)) continue;
    std::vector<Shot> all;
    for (int i = 0; i < persons; ++i)
      for (const Shot& shot : photograph(shard * persons + i, shots, uint64_t(seed))) all.push_back(shot);
    write_shard(path, all, 128);
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
  }
}

void render_people(int argc, char** argv) {
  const int size = argument(argc, argv, 6, 128);
  std::vector<std::vector<uint8_t>> pictures;
  for (int i = 0; i < std::atoi(argv[4]); ++i)
    for (const Shot& shot : photograph(std::atoi(argv[3]) + i, 8, uint64_t(argument(argc, argv, 5, 1))))
      pictures.push_back(render(decode(shot.u), size).pixels);
  write_sheet(argv[2], pictures, size, 8);
}

void render_attributes(int argc, char** argv) {
  const int size = argument(argc, argv, 6, 128);
  const std::pair<Factor, float> changes[] = {{kSmile, 1}, {kGlasses, 1}, {kYaw, 26}, {kPitch, 14}, {kBald, .96f},
                                              {kBeard, 1}, {kAge, 74},    {kAge, 6}};
  std::vector<std::vector<uint8_t>> pictures;
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    const Latent u = neutral(std::atoi(argv[3]) + i, uint64_t(argument(argc, argv, 5, 1)));
    pictures.push_back(render(decode(u), size).pixels);
    for (const auto& [factor, value] : changes) {
      Latent changed = u;
      set(changed, factor, value);
      pictures.push_back(render(decode(changed), size).pixels);
    }
    Latent other = u;
    other[kGender] = -other[kGender];
    pictures.push_back(render(decode(other), size).pixels);
  }
  write_sheet(argv[2], pictures, size, 10);
}

void render_portrait(int argc, char** argv) {
  const int size = std::atoi(argv[4]);
  Latent u = neutral(std::atoi(argv[3]), uint64_t(argument(argc, argv, 5, 1)));
  const char* names[kAttributes] = {"gender", "glasses", "yaw", "pitch", "bald", "beard", "age", "smile"};
  for (int i = 6; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t equals = text.find('=');
    for (int k = 0; k < kAttributes; ++k)
      if (text.substr(0, equals) == names[k]) set(u, Factor(k), float(std::atof(text.c_str() + equals + 1)));
  }
  write_png(argv[2], render(decode(u), size).pixels, size, size);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 4 ? argv[1] : "";
  try {
    if (verb == "data") render_data(argc, argv);
    else if (verb == "people") render_people(argc, argv);
    else if (verb == "attributes") render_attributes(argc, argv);
    else if (verb == "portrait") render_portrait(argc, argv);
    else return std::fputs(kUsage, stderr), 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
