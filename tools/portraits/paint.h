// The colours of the surfaces, eight samples at a time.
#pragma once

#include "features.h"
#include "head.h"
#include "scalp.h"

namespace portraits {

// What is known of eight samples on the same material.
struct Hits {
  Points position, normal, at, root;  // as in Vertex
  Points ray;                         // unit, from the camera, world space
};

// What the light needs to know.
struct Paint {
  Colors albedo;
  Points normal;       // world
  Points strand;       // world, direction of hairs; used where `hairy` is above 0
  Lanes gloss, sharp;  // strength and exponent of the highlight
  Lanes soft;          // 0 hard .. 1 light bleeds as in skin
  Lanes hairy;         // 0 surface .. 1 hair
  Lanes open;          // ambient light that reaches it, on top of the screen's own estimate
  Lanes spark;         // strength of a mirrored lamp: wet eyes
};

class Painter {
 public:
  Painter(const Portrait& portrait, const Features& features, const Scalp& scalp, const Pose& pose,
          Point light);

  Paint head(const Hits& hits) const;
  Paint ear(const Hits& hits) const;
  Paint hair(const Hits& hits) const;  // at: across -1..1, along 0..1, lock; root as usual
  Paint whiskers(const Hits& hits) const;
  Paint frame(const Hits& hits) const;
  Paint cloth(const Hits& hits) const;
  // 1 where a sample of the head is face: above the jaw, without ears, neck and scalp
  Lanes face_share(const Hits& hits) const;

 private:
  Colors complexion(Points p, Points root) const;
  void paint_lips(Points p, Paint& paint) const;
  void paint_brows(Points p, Paint& paint) const;
  void paint_lids(Points p, Paint& paint) const;
  void paint_eyes(const Hits& hits, Paint& paint) const;
  void paint_mouth(const Hits& hits, Paint& paint) const;
  void paint_stubble(Points p, Points root, Paint& paint) const;
  void paint_scalp(Points root, Paint& paint) const;
  Colors hair_color(Lanes which, Lanes streak) const;

  const Portrait& portrait_;
  const Features& f_;
  const Scalp& scalp_;
  const Pose& pose_;
  Point light_;
  Color brow_color_, beard_color_;
};

}  // namespace portraits
