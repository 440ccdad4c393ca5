// Where the parts of a face are and what curves bound them, in head space: the one truth that the
// geometry, the painting and the landmarks share.
// Head space is in decimetres: x to the picture's right, y up, z towards the camera of a frontal face;
// the origin lies between the ears at the height of the pupils.
#pragma once

#include "portrait.h"

namespace portraits {

struct Features {
  explicit Features(const Portrait& portrait);

  // vertical layout: below the pupils everything is stretched by `lower`, above them by `upper`
  float lower, upper, width;  // width of the face against the average adult's
  float brow_y, nose_tip_y, nose_base_y, mouth_y, chin_y, crown_y;

  // eyes: centre and radius of the ball, half width and heights of the opening
  Point eye;
  float eye_radius, eye_half, eye_up, eye_down, eye_tilt, eye_fold;
  // brows
  float brow_half, brow_thick, brow_arch;
  // nose
  float nose_out, nose_half, nose_bridge, nose_hump, nose_tip_up;
  // mouth: half width, lift of the corners, opening, lips
  float mouth_half, mouth_lift, mouth_open, lip_up, lip_down;

  // The curves take m = |x| and give heights y; T is float or Lanes.
  // Position across the eye: -1 at the inner corner, 1 at the outer one.
  template <class T>
  T eye_across(T m) const {
    return (m - (eye.x + .008f)) * (1 / eye_half);
  }
  template <class T>
  T upper_lid(T across) const {
    const T open = max(1.0f - across * across, across * 0.0f);
    return eye.y + eye_tilt * across + eye_up * sqrt(open) * (.80f + .20f * open) * (1.0f - .10f * across);
  }
  template <class T>
  T lower_lid(T across) const {
    const T open = max(1.0f - across * across, across * 0.0f);
    return eye.y + eye_tilt * across - eye_down * open * (1.0f + .16f * across);
  }
  template <class T>
  T brow_line(T along) const {  // along: -1 at the nose, 1 at the temple
    return brow_y + brow_arch * (1.0f - (along - .25f) * (along - .25f)) - .022f * along;
  }
  template <class T>
  T brow_along(T m) const {
    return (m - (eye.x + .015f)) * (1 / brow_half);
  }
  template <class T>
  T mouth_across(T m) const {
    return m * (1 / mouth_half);
  }
  // The line where closed lips meet
  template <class T>
  T mouth_line(T across) const {
    return mouth_y + mouth_lift * across * across + .010f * bell(across * 3.0f);
  }
  template <class T>
  T mouth_gap(T across) const {  // height of the opening
    const T open = max(1.0f - across * across * 1.08f, across * 0.0f);
    return mouth_open * sqrt(open) * (.45f + .55f * open);
  }
  template <class T>
  T upper_lip_edge(T across) const {  // lower edge of the upper lip
    return mouth_line(across) + .30f * mouth_gap(across);
  }
  template <class T>
  T lower_lip_edge(T across) const {
    return mouth_line(across) - .70f * mouth_gap(across);
  }
  template <class T>
  T upper_lip_height(T across) const {
    const T open = max(1.0f - across * across, across * 0.0f);
    return lip_up * sqrt(open) *
           (.55f + .45f * open + .16f * bell((across - .27f) * 4.5f) - .22f * bell(across * 7.0f));
  }
  template <class T>
  T lower_lip_height(T across) const {
    const T open = max(1.0f - across * across, across * 0.0f);
    return lip_down * sqrt(open) * (.50f + .50f * open);
  }
  // 1 on the lips and between them
  template <class T>
  T on_lips(T m, T y) const {
    const T across = mouth_across(m);
    const T over = y - upper_lip_edge(across) - upper_lip_height(across);
    const T under = lower_lip_edge(across) - lower_lip_height(across) - y;
    return smooth_step(.012f, -.006f, max(over, under)) * smooth_step(1.06f, .98f, across);
  }
};

}  // namespace portraits
