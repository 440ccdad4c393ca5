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

// One safetensors file: pictures U8 [N,size,size,3], u F32 [N,128], factors F32 [N,kFactors],
// attributes F32 [N,8] (raw units), person I32 [N].
void write_shard(const std::string& path, const std::vector<Shot>& shots, int size);

}  // namespace portraits
