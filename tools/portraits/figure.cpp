#include "figure.h"

#include "hair.h"
#include "parts.h"

namespace portraits {

Figure::Figure(const Portrait& p) : portrait(p), features(portrait), scalp(portrait), pose(portrait) {
  const Head head(portrait, features, scalp);
  const HeadGrid grid = head.build(pose, mesh);
  landmarks = landmarks_of(features, mesh, grid, pose);
  add_ears(portrait, grid, pose, mesh);
  add_shoulders(portrait, features, head.neck_half(), pose, mesh);
  add_glasses(portrait, features, grid, pose, mesh, lenses);
  add_hair(features, scalp, grid, pose, mesh);
  add_whiskers(portrait, features, scalp, grid, pose, mesh);
}

}  // namespace portraits
