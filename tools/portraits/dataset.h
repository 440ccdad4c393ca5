// Seeded sampling of latents: people, each photographed several times, and the shards on disk.
#pragma once

#include <string>
#include <vector>

#include "portrait.h"

namespace portraits {

struct Shot {
  Latent u;    // normalised
  int person;  // identity group
};

// `shots` pictures of one person: identity factors shared, attributes and scene drawn anew.
// Even persons draw all attributes independently; odd persons as plausible in life (beards and
// baldness mostly male, glasses and baldness with age), with gender, age and baldness kept.
std::vector<Shot> photograph(int person, int shots, uint64_t seed);

// One safetensors file: pictures U8 [N,size,size,3], masks U8 [N,size,size] (share of face), landmarks
// F32 [N,68,2] (pixels), u F32 [N,128], factors F32 [N,kFactors], attributes F32 [N,8] (raw units), person
// I32 [N], skin_tone F32 [N] (0 light .. 1 dark), age_band I32 [N]. Its metadata names the factors in their
// order.
void write_shard(const std::string& path, const std::vector<Shot>& shots, int size);

}  // namespace portraits
