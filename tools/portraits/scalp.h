// Where hair grows on a head, how thick it lies there and which way it is combed. All functions take
// places on the average head (`root` of a head vertex), so hair stays with the skin in every pose.
#pragma once

#include "features.h"

namespace portraits {

class Scalp {
 public:
  explicit Scalp(const Portrait& portrait);

  // 0 bare .. 1 full hair
  Lanes density(Points root) const;
  // The same without the attribute `bald`: where locks may be rooted at all
  Lanes grown(Points root) const;
  // Height of the closed hair over the skin, in decimetres
  Lanes thickness(Points root, Lanes density) const;
  // The direction of combing, tangential, of unit length
  Points comb(Points root) const;
  // Outward direction of the average skull
  Points outward(Points root) const;
  // Cover of whiskers, 0..1, at full beard
  Lanes whiskers(Points root) const;

  float length() const { return length_; }  // of the locks, decimetres
  float volume() const { return volume_; }  // lift of the hair over the skin
  float curl() const { return curl_; }
  float tied() const { return tied_; }
  float fringe() const { return fringe_; }
  float part() const { return part_; }      // -1..1 from side to side
  Point gather() const { return gather_; }  // where tied hair is knotted
  float thinness() const { return thin_; }  // 0 .. 1 as the last hair goes

 private:
  Lanes above_line(Points root, float bald) const;
  float bald_, thin_, line_, peak_, length_, volume_, curl_, tied_, fringe_, part_, extent_;
  Point gather_;
};

}  // namespace portraits
