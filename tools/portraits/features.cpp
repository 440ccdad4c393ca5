// Measures of an average adult in decimetres, then what age, sex, identity and smile make of them.
#include "features.h"

namespace portraits {

Features::Features(const Portrait& p) {
  const float male = p.attributes.gender, smile = p.attributes.smile;
  const Growth& g = p.growth;
  const float sexed = (male - .5f) * (.25f + .75f * g.adult);  // -1/2 .. 1/2
  const auto spread = [&](Factor f, float by) { return 1 + by * p.spread(f); };

  lower =
      .965f * (1 - .225f * g.child) * (1 + .03f * sexed) * spread(kFaceLength, .032f) * (1 + .015f * g.old);
  upper = (1 - .01f * g.child) * spread(kHeadHeight, .025f);
  width = (1 - .125f * g.child) * (1 + .035f * sexed) * spread(kHeadWidth, .03f);
  crown_y = 1.12f * upper;
  brow_y = (.215f - .012f * g.child) + .016f * p.spread(kBrowHeight) - .036f * sexed - .012f * g.old +
           .008f * smile;
  nose_base_y = -.485f * lower * (1 - .06f * g.child) * spread(kNoseLength, .05f) * (1 + .03f * g.old);
  nose_tip_up = p.spread(kNoseTip) * .012f + .016f * g.child - .012f * sexed - .012f * g.old;
  nose_tip_y = nose_base_y + .085f + nose_tip_up;
  mouth_y = -.725f * lower + .016f * p.spread(kMouthHeight) + .012f * g.child;
  chin_y = -1.19f * lower * spread(kChin, .022f) + .01f * g.child;

  eye = {.312f * (1 - .085f * g.child) * spread(kEyeDistance, .042f) * spread(kHeadWidth, .008f), 0,
         .672f - .010f * p.spread(kEyeDepth) - .03f * g.child};
  const float size = spread(kEyeSize, .05f) * (1 - .07f * sexed);
  eye_radius = .133f * size;
  eye_half = .157f * size * (1 + .03f * g.child);
  const float open = spread(kEyeOpen, .13f) * (1 - .20f * sexed) * (1 + .10f * g.child) * size;
  eye_up = .056f * open * (1 - .16f * smile) * (1 - .25f * g.old);
  eye_down = .046f * open * (1 - .34f * smile);
  eye_tilt = .010f + .011f * p.spread(kEyeTilt) - .012f * g.old;
  eye_fold = p.spread(kEyeFold);

  brow_half = .205f * (1 - .10f * g.child) * spread(kEyeDistance, .02f);
  brow_thick = .030f * spread(kBrowThickness, .24f) * (1 + .90f * sexed) * (1 - .30f * g.child);
  brow_arch = .032f + .014f * p.spread(kBrowArch) - .022f * sexed;

  nose_out =
      .214f * (1 - .40f * g.child) * (1 + .13f * sexed) * (1 + .05f * g.old) * spread(kNoseLength, .06f);
  nose_half = .152f * (1 - .15f * g.child) * (1 + .14f * sexed) * spread(kNoseWidth, .11f) *
              (1 + .06f * smile) * (1 + .04f * g.old);
  nose_bridge = .046f * (1 - .65f * g.child) * spread(kNoseBridge, .32f) * (1 + .3f * sexed);
  nose_hump = .013f * p.spread(kNoseHump) * (1 - g.child) + .008f * sexed;

  mouth_half =
      .238f * (1 - .15f * g.child) * (1 + .03f * sexed) * spread(kMouthWidth, .065f) * (1 + .33f * smile);
  mouth_lift = -.009f + .100f * smile - .014f * g.old;
  mouth_open = .115f * smooth_step(.25f, 1, smile) * (1 - .12f * g.child);
  const float thin = (1 - .36f * g.old) * (1 - .16f * smile) * (1 - .34f * sexed) * (1 - .12f * g.child);
  lip_up = .066f * spread(kUpperLip, .26f) * thin;
  lip_down = .088f * spread(kLowerLip, .20f) * thin;
}

}  // namespace portraits
