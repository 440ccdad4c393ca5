// Two samples a pixel in each direction: the mesh is rasterised, samples of the same material are painted and
// lit eight at a time, and the four samples of a pixel are averaged in linear light.
#include "render.h"

#include <algorithm>

#include "hair.h"
#include "light.h"
#include "parts.h"
#include "room.h"

namespace portraits {
namespace {

constexpr int kSamples = 2;

// Gathers eight samples: weights of the corners from the projected triangle.
void gather(const Mesh& mesh, const Layer& layer, const int* samples, Hits& hits) {
  for (int i = 0; i < kLanes; ++i) {
    const int s = samples[i];
    const auto& t = mesh.triangles[layer.triangle[s]];
    const Point a = layer.corners[t[0]], b = layer.corners[t[1]], c = layer.corners[t[2]];
    const float x = float(s % layer.width) + .5f - a.x, y = float(s / layer.width) + .5f - a.y;
    const float inverse = 1 / ((b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y));
    const float v = ((c.y - a.y) * x - (c.x - a.x) * y) * inverse, w = ((b.x - a.x) * y - (b.y - a.y) * x) * inverse;
    const Vertex &p = mesh.vertices[t[0]], &q = mesh.vertices[t[1]], &r = mesh.vertices[t[2]];
    const auto blend = [&](Point Vertex::* m) { return (p.*m) * (1 - v - w) + (q.*m) * v + (r.*m) * w; };
    set_lane(hits.position, i, blend(&Vertex::position));
    set_lane(hits.normal, i, blend(&Vertex::normal));
    set_lane(hits.at, i, blend(&Vertex::at));
    set_lane(hits.root, i, blend(&Vertex::root));
  }
  hits.normal = normalize(hits.normal);
  hits.ray = normalize(hits.position - splat(Point{0, 0, kCameraDistance}));
}

Paint paint_of(const Painter& painter, Material m, const Hits& hits) {
  switch (m) {
    case kEar: return painter.ear(hits);
    case kHair: return painter.hair(hits);
    case kWhiskers: return painter.whiskers(hits);
    case kFrame: return painter.frame(hits);
    case kCloth: return painter.cloth(hits);
    default: return painter.head(hits);
  }
}

}  // namespace

Picture render(const Portrait& portrait, int size) {
  const Features features(portrait);
  const Scalp scalp(portrait);
  const Pose pose(portrait);
  Mesh mesh;
  const Head head(portrait, features, scalp);
  const HeadGrid grid = head.build(pose, mesh);
  add_ears(portrait, features, grid, pose, mesh);
  add_shoulders(portrait, features, head.neck_half(), pose, mesh);
  add_glasses(portrait, features, grid, pose, mesh);
  add_hair(features, scalp, grid, pose, mesh);
  add_whiskers(portrait, scalp, grid, pose, mesh);
  const Landmarks landmarks = landmarks_of(features, mesh, grid, pose);
  const View view = view_of(ffhq_frame(flatten(landmarks, View{})), float(size));
  const View fine = view.scaled(kSamples);
  Layer layer(size * kSamples, size * kSamples);
  rasterise(mesh, fine, layer);
  const Painter painter(portrait, features, scalp, pose, portrait.scene.light);
  const Light light(portrait, mesh);
  const std::vector<float> open = openness(layer, fine.samples_per_unit());

  std::vector<Color> colors(layer.depth.size());
  std::vector<float> face(layer.depth.size());
  std::vector<int> samples[kMaterials];
  for (size_t i = 0; i < layer.triangle.size(); ++i)
    if (layer.triangle[i] >= 0) samples[mesh.materials[layer.triangle[i]]].push_back(int(i));
  for (int m = 1; m < kMaterials; ++m) {
    auto& list = samples[m];
    const size_t count = list.size();
    while (list.size() % kLanes) list.push_back(list.back());
    for (size_t i = 0; i < list.size(); i += kLanes) {
      Hits hits;
      gather(mesh, layer, &list[i], hits);
      Lanes near;
      for (int k = 0; k < kLanes; ++k)
        near[k] = open[size_t(list[i + k] / layer.width / 2) * (layer.width / 2) + list[i + k] % layer.width / 2];
      const Paint paint = paint_of(painter, Material(m), hits);
      const Colors lit = light.shade(hits, paint, near);
      for (int k = 0; k < kLanes; ++k) colors[list[i + k]] = lane(lit, k);
      if (m == kHead) {
        const Lanes share = painter.face_share(hits);
        for (int k = 0; k < kLanes; ++k) face[list[i + k]] = share[k];
      } else if (m == kFrame || m == kWhiskers) {
        for (int k = 0; k < kLanes; ++k) face[list[i + k]] = 1;
      }
    }
    list.resize(count);
  }
  Picture picture{size, size, std::vector<uint8_t>(size_t(size) * size * 3), std::vector<uint8_t>(size_t(size) * size), flatten(landmarks, view)};
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const Color behind = room_at(portrait.scene, (float(x) + .5f) / float(size) * 2 - 1, 1 - (float(y) + .5f) / float(size) * 2);
      Color sum{};
      float share = 0;
      for (int k = 0; k < 4; ++k) {
        const size_t at = size_t(2 * y + k / 2) * layer.width + 2 * x + k % 2;
        sum = sum + (layer.triangle[at] < 0 ? behind : colors[at]);
        share += face[at];
      }
      const Color c = develop(sum * .25f);
      const size_t i = size_t(y) * size + x;
      picture.pixels[3 * i] = uint8_t(255 * c.x + .5f);
      picture.pixels[3 * i + 1] = uint8_t(255 * c.y + .5f);
      picture.pixels[3 * i + 2] = uint8_t(255 * c.z + .5f);
      picture.face[i] = uint8_t(share * .25f * 255 + .5f);
    }
  return picture;
}

}  // namespace portraits
