// Locks of hair and whiskers: ribbons that grow from fixed places of the skin along the combed direction.
#pragma once

#include "head.h"

namespace portraits {

void add_hair(const Features& features, const Scalp& scalp, const HeadGrid& grid, const Pose& pose,
              Mesh& mesh);
void add_whiskers(const Portrait& portrait, const Features& features, const Scalp& scalp,
                  const HeadGrid& grid, const Pose& pose, Mesh& mesh);

}  // namespace portraits
