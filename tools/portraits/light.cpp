#include "light.h"

#include <algorithm>

namespace portraits {

Light::Light(const Portrait& portrait, const Mesh& mesh)
    : key_(portrait.scene.light), shadow_(mesh, portrait.scene.light) {
  fill_ = normalize(Point{key_.x > 0 ? -.8f : .8f, .15f, .75f});
  rim_ = normalize(Point{key_.x > 0 ? -.85f : .85f, .45f, -.55f});
  const Color back = (portrait.scene.background_low + portrait.scene.background_high) * .5f;
  bounce_ = mix(Color{.30f, .30f, .30f}, back, .5f);
}

Colors Light::shade(const Hits& hits, const Paint& paint, Lanes near) const {
  const Points n = paint.normal, v = -hits.ray;
  const Lanes facing = dot(n, key_);
  const Lanes sun = shadow_.lit(hits.position, hits.normal);
  // light bleeds through skin, red the farthest
  const auto diffuse = [&](float wrap) {
    const Lanes w = wrap * paint.soft;
    const Lanes d = unit((facing + w) / ((1.0f + w) * (1.0f + .5f * w)));
    return d * mix(sun, sqrt(sun), wrap * 1.6f * paint.soft);
  };
  Colors direct{diffuse(.42f), diffuse(.20f), diffuse(.14f)};
  // hair is lit by how its strands lie
  const Points strand = paint.strand;
  const Points half = normalize(splat(key_) + v);
  const Lanes along = dot(strand, half), lies = dot(strand, key_);
  const Lanes hair_light =
      (.35f + .65f * sqrt(max(1.0f - lies * lies, splat(0)))) * unit(facing * .6f + .4f) * sun;
  direct = mix(direct, Colors{hair_light, hair_light, hair_light}, paint.hairy);
  const Lanes open = paint.open * near;
  const Lanes sky = n.y * .5f + .5f;
  const Lanes fill = unit(dot(n, fill_) * .6f + .4f);
  Colors ambient =
      mix(splat(bounce_ * .62f), splat(Color{.46f, .49f, .54f}), sky) + splat(Color{.20f, .22f, .26f}) * fill;
  // creases of skin glow red instead of going black
  const Colors occluded{mix(open, sqrt(open), .55f * paint.soft), open, open};
  Colors out = paint.albedo * (direct * Color{1.62f, 1.50f, 1.34f} + ambient * occluded);

  const Lanes facing_half = unit(dot(n, half));
  const Lanes fresnel = 1.0f - unit(dot(n, v)), rim = fresnel * fresnel * fresnel;
  const Lanes highlight = exp2(paint.sharp * 1.44f * (facing_half - 1.0f) * 2.0f) * paint.gloss * sun *
                          (.5f + 1.5f * rim) * unit(facing * 4.0f);
  const Lanes shine =
      exp2(log2(max(1.0f - along * along, splat(1e-4f))) * 26.0f) * sun * unit(facing * .7f + .3f);
  const Lanes back_light = unit(dot(n, rim_)) * open;
  const Lanes white = mix(highlight * .55f, splat(0), paint.hairy);
  out = out + Colors{white, white * .97f, white * .92f};
  out = out + paint.albedo * (paint.hairy * shine * paint.open * 1.1f) +
        splat(Color{.030f, .029f, .028f}) * (paint.hairy * shine * paint.open);
  out = out + (paint.albedo * .5f + splat(Color{.05f, .05f, .05f})) * (back_light * back_light * .9f);
  // the window of the lamp in wet eyes
  const Points mirrored = hits.ray - n * (2.0f * dot(hits.ray, n));
  const Point lamp = normalize(key_ + Point{0, .05f, .25f});
  const Lanes spark = smooth_step(.955f, .975f, dot(mirrored, lamp)) * paint.spark * 1.1f;
  return out + Colors{spark, spark, spark};
}

Lanes Light::mirrored(const Hits& hits) const {
  const Points r = hits.ray - hits.normal * (2.0f * dot(hits.ray, hits.normal));
  return .15f * smooth_step(.92f, .985f, dot(r, normalize(key_ + Point{0, .1f, 0}))) +
         .03f * smooth_step(-.1f, .5f, r.y);
}

namespace {

constexpr int kDirections = 4;
constexpr float kReach[] = {.06f, .15f, kOpennessReach};  // decimetres

}  // namespace

std::vector<float> openness(const Layer& layer, float samples_per_unit) {
  const int width = layer.width / 2, height = layer.height / 2;
  // depth of a pixel: the nearest of its four samples; what is not there lies far behind
  std::vector<float> depth(size_t(width) * height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const float* row = &layer.depth[size_t(2 * y) * layer.width + 2 * x];
      const float nearest = std::max({row[0], row[1], row[layer.width], row[layer.width + 1]});
      depth[size_t(y) * width + x] = nearest == Layer::kFar ? -20 : nearest;
    }
  std::vector<float> open(depth.size(), 1);
  constexpr float kAround[kDirections][2] = {{1, 0}, {.7071f, .7071f}, {0, 1}, {-.7071f, .7071f}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const float here = depth[size_t(y) * width + x];
      if (here <= -20) continue;
      float hidden = 0;
      for (float reach : kReach)
        for (const auto& d : kAround) {
          const int dx = int(d[0] * reach * samples_per_unit / 2 + (d[0] < 0 ? -.5f : .5f)),
                    dy = int(d[1] * reach * samples_per_unit / 2 + .5f);
          const auto at = [&](int px, int py) {
            const float q =
                depth[size_t(std::clamp(py, 0, height - 1)) * width + std::clamp(px, 0, width - 1)] - here;
            return clamp(q, -1.2f * reach, 1.2f * reach);
          };
          // the mean of opposite neighbours cancels the slope
          hidden += max(at(x + dx, y + dy) + at(x - dx, y - dy), 0.0f) / reach;
        }
      open[size_t(y) * width + x] = 1 / (1 + .155f * hidden);
    }
  return open;
}

Color develop(Color c) {
  const auto curve = [](float x) {
    x = max(x, 0.0f) * 1.02f;
    const float shoulder = x * (1 + x * .11f) / (1 + x * .62f);  // 1 at about 1.9
    return unit(pow(shoulder, 1 / 2.2f));
  };
  return {curve(c.x), curve(c.y), curve(c.z)};
}

}  // namespace portraits
