// Ears, shoulders with clothes and spectacles.
#pragma once

#include "head.h"

namespace portraits {

void add_ears(const Portrait& portrait, const HeadGrid& grid, const Pose& pose, Mesh& mesh);
// Vertices carry the place in body space (`at`); of `root` x is 1 on the arms and y is 1 on the hands.
void add_shoulders(const Portrait& portrait, const Features& features, float neck_half, const Pose& pose,
                   Mesh& mesh);
// The lenses go into a mesh of their own, since they are looked through.
void add_glasses(const Portrait& portrait, const Features& features, const HeadGrid& grid, const Pose& pose,
                 Mesh& mesh, Mesh& lenses);

}  // namespace portraits
